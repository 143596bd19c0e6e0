from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from brume.report import charts
from brume.report.page import (
    BUDGET,
    Badge,
    Facts,
    Figure,
    Gallery,
    Matrix,
    Note,
    Number,
    Numbers,
    Picture,
    Report,
    ReportError,
    Row,
    Section,
    Share,
    Table,
    render,
)

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>&amp;{{7*7}}"""


class Outline(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def noise(seed: int, side: int = 1200) -> Image.Image:
    """A picture that JPEG cannot make small."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8))


def picture(name: str, seed: int = 0, side: int = 1200) -> Picture:
    return Picture(name, f"picture of {name}", lambda: noise(seed, side), badge=Badge(name, "bad"))


def report_of(*blocks: Any, title: str = "A run") -> Report:
    return Report("Test", title, ["today"], [Section("Part", blocks, lead="What this is.")])


def everything(text: str) -> Report:
    line = charts.Line(text, [(0, 0), (0.5, 0.8), (1, 1)])
    svg = charts.lines(
        [line], x_title=text, y_title=text, x_range=(0, 1), y_range=(0, 1), description=text, diagonal=True
    )
    blocks = [
        Numbers([Number(text, text, text)]),
        Note(text, "warn"),
        Row([Facts(text, {text: text}), Matrix(text, [text, "b"], [[3, 1], [0, 0]])]),
        Table(text, [text, "n"], [[text, 1], [Badge(text, "good"), 2], [Share(0.5, text), None]]),
        Figure(text, svg, legend=[(text, 0)], caption=text),
        Gallery(
            text, [Picture(text, text, lambda: noise(0, 40), text, Badge(text))], text, (text, text, text)
        ),
    ]
    return Report(text, text, [text], [Section(text, blocks, lead=text)], colophon=text)


def test_text_of_users_is_shown_and_never_run() -> None:
    html = render(everything(HOSTILE))
    page = Outline(html)
    assert len(page.all("script")) == 1
    assert not [
        attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)
    ]
    assert [image["src"][:22] for image in page.all("img") if image.get("src")] == ["data:image/jpeg;base64"]
    # Every place that was given the text shows all of it, once unescaped.
    assert sum(HOSTILE in text for text in page.text) >= 15
    assert "49" not in html.replace("{{7*7}}", "").split("</style>")[0].split("<title>")[1]


@given(st.text(max_size=60))
def test_no_text_adds_an_element(text: str) -> None:
    def shape(report: Report) -> list[str]:
        return [tag for tag, _ in Outline(render(report)).tags]

    blocks = (Note(text), Table(text, [text], [[text], [Badge(text)]]), Facts(text, {text: text}))
    plain = (Note("a"), Table("a", ["a"], [["a"], [Badge("a")]]), Facts("a", {"a": "a"}))
    assert shape(report_of(*blocks, title=text)) == shape(report_of(*plain))


def test_a_page_reads_no_other_address() -> None:
    html = render(everything("text"))
    assert not re.search(r"(https?:)?//[a-z0-9]", html.replace("//# ", ""), re.I)
    assert not re.search(r"url\(|@import|localStorage|sessionStorage|<link|<iframe", html)
    policy = next(m["content"] for m in Outline(html).all("meta") if m.get("http-equiv"))
    assert policy and policy.startswith("default-src 'none'; img-src data:;") and "unsafe-eval" not in policy


def test_each_part_is_named_for_a_screen_reader() -> None:
    page = Outline(render(everything("text")))
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == 1
    for tag in ("section", "table"):
        assert page.all(tag)
        assert all(attributes["aria-labelledby"] in ids for attributes in page.all(tag))
    assert all(svg.get("aria-label") or svg.get("aria-hidden") for svg in page.all("svg"))
    assert all("alt" in image for image in page.all("img"))
    assert {link["href"] for link in page.all("a")} == {"#content", "#s1"}
    assert all(head.get("scope") for head in page.all("th"))


def test_a_report_of_many_large_pictures_stays_in_its_budget() -> None:
    pictures = [picture(f"slide {n:03}", seed=n % 3, side=400) for n in range(60)]
    rows = [[f"slide {n:03}", "patient", Badge("class", "bad"), Share(0.3), n] for n in range(3000)]
    gallery = Gallery("All", pictures, whole="the folder heatmaps")
    html = render(report_of(Table("Scores", ["a", "b", "c", "d", "e"], rows, whole="all.csv"), gallery))
    assert len(html.encode()) <= BUDGET < 2_000_000
    page = Outline(html)
    names = [image["alt"] for image in page.all("img") if image.get("src")]
    assert 3 < len(names) < 60
    assert names == [
        f"picture of slide {n:03}" for n in range(len(names))
    ]  # the first are the important ones
    text = " ".join(page.text)
    assert f"{60 - len(names)} more pictures are in the folder heatmaps" in text
    assert re.search(r"The first \d+ of 3,000 rows are shown; all are in all\.csv", text)


def test_pictures_stay_large_while_there_is_room() -> None:
    html = render(report_of(Gallery("Few", [picture("a"), picture("b")], "folder")))
    (first, _) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    assert max(Image.open(io.BytesIO(base64.b64decode(first))).size) == 720


def test_a_long_cell_is_shortened() -> None:
    html = render(report_of(Table("T", ["reason"], [["x" * 100_000]])))
    assert "x" * 300 in html
    assert "x" * 500 not in html


def test_text_beyond_the_budget_is_an_error() -> None:
    with pytest.raises(ReportError, match="A run"):
        render(report_of(Note("x" * 3_000_000)))


