"""Timelines, the graph, cohorts, co-occurrence and the audit in a real browser."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.aws.serving import KEY
from tests.components.conftest import Tab
from tests.components.records.lake_engine import OFFICE, READERS, WARD, Served
from tests.components.records.overviews import DIABETES, METFORMIN

pytestmark = pytest.mark.browser
# Keeps what the page lets the browser save.
SAVED = (
    "window.saved = new Promise((found) => { const make = URL.createObjectURL;"
    " URL.createObjectURL = (blob) => { found(blob); URL.createObjectURL = make; return make(blob); }; }); 0"
)
NODES = "[...document.querySelectorAll('[data-node]')].map((one) => one.textContent)"


@pytest.fixture
def page(records_lake: Served, browse: Callable[..., Tab]) -> Iterator[Callable[..., Tab]]:
    """Open the page for a key; no view may leave an error, or ask anybody else."""
    tabs: list[Tab] = []

    def open_(place: str, key: Any = KEY, **window: Any) -> Tab:
        tab = browse(records_lake.address(key=key), **window)
        tab.until("!!document.getElementById('view')?.querySelector('h1')")
        tab.go(place)
        tabs.append(tab)
        return tab

    yield open_
    for tab in tabs:
        assert tab.errors == []
        assert [one for one in tab.requests if not one.startswith((records_lake.url, "blob:", "data:"))] == []


def type_into(tab: Tab, selector: str, text: str, event: str = "input") -> None:
    box = f"document.querySelector({json.dumps(selector)})"
    tab.value(f"{box}.value = {json.dumps(text)}")
    tab.value(f"{box}.dispatchEvent(new Event({json.dumps(event)}, {{bubbles: true}}))")


def saved(tab: Tab, selector: str) -> list[list[str]]:
    tab.value(SAVED)
    tab.click(selector)
    return list(csv.reader(io.StringIO(tab.value("window.saved.then((blob) => blob.text())"))))


def choose(tab: Tab, text: str, concept: tuple[str, str], label: str) -> None:
    type_into(tab, ".finder", text)
    tab.click(f"[data-concept='{'|'.join(concept)}'] button[aria-label^='{label}']")


def test_a_patient_is_found_and_their_timeline_filtered(page: Callable[..., Tab]) -> None:
    tab = page("#/patients")
    tab.until("document.querySelectorAll('tbody tr').length === 50")
    tab.click("#more")
    tab.until("document.querySelectorAll('tbody tr').length === 60")
    type_into(tab, "#query", "planted00")
    tab.click("form .primary")
    tab.until("document.querySelectorAll('tbody tr').length === 1")
    assert "planted00" not in tab.value("location.href"), "addresses are kept and shared"
    tab.click("tbody a")
    tab.until("document.querySelector('h1')?.textContent === 'Ann Planted00'")
    events = "[...document.querySelectorAll('.what')].map((one) => one.textContent)"
    everything = ["Letter", "metformin", "diabetes", "psoriasis", "Visit"]
    assert tab.value(events) == everything
    assert tab.value("document.querySelector('.years-chart svg').getAttribute('aria-label')").endswith(
        "2019: 1, 2020: 2, 2021: 1, 2022: 1"
    )
    tab.click("[data-kind=condition]")
    tab.until(f"{events}.join() === 'diabetes,psoriasis'")
    tab.click("[data-kind=condition]")
    type_into(tab, "#until", "2020-12-31", "change")
    tab.until(f"{events}.join() === 'diabetes,psoriasis,Visit'")
    assert tab.value("document.querySelector('[data-kind=note]')") is None, "none is left in this time"


def test_a_graph_is_drawn_expanded_and_saved(page: Callable[..., Tab]) -> None:
    tab = page("#/graph/note/DocumentReference%2Fn%2F0")
    assert set(tab.value(NODES)) == {"Letter", "Ann Planted00", "pneumonia", "chest pain", "breast cancer"}
    assert "denies chest pain" in tab.value("document.querySelector('.joined').textContent")
    drawn = "[...document.querySelectorAll('.drawing canvas')].some((one) => one.width > 100)"
    tab.until(drawn)
    tab.click("[data-node='patient:p00']")
    tab.click("#expand:not(:disabled)")
    tab.until(f"{NODES}.includes('metformin')")
    tab.until("document.querySelector('#expand').disabled")
    assert "takes metformin" in tab.value("document.querySelector('.joined').textContent")
    rows = saved(tab, "#csv")
    assert rows[0][:4] == ["Source", "SourceKind", "Relation", "Target"]
    assert ["Ann Planted00", "PATIENT", "takes", "metformin", "DRUG", "1"] in rows
    tab.value(SAVED)
    tab.click("#png")
    kind = (
        "window.saved.then(async (blob) => blob.type + new Uint8Array(await blob.slice(1, 4).arrayBuffer()))"
    )
    assert tab.value(kind) == "image/png80,78,71"
    tab.go("#/graph")
    choose(tab, "metf", METFORMIN, "Show")
    tab.until("document.querySelector('h1')?.textContent === 'metformin'")
    assert len(tab.value(NODES)) == 29, "28 patients take it"


def test_a_cohort_is_built_counted_and_exported(page: Callable[..., Tab]) -> None:
    tab = page("#/cohorts", READERS[3])
    choose(tab, "diab", DIABETES, "Include")
    tab.click("#ask")
    tab.until("document.querySelector('#count')?.textContent === '30 patients'")
    assert saved(tab, "#counts")[1] == ["All", "", "30"]
    patients = saved(tab, "#export")
    assert len(patients) == 31 and patients[1] == ["p00", "Ann Planted00", "male", "2006-03-01", ""]
    choose(tab, "metf", METFORMIN, "Exclude")
    assert tab.value("document.querySelector('#count')") is None, "it was of another cohort"
    tab.click("#ask")
    tab.until("document.querySelector('#count')?.textContent === 'Not shown'")
    assert "fewer than 11" in tab.text()
    tab.click("#clear")
    tab.until("!document.querySelector('[data-criterion]')")
    tab.go("#/cohorts/pairs")
    assert "asthma" in tab.text() and "diabetes, plain" in tab.text()
    type_into(tab, "#second", "DRUG", "change")
    tab.until("document.body.innerText.includes('metformin') || document.body.innerText.includes('No pair')")


def test_a_clinician_and_a_steward_see_what_is_theirs(page: Callable[..., Tab]) -> None:
    tab = page("#/patients", WARD)
    tab.until("document.querySelectorAll('tbody tr').length === 2")
    tab.go("#/patients/p30")
    assert "There is no patient p30" in tab.text() and "Something is not right" not in tab.text()
    tab.errors.clear()  # the browser reports the answer 404
    tab.go("#/audit")
    assert "There is nothing to show" in tab.text() and "BRUME_RECORDS_ACCESS" in tab.text()
    tab.errors.clear()
    office = page("#/audit", OFFICE)
    type_into(office, "#key", WARD.access_key)
    office.click("form .primary")
    office.until(
        "[...document.querySelectorAll('tbody tr')].every((one) => one.innerText.includes('AKIDWARD'))"
    )
    assert "brumerecords:ListPatients" in office.text()
    office.click("#verify")
    assert office.until("document.querySelector('#verified')?.textContent").startswith("All ")


VIEWS = ["#/patients", "#/patients/p00", "#/graph", "#/graph/patient/p00", "#/cohorts", "#/audit"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_views_are_readable_named_and_fit_a_phone(page: Callable[..., Tab], dark: bool) -> None:
    tab = page("#/patients", width=390 if dark else 1280, dark=dark)
    for view in VIEWS:
        tab.go(view)
        tab.until("document.querySelectorAll('#view h1').length === 1")
        ratio, place = tab.contrast("document.querySelectorAll('#view *:not(:has(*)):not(option)')")
        assert ratio >= 4.5, (view, place)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.value(wide) <= 0, view
        hidden = (
            "[...document.querySelectorAll('nav.places a:not([hidden])')]"
            ".filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth)"
            ".map((one) => one.textContent)"
        )
        assert tab.value(hidden) == [], view
        unnamed = (
            "[...document.querySelectorAll('#view input, #view select, #view button, #view a')]"
            ".filter((one) => !(one.labels?.length || one.ariaLabel || one.textContent.trim()))"
            ".map((one) => one.outerHTML)"
        )
        assert tab.value(unnamed) == [], view
        twice = (
            "[...document.querySelectorAll('[id]')].map((one) => one.id)"
            ".filter((id, place, all) => all.indexOf(id) !== place)"
        )
        assert tab.value(twice) == [], view
