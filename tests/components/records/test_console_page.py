"""The web page in a real browser, against an engine that runs."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from brume.aws.engine.page_token import TOKEN
from tests.components.conftest import Tab
from tests.components.records.kendra import make_index
from tests.components.records.pages import ASTHMA, EVIL, Pages
from tests.polling import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TEXTS = "p, a, span, button, dt, dd, h1, h2, legend, label, mark, td, th, q"
HITS = "[...document.querySelectorAll('.hit')].map((one) => one.dataset.note)"


def assert_calm(tab: Tab, pages: Pages) -> None:
    """No error in the console, no request but to the engine, and nothing of a question in an address."""
    assert tab.errors == [] and tab.failures == []
    assert {urlsplit(url).netloc for url in tab.requests} == {urlsplit(pages.url).netloc}
    assert not any("hypertension" in url or "pressure" in url.split("notes/")[0] for url in tab.requests)


def ask(tab: Tab, words: str) -> None:
    """Type a question and press Enter, as a person does."""
    tab.until("!!document.getElementById('query')")
    tab.value("document.getElementById('query').select(), document.getElementById('query').focus()")
    tab.send("Input.insertText", text=words)
    tab.send(
        "Input.dispatchKeyEvent",
        type="keyDown",
        key="Enter",
        code="Enter",
        windowsVirtualKeyCode=13,
        text="\r",
    )
    tab.send("Input.dispatchKeyEvent", type="keyUp", key="Enter", code="Enter", windowsVirtualKeyCode=13)
    tab.until("!!document.querySelector('.hits > li') && !document.querySelector('.found[aria-busy]')")


def hits(tab: Tab) -> list[str]:
    tab.until("!document.querySelector('.found[aria-busy]')")
    return list(tab.value(HITS))


def test_a_question_finds_notes_and_says_why(records_console: Pages, browse: Callable[..., Tab]) -> None:
    tab = browse(records_console.address())
    assert "token" not in tab.value("location.href")
    tab.until("document.body.innerText.includes('Ask as you would ask a colleague')")
    ask(tab, "high blood pressure")
    assert "4 notes" in tab.text() and set(hits(tab)[:2]) == {"pressure", "evil"}
    assert tab.value("document.querySelector('.chip b').textContent") == "Essential hypertension"
    reasons = tab.value("document.querySelector('[data-note=none] .reasons').innerText")
    assert "Essential hypertension" in reasons and "negated" in reasons
    assert "your words" in reasons or "by its name" in reasons
    assert tab.value("document.querySelector('[data-note=pressure] mark').textContent")
    # A note is text, whatever it looks like.
    assert EVIL.split(" essential")[0] in tab.value("document.querySelector('[data-note=evil]').innerText")
    assert tab.value("document.querySelectorAll('img[src=x]').length") == 0
    tab.click(".chip[data-concept]")
    tab.until("!!document.querySelector('.chip[data-removed]')")
    assert "pressure" not in hits(tab) and not tab.value("!!document.querySelector('.chip b')")
    tab.click(".chip[data-removed]")
    tab.until("!!document.querySelector('.chip[data-concept]')")
    tab.click("[data-note=pressure] [data-judge=RELEVANT]")
    tab.until("document.querySelector('[data-note=pressure] [data-judge=RELEVANT]').ariaPressed === 'true'")
    assert tab.value("location.href").endswith("/records/#/")
    assert_calm(tab, records_console)


def test_filters_pages_and_back(records_console: Pages, browse: Callable[..., Tab]) -> None:
    tab = browse(records_console.address())
    tab.click("#all")
    tab.until("document.querySelectorAll('.hit').length === 10")
    kind = "document.querySelector(\"[data-facet=kind] input[value='History and physical']\")"
    tab.value(f"{kind}.focus()")
    tab.value(f"{kind}.click()")
    tab.until("document.querySelectorAll('.hit').length === 1")
    assert hits(tab) == ["family"]
    assert tab.value(f"document.activeElement === {kind}")  # who uses the keyboard goes on from there
    tab.click("#unfilter")
    tab.until("document.querySelectorAll('.hit').length === 10")
    first = hits(tab)
    tab.click("#next")
    tab.until(f"{HITS}[0] !== {json.dumps(first[0])}")
    assert not set(hits(tab)) & set(first)
    tab.value("history.back()")
    tab.until(f"{HITS}[0] === {json.dumps(first[0])}")
    tab.click("[data-facet=_created_at] [data-value='2019']")
    tab.until("document.querySelectorAll('.hit').length === 2")
    ask(tab, "astma")
    assert hits(tab) == [] or "asthma" not in hits(tab)
    tab.click("#corrected")
    tab.until("document.getElementById('query').value === 'asthma'")
    tab.until("document.querySelectorAll('.hit').length === 1")
    tab.click("#unfilter")
    tab.until(f"document.body.innerText.includes('{ASTHMA} notes')")
    assert_calm(tab, records_console)


def test_a_note_is_read_and_judged_by_keyboard(records_console: Pages, browse: Callable[..., Tab]) -> None:
    tab = browse(records_console.address())
    ask(tab, "high blood pressure")
    tab.click("[data-note=none] h2 a")
    tab.until("!!document.querySelector('.entity[aria-pressed=true]')")
    chosen = "document.querySelector('.entity[aria-pressed=true]')"
    assert tab.value(f"getComputedStyle({chosen}).textDecorationLine") == "line-through"
    assert "negated" in tab.value(f"{chosen}.getAttribute('aria-label')")
    assert "SNOMED CT 59621000" in tab.value("document.querySelector('.panel').innerText")
    tab.press("r")
    tab.until("document.querySelector('.panel').innerText.includes('rejected by 1')")
    assert tab.value(f"{chosen}.classList.contains('rejected')")
    tab.press("r")
    tab.until("document.querySelector('.panel').innerText.includes('Nobody has judged it yet')")
    tab.click(".crumbs a")
    tab.until("document.querySelectorAll('.hit').length === 4")  # the question is still there
    tab.click("[data-note=none] .reasons a")
    tab.until("document.querySelector('h1').textContent === 'Notes with a concept'")
    assert sorted(hits(tab)) == ["evil", "family", "none", "pressure"]
    assert_calm(tab, records_console)


def test_one_of_several_indexes_is_searched_and_read(
    records_console: Pages, browse: Callable[..., Tab]
) -> None:
    other = make_index(records_console.kendra)
    tab = browse(records_console.address())
    ask(tab, "dialysis")
    assert "No note fits" in tab.text()  # the newest index has none
    choice = "document.querySelector('form.ask select')"
    tab.value(
        f"{choice}.value = {json.dumps(records_console.index)}; {choice}.dispatchEvent(new Event('change'))"
    )
    tab.until("!!document.querySelector('[data-note=dialysis]')")
    tab.click("[data-note=dialysis] h2 a")
    tab.until("document.body.innerText.includes('Renal dialysis three times a week')")
    records_console.kendra.delete_index(Id=other)
    until(lambda: len(records_console.kendra.list_indices()["IndexConfigurationSummaryItems"]) == 1)
    assert_calm(tab, records_console)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)])
def test_every_view_is_drawn_light_dark_and_narrow(
    width: int, dark: bool, records_console: Pages, browse: Callable[..., Tab]
) -> None:
    tab = browse(records_console.address(), width=width, dark=dark)
    ask(tab, "high blood pressure")
    check(tab)
    for place in ("#/notes/pressure?at=14", "#/nothing"):
        tab.go(place)
        check(tab)
    assert "There is no such page" in tab.text()


def check(tab: Tab) -> None:
    """Nothing is wider than the window, texts can be read, controls have names, headings are in order."""
    assert tab.value("document.documentElement.scrollWidth <= window.innerWidth")
    ratio, where = tab.contrast(f"document.querySelectorAll('main :is({TEXTS})')")
    assert ratio >= 4.5, where
    unnamed = tab.value(
        "[...document.querySelectorAll('main :is(input, button, select, [role=button], a)')]"
        ".filter((one) => one.checkVisibility() && !(one.ariaLabel || one.innerText?.trim()"
        " || one.labels?.[0]?.innerText.trim())).map((one) => one.outerHTML)"
    )
    assert unnamed == []
    levels = tab.value("[...document.querySelectorAll('main :is(h1, h2, h3)')].map((one) => +one.tagName[1])")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_nobody_enters_without_the_token(records_console: Pages) -> None:
    at = urlsplit(records_console.url).netloc
    connection = http.client.HTTPConnection(at, timeout=30)
    wrong = f"/records/?key=AKIDWARD&token={(records_console.data / TOKEN).read_text()}"
    for path, status in (("/records/", 403), (wrong, 303)):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == status and answer.getheader("Set-Cookie") is None
        assert status == 303 or b"brume records --console" in body
    headers = {"Content-Type": "application/json", "Origin": records_console.url}
    connection.request("POST", "/records/api/brumerecords/GetConsole", b"{}", headers)
    assert connection.getresponse().status == 401
    connection.close()
