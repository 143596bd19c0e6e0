"""The page for everyone: keyboard, screen readers, any screen, paper, and without a script."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from brume.labels.pipeline.dashboard import Dashboard
from tests.components.labels.dashboard import tables

pytestmark = pytest.mark.browser


def headline(page: Any, name: str) -> str:
    return str(page.value(f"document.querySelector('#n-{name} strong').textContent"))


def test_the_keyboard_goes_from_mark_to_mark_and_opens_what_is_behind(
    dashboard: Dashboard, page: Any
) -> None:

    def press(key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            page.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode={"Enter": 13, "Escape": 27, "ArrowRight": 39}[key],
            )

    assert page.value("document.querySelector('a, button, input, summary, [tabindex]').className") == "skip"
    page.value("document.querySelector('[data-view=time_by_worker] .chart').focus()")
    press("ArrowRight")
    press("ArrowRight")
    assert page.value("document.querySelectorAll('.chart .at').length") == 1
    assert "Time:" in page.value("document.getElementById('announcement').textContent")
    press("Enter")
    assert page.value("document.getElementById('behind').open")
    press("Escape")
    assert not page.value("document.getElementById('behind').open")


def test_a_screen_reader_hears_the_name_of_every_figure_and_filter(page: Any) -> None:
    nodes = [node for node in page.ask("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    names = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes}
    for role in ("button", "link", "group", "region"):
        assert (role, "") not in names
    assert not any("Vega" in name for _, name in names)
    assert any(role == "group" and name.startswith("Time by worker and modality. ") for role, name in names)
    # A live region that is not there before its words is not read out.
    assert sum(node["role"]["value"] == "status" for node in nodes) == 2


TEXTS = """[...document.querySelectorAll(
  "h1, h2, h3, p, td, dt, dd, .badge, nav a, li, footer, summary, button, svg text"
)].filter((one) => !one.closest(".mark-text"))"""


def test_it_is_readable_on_every_screen(page: Any) -> None:
    brightness = []
    for width in (390, 1280):
        page.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        for scheme in ("dark", "light"):
            media = {"name": "prefers-color-scheme", "value": scheme}
            page.ask("Emulation.setEmulatedMedia", features=[media])
            page.value("board.redraw().then(() => null)")
            assert page.contrast(TEXTS)[0] >= 4.5, page.contrast(TEXTS)  # WCAG 2.1, level AA
            brightness.append(
                int(page.value("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0]"))
            )
        assert page.value("document.documentElement.scrollWidth") <= width
    assert brightness == [15, 246, 15, 246]
    page.value("document.getElementById('theme').click()")
    assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
    page.value("document.getElementById('theme').click()")
    assert page.errors == []


def test_without_a_script_the_page_shows_its_numbers_and_a_picture(
    dashboard: Dashboard, open_page: Callable[..., Any]
) -> None:
    page = open_page("<!doctype html><title>empty</title>")
    page.ask("Emulation.setScriptExecutionDisabled", value=True)
    frame = page.ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
    page.ask("Page.setDocumentContent", frameId=frame, html=dashboard.html)
    assert headline(page, "answers") == str(len(tables.effort()["answers"]))
    assert page.value("document.querySelector('img.still').naturalWidth") > 800
    assert page.value("[...document.querySelectorAll('.view')].some(e => e.checkVisibility())") is False


def test_headings_are_in_order_and_every_figure_has_a_table(dashboard: Dashboard, page: Any) -> None:
    levels = page.value(
        "[...document.querySelectorAll('h1, main h2, main h3')].map(e => Number(e.tagName[1]))"
    )
    assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels))
    page.value("document.querySelectorAll('.does button[aria-expanded]').forEach(e => e.click())")
    bare = "[...document.querySelectorAll('.view')].filter(e => !e.querySelector('tbody tr'))"
    assert page.value(f"{bare}.map(e => e.dataset.view)") == []


def test_on_paper_the_tables_are_there_and_the_controls_are_not(dashboard: Dashboard, page: Any) -> None:
    page.value("dispatchEvent(new Event('beforeprint'))")
    page.ask("Emulation.setEmulatedMedia", media="print")
    assert page.value("document.getElementById('bar').checkVisibility()") is False
    assert page.value("[...document.querySelectorAll('.data table')].every(e => e.checkVisibility())")