def test_an_empty_table_says_so() -> None:
    assert "Nothing was refused." in render(report_of(Table("T", ["a"], [], empty="Nothing was refused.")))


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_even_and_span_the_range(low: float, width: float) -> None:
    marks = charts.ticks(low, low + width)
    steps = np.diff(marks)
    assert 2 <= len(marks) <= 6
    rounding = width * 1e-6 + abs(low) * 1e-12
    assert marks[0] <= low + rounding and marks[-1] >= low + width - rounding
    assert np.allclose(steps, steps[0], rtol=1e-3)


def test_a_line_stays_in_its_frame_and_keeps_its_ends() -> None:
    points = [(x / 999, (x / 999) ** 2) for x in range(1000)]
    line = charts.Line("curve", [*points, (1.0, float("nan"))])
    svg = charts.lines(
        [line], x_title="x", y_title="y", x_range=(0, 1), y_range=(0, 1), description="a curve"
    )
    drawn = re.search(r'points="([^"]+)"', svg)
    assert drawn
    placed = [tuple(map(float, point.split(","))) for point in drawn[1].split()]
    assert len(placed) == 200
    assert placed[0] == (46, 278) and placed[-1] == (428, 10)
    assert "nan" not in svg


def wide_report() -> Report:
    rows = [
        [f"slide-{'x' * 60}-{n}", "patient", Badge("class", "bad"), Share(n / 40), 40 - n] for n in range(40)
    ]
    table = Table("Scores", ["Slide", "Patient", "Predicted", "p", "Tiles"], rows, frozenset({4}))
    long = "a-very-long-name-without-a-space-" * 6
    matrix = Matrix("Matrix", [f"class {n}" for n in range(9)], [[n] * 9 for n in range(9)])
    extra = [
        everything("text").sections[0],
        Section(
            "Long", [Numbers([Number("n", "1", long)] * 2), Note(long), Facts(long, {long: long}), matrix]
        ),
    ]
    return Report("Test", long, [long], [Section("Table", [table]), *extra], colophon=long)


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 900, 1280, 1440])
def test_a_headline_number_fits_its_cell(width: int, open_page: Callable[..., Any]) -> None:
    numbers = Numbers([Number("Slide accuracy", "100.0 %", "95 % interval")] * 6)
    page = open_page(render(Report("Test", "Numbers", [], [Section("Results", [numbers])])), width=width)
    cells = "[...document.querySelectorAll('.numbers > div')]"
    assert page.value(f"{cells}.every((cell) => cell.scrollWidth <= cell.clientWidth)")
    assert page.value("document.documentElement.scrollWidth") <= width


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_no_screen_has_to_scroll_sideways(open_page: Callable[..., Any], width: int) -> None:
    page = open_page(render(wide_report()), width=width)
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value("document.querySelector('table.sortable').getBoundingClientRect().width > 390")
    assert page.errors == []
    assert (
        page.value("performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length")
        == 0
    )


@pytest.mark.browser
def test_light_and_dark_are_both_readable(open_page: Callable[..., Any]) -> None:
    contrast = """(() => {
      const numbers = (text) => text.match(/[0-9.]+/g).slice(0, 3).map(Number);
      const linear = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
      const weights = [.2126, .7152, .0722];
      const light = (rgb) => rgb.reduce((sum, v, i) => sum + linear(v / 255) * weights[i], 0);
      const ground = (element) => {
        for (let e = element; e; e = e.parentElement) {
          const colour = getComputedStyle(e).backgroundColor;
          if (!/, 0\\)$/.test(colour)) return colour;
        }
      };
      let least = 99;
      const texts = "h1, h2, h3, p, td, th button, dt, dd, .badge, nav a, li, footer";
      for (const e of document.querySelectorAll(texts)) {
        if (e.closest("dialog, .matrix")) continue;
        const [a, b] = [getComputedStyle(e).color, ground(e)].map(numbers).map(light).sort((x, y) => x - y);
        least = Math.min(least, (b + .05) / (a + .05));
      }
      return least;
    })()"""
    html = render(wide_report())
    brightness = []
    for dark in (False, True):
        page = open_page(html, dark=dark)
        assert page.value(contrast) >= 4.5  # WCAG 2.1, level AA
        pixels = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
        brightness.append(np.median(pixels))
    assert brightness[0] > 200
    assert brightness[1] < 60


@pytest.mark.browser
def test_tables_sort_by_number_and_filter(open_page: Callable[..., Any]) -> None:
    page = open_page(render(wide_report()))
    page.value("table = document.querySelector('table.sortable'); body = table.tBodies[0]; null")
    tiles = "[...body.rows].map(row => Number(row.cells[4].textContent))"
    click = "table.tHead.rows[0].cells[4].querySelector('button').click()"
    page.value(click)
    assert page.value(tiles) == list(range(1, 41))
    page.value(click)
    assert page.value(tiles) == list(range(40, 0, -1))
    page.value("input = document.querySelector('input'); input.value = '-39 PATIENT'; null")
    page.value("input.dispatchEvent(new Event('input'))")
    shown = "[...body.rows].filter(row => !row.hidden).length"
    assert page.value(shown) == 1


@pytest.mark.browser
def test_it_works_in_a_sandboxed_frame(open_page: Callable[..., Any]) -> None:
    report = render(wide_report()).replace("&", "&amp;").replace('"', "&quot;")
    page = open_page(
        "<!doctype html><style>body{margin:0}iframe{width:390px;height:2000px;border:0}</style>"
        f'<iframe sandbox="allow-scripts" srcdoc="{report}"></iframe>'
    )
    assert page.errors == []
    shot = Image.open(io.BytesIO(page.screenshot())).convert("L")
    assert np.asarray(shot)[:, :390].std() > 20  # something is drawn
