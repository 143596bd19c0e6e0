"""The page in a real browser: it answers by itself, and the same as the lake."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from PIL import Image

from brume.labels.pipeline.dashboard import Dashboard
from brume.labels.pipeline.dashboard.evaluate import Evaluator, Selection
from tests.components.labels.dashboard import tables
from tests.components.labels.dashboard.conftest import drawn
from tests.polling import until

pytestmark = pytest.mark.browser


def hour(day: int, hours: int) -> float:
    return tables.START.replace(day=day, hour=hours).timestamp() / 3600


SELECTIONS = {
    "": Selection(),
    "jobs=bridge": Selection(jobs=frozenset({"bridge"})),
    "modalities=ImageClassification&workers=Ana+Lima": Selection(
        modalities=frozenset({tables.PICTURES}), workers=frozenset({"Ana Lima"})
    ),
    "workers=Dana+Levi&workers=Emre+Can&from=2026-03-02T10:00&to=2026-03-04T12:00": Selection(
        workers=frozenset({"Dana Levi", "Emre Can"}), start=hour(2, 10), end=hour(4, 12) - 1
    ),
    "jobs=harbour": Selection(jobs=frozenset({"harbour"})),
}


def same(a: object, b: object) -> bool:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9)
    return a == b


def restored(page: Any, words: str) -> None:
    page.value(f"board.restore(new URLSearchParams({json.dumps(words)})).then(() => null)")


def headline(page: Any, name: str) -> str:
    return str(page.value(f"document.querySelector('#n-{name} strong').textContent"))


def number(words: str) -> int:
    return int(re.sub(r"\D", "", words))


def test_every_view_is_the_same_in_the_browser_and_in_python_whatever_the_filters(
    dashboard: Dashboard, page: Any
) -> None:
    for words, selection in SELECTIONS.items():
        restored(page, words)
        drawn = page.value("Object.fromEntries(board.cards.map((card) => [card.view.name, card.rows]))")
        evaluator = Evaluator(dashboard.cubes.tables, selection)
        assert {view.name for view in dashboard.board.views()} == drawn.keys()
        for view in dashboard.board.views():
            rows = evaluator.rows(view)
            assert len(rows) == len(drawn[view.name]), (words, view.name)
            for expected, found in zip(rows, drawn[view.name], strict=True):
                assert found.keys() == expected.keys()
                assert all(same(found[name], value) for name, value in expected.items()), (words, view.name)
    assert page.errors == []


def test_a_filter_acts_on_headline_numbers_charts_and_tables_alike(dashboard: Dashboard, page: Any) -> None:
    state = "document.getElementById('state').textContent"  # the last thing that a change of filters writes
    unfiltered, everything = page.value(state), headline(page, "labels")
    page.value("document.querySelector('#pick-jobs summary').click()")
    page.value(
        "[...document.querySelectorAll('#pick-jobs label')].find(e => e.textContent === 'bridge').click()"
    )
    until(lambda: "1 of 4 jobs" in page.value(state), "the filtered page")
    assert number(headline(page, "labels")) < number(everything)
    assert headline(page, "jobs") == "1"
    assert page.value("document.querySelector('#pick-jobs b').textContent") == "bridge"
    assert page.value("document.querySelector('[data-view=jobs] tbody').rows.length") == 1
    marks = """document.querySelector('[data-view=labels_over_time] .chart').__proto__ && board.cards
      .find(card => card.view.name === 'labels_over_time').chart.marks().map(e => e.__data__.datum.labels)"""
    assert sum(page.value(marks)) == number(headline(page, "labels"))
    assert "1 of 4 jobs" in page.value(state)
    assert "jobs=bridge" in page.value("location.hash")
    page.value("document.getElementById('clear').click()")
    until(lambda: page.value(state) == unfiltered, "the page without filters")
    assert headline(page, "labels") == everything
    assert page.value("location.hash") == ""


def test_a_page_opens_with_the_filters_of_its_address(page: Any) -> None:
    page.value(
        "location.hash = 'workers=Ana+Lima'; delete document.documentElement.dataset.ready; location.reload()"
    )
    drawn(page)
    assert headline(page, "workers") == "1"


def test_a_mark_leads_to_the_frames_behind_it(dashboard: Dashboard, page: Any) -> None:
    card = "board.cards.find(card => card.view.name === 'value-frame/quality')"
    mark = f"{card}.chart.marks().find(e => e.__data__.datum.value === 'blurred')"
    page.value(f"mark = {mark}; mark.scrollIntoView({{behavior: 'instant', block: 'center'}}); null")
    x, y = page.value(
        "(box => [box.x + box.width / 2, box.y + box.height / 2])(mark.getBoundingClientRect())"
    )
    for kind in ("mousePressed", "mouseReleased"):
        page.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    assert page.value("document.getElementById('behind').open")
    rows = page.value(
        "[...document.querySelectorAll('#behind tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    # Each of the six sequences that were labelled is blurred at its end.
    assert [row[:4] for row in rows] == [
        [job, str(item), "15-19", "5"]
        for job, items in (("bridge", 2), ("crossing", 4))
        for item in range(items)
    ]
    sql = page.value("document.querySelector('#behind code').textContent")
    assert sql.startswith('brume sql "SELECT job, item, frame_no, file FROM frames WHERE')
    assert "element_at(attributes, 'quality') = 'blurred'" in sql


@pytest.mark.parametrize(
    "view", ["time_by_worker", "jobs", "agreement", "audit_by_worker", "findings", "labels_over_time"]
)
def test_every_kind_of_figure_leads_to_items_and_their_frames(
    view: str, dashboard: Dashboard, page: Any
) -> None:
    card = f"board.cards.find(card => card.view.name === '{view}')"
    page.value(f"openDrillDown(board.drilldown.of({card}.view, {card}.rows[0]), false)")
    head = page.value("[...document.querySelectorAll('#behind thead th')].map(e => e.textContent)")
    assert {"Job", "Item", "Frames", "File"} <= set(head)
    assert page.value("document.querySelector('#behind tbody').rows.length") > 0


def test_the_query_behind_a_figure_has_just_the_items_that_the_page_has(page: Any) -> None:
    connection = tables.connect(**tables.effort())
    asked = """board.cards.filter(card => card.view.drill && card.rows.length).flatMap(({view, rows}) =>
      [rows[0], rows[rows.length - 1]].map(row => board.drilldown.of(view, row)).map(it => [view.name,
        [...new Set(it.rows.map(row => row.job + " " + row.item))].sort(), it.sql]))"""
    checked = 0
    for words in (
        "",
        "workers=Dana+Levi&from=2026-03-02T10:00&to=2026-03-05T12:00",
        "modalities=ImageClassification",
    ):
        restored(page, words)
        for view, items, query in page.value(asked):
            translated = sqlglot.transpile(query, read="athena", write="duckdb")[0]
            rows = connection.sql(translated).to_arrow_table().to_pylist()
            assert sorted({f"{row['job']} {row['item']}".replace("None", "null") for row in rows}) == items, (
                view
            )
            checked += 1
    assert checked > 60


def test_headline_numbers_lead_to_what_is_behind_them(dashboard: Dashboard, page: Any) -> None:
    restored(page, "jobs=bridge")
    page.value("document.querySelector('#n-open strong button').click()")
    title, words = page.value(
        "['behind-title', 'behind-body'].map(id => document.getElementById(id).textContent)"
    )
    assert title == "Items open"
    assert words.startswith("1 row.") and "state = 'missing'" in words
    page.value("document.getElementById('behind').close()")
    page.value("document.querySelector('#n-findings strong a').click()")
    assert page.value("document.activeElement.id") == "look"


def test_a_finding_about_a_worker_leads_to_their_answers(dashboard: Dashboard, page: Any) -> None:
    answers = [row for row in tables.effort()["answers"] if row["job"] == "crossing"]
    sub = answers[0]["worker"]
    name = tables.NAMES[int(sub[7])]
    row = {"kind": "too fast", "job": "crossing", "item": None, "worker": name, "detail": "So"}
    found = page.value(
        "board.drilldown.finding(board.cards.find(card => card.view.name === 'findings').view, "
        f"{json.dumps(row)}, [])"
    )
    assert len(found["rows"]) == sum(answer["worker"] == sub for answer in answers)
    assert {answer["worker"] for answer in found["rows"]} == {name}
    assert found["note"] == "So."


def test_a_part_with_nothing_left_names_what_is_empty(page: Any) -> None:
    restored(page, "jobs=harbour")
    shown = page.value(
        "[...document.querySelectorAll('#labels .view')].filter(e => !e.hidden).map(e => e.textContent)"
    )
    assert len(shown) == 1
    assert "The same holds for: " in shown[0] and "Vehicle type, by job" in shown[0]


def test_csv_has_whole_numbers_quotes_text_and_defuses_formulas(dashboard: Dashboard, page: Any) -> None:
    card = "board.cards.find(card => card.view.name === 'workers')"
    content = page.value(f"csv(columnsOf({card}.view), {card}.rows)")
    lines = content.split("\r\n")
    assert lines[0].startswith("Worker,Email,Team,Jobs,Answers,Labels,Time (hours),")
    assert len(lines) == len(tables.NAMES) + 2
    assert any(line.startswith("'=HYPERLINK(0),w5@example.org,") for line in lines)
    hours = [float(line.split(",")[6]) for line in lines[1:-1]]
    seconds = sum(row["seconds"] for row in tables.effort()["answers"])
    assert math.isclose(sum(hours) * 3600, seconds, rel_tol=1e-9)
    odd = page.value(
        """csv([{name: "a", title: "A, b"}],
        ['x"y', "-5", "-x", "+1e3", "@cmd", null, "two\\nlines"].map(a => ({a})))"""
    )
    assert odd == '"A, b"\r\n"x""y"\r\n-5\r\n\'-x\r\n+1e3\r\n\'@cmd\r\n\r\n"two\nlines"\r\n'


def test_every_table_is_saved_as_a_file_that_a_spreadsheet_opens(page: Any, tmp_path: Path) -> None:
    page.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.value("document.querySelector('[data-view=jobs] button[aria-label^=CSV]').click()")
    file = tmp_path / "jobs.csv"
    until(lambda: file.exists() and file.stat().st_size, "the saved table")
    content = file.read_bytes()
    assert content.startswith("\ufeffJob,State,Reason,".encode())
    assert content.count(b"\r\n") == 1 + len(tables.effort()["jobs"])


def test_a_frame_that_forbids_files_is_offered_the_table_to_copy(page: Any) -> None:
    # What `save` does where the page has no origin of its own and stands in a frame.
    page.value("showText('Jobs', csv([{name: 'a', title: 'A'}], [{a: 1}]))")
    assert page.value("document.querySelector('#behind textarea').value") == "A\n1\n"
    assert "may not save files" in page.value("document.getElementById('behind-body').textContent")


def test_it_reads_no_other_address_and_evaluates_no_text(dashboard: Dashboard, page: Any) -> None:
    assert page.errors == []
    assert page.value("performance.getEntriesByType('resource').length") == 0
    policy = re.search(r'Content-Security-Policy" content="([^"]+)', dashboard.html)
    assert (
        policy
        and "unsafe-eval" not in policy[1]
        and policy[1].startswith("default-src 'none'; img-src data:;")
    )
    attempt = "(() => { try { return Function('return 1')(); } catch { return 'refused'; } })()"
    answer = page.ask("Runtime.evaluate", expression=attempt, allowUnsafeEvalBlockedByCSP=False)
    assert answer["result"]["value"] == "refused"


def test_it_works_in_a_frame_that_may_only_run_scripts(
    dashboard: Dashboard, open_page: Callable[..., Any]
) -> None:
    report = dashboard.html.replace("&", "&amp;").replace('"', "&quot;")
    frame = '<iframe sandbox="allow-scripts" style="width:1200px;height:1500px" srcdoc="'
    page = open_page(f'<!doctype html>{frame}{report}"></iframe>', height=1600)

    def bars() -> bool:
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        return {(0, 114, 178), (213, 94, 0)} <= {colour for _, colour in shot.getcolors(1 << 22) or []}

    until(bars, "the charts", pause=0.1)
    assert page.errors == []
