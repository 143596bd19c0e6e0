"""Searches by FHIR's REST: parameters, dates, what comes with matches, pages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.aws.engine.store import Store
from brume.records.model.fhir import times
from tests.aws.serving import client_of
from tests.components.records.fhir import Client, listed
from tests.components.records.fhir_resources import ICD, NPI, RECORD, condition, issue
from tests.components.records.healthlake import make_datastore


def test_a_search_has_a_size(full: Client) -> None:
    assert "Condition/c1" in full.found("Condition?code=" + 499 * f"{ICD}|a," + f"{ICD}|E11.9")
    assert full.found("Patient?birthdate=" + ",".join(map(str, range(1000, 1500)))) == []
    assert full.found("Patient?" + "&".join(100 * ["birthdate=1000,1001,1002,1003,1004"])) == []
    assert full.found("Patient?_sort=" + ",".join(8 * ["name"])) == full.found("Patient?_sort=name")
    for path, words in (
        ("Condition?code=" + 500 * "a," + "a", "code: at most 500 values"),
        ("Condition?" + "&".join(2 * ["code=" + 299 * "a," + "a"]), "at most 500 values"),
        ("Patient?" + "&".join(101 * ["name=a"]), "at most 100 parameters"),
        ("Patient?" + "&".join(21 * ["_revinclude=Condition:subject"]), "at most 20 are taken"),
        ("Patient?_sort=" + 8 * "name," + "name", "at most 8 parameters"),
        ("Observation?value-quantity=1e999999999", "a number is expected"),
    ):
        status, text = issue(full.ask("GET", path))
        assert status == 400 and words in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Condition?code=E11.9", "c1 c3"),
        (f"Condition?code={ICD}|E11.9&patient=p1", "c1"),
        (f"Condition?code={ICD}|", "c1 c2 c3"),
        ("Condition?code=|E11.9", ""),
        ("Condition?code=E11.9,I10", "c1 c2 c3"),
        ("Condition?code:not=E11.9", "c2"),
        ("Condition?patient=p1", "c1 c2"),
        ("Condition?subject=Patient/p1", "c1 c2"),
        ("Condition?subject:Patient=p2", "c3"),
        (f"Condition?subject:identifier={RECORD}|record-p1", "c2"),
        ("Condition?patient.name=ruiz", "c1 c2 c3"),
        ("Condition?patient.family:exact=Ruiz", "c1 c2"),
        (f"Condition?subject:Patient.identifier={RECORD}|record-p1", "c1 c2"),
        (f"Condition?asserter.identifier={NPI}|1", "c1"),
        ("Condition?asserter.name=nobody", ""),
        ("Condition?subject._id=p2", "c3"),
        ("Condition?onset-date=2019", "c1"),
        ("Condition?onset-date=ge2020&onset-date=lt2021", "c2"),
        ("Condition?onset-date=gt2020", "c3"),
        ("Condition?onset-date=2021-06-30T08:00:00Z", "c3"),
        ("Condition?onset-date=2021-06-30T10:00:00%2B02:00", "c3"),
        ("Condition?onset-date=sa2019-03-01", "c2 c3"),
        ("Condition?onset-date=eb2020", "c1"),
        ("Condition?onset-date=ne2019", "c2 c3"),
        ("Condition?clinical-status:missing=false", "c3"),
        ("Condition?clinical-status:missing=true", "c1 c2"),
        ("Condition?_id=c1,c3&patient=p1", "c1"),
        ("Condition?_lastUpdated=ge2020&_id=c2", "c2"),
        ("Condition?_lastUpdated=lt2020", ""),
        ("Condition?_sort=-onset-date", "c3 c2 c1"),
        ("Condition?_sort=clinical-status,-_id", "c3 c2 c1"),
        ("Condition?_sort=code,onset-date", "c1 c3 c2"),
        ("Patient?name:contains=izd", "p2"),
        ("Patient?given=zoe&family=ruizd", "p2"),
        ("Patient?name=%25", ""),
        ("Patient?birthdate=lt1975", "p1"),
        ("Patient?birthdate=le1980", "p1 p2"),
        ("Observation?value-quantity=gt5.3", "o1"),
        ("Observation?value-quantity=5.4|http://ucum|mmol/L", "o1"),
        ("Observation?value-quantity=5", "o1"),
        ("Observation?value-quantity=5.40", "o1"),
        ("Observation?value-quantity=5.5", ""),
        ("Observation?value-quantity=5.4||mg", ""),
        ("Observation?date=gt2030", "o1"),
        ("Patient?_has:Condition:patient:code=E11.9", "p1 p2"),
        ("Patient?_has:Condition:subject:code=I10", "p1"),
        ("Patient?_has:Condition:patient:onset-date=gt2020&name=ruiz", "p2"),
        ("DocumentReference?infer-icd10cm-entity-text-concept-score;=strep|0.6", "n1"),
        ("DocumentReference?infer-icd10cm-entity-text-concept-score=strep|0.9", ""),
        ("DocumentReference?infer-icd10cm-entity-concept-code=J02.0&detectEntities-entity-score=ge0.5", "n1"),
        ("DocumentReference?infer-icd10cm-entity-text-concept-code=strep|J02.0", "n1"),
    ],
)  # fmt: skip
def test_searches(full: Client, query: str, found: str) -> None:
    kind = query.partition("?")[0]
    assert full.found(query) == [f"{kind}/{one}" for one in found.split()]
    # As a form, too.
    answer = full.ask(
        "POST",
        f"{kind}/_search",
        query.partition("?")[2].encode(),
        content_type="application/x-www-form-urlencoded",
    )
    assert listed(answer.json()) == [f"{kind}/{one}" for one in found.split()]


def test_what_comes_with_the_matches(full: Client) -> None:
    assert full.found("Condition?code=I10&_include=Condition:patient") == ["Condition/c2", "Patient/p1"]
    assert full.found("Condition?_id=c1&_include=Condition:asserter&_include=Condition:subject:Patient") == [
        "Condition/c1",
        "Patient/p1",
        "Practitioner/d1",
    ]
    answer = full.ask("GET", "Patient?_id=p1&_revinclude=Condition:subject&_revinclude=Observation:subject")
    modes = [(one["search"]["mode"], one["resource"]["id"]) for one in answer.json()["entry"]]
    assert modes == [("match", "p1"), ("include", "c1"), ("include", "c2"), ("include", "o1")]
    assert answer.json()["total"] == 1


def test_a_count_shows_nothing(full: Client) -> None:
    for query in ("_summary=count", "_count=0"):
        found = full.ask("GET", f"Condition?patient=p1&{query}").json()
        assert (found["total"], "entry" in found) == (2, False)
    assert "total" not in full.ask("GET", "Condition?_total=none").json()


def test_chosen_elements_are_shown_with_a_mark(full: Client) -> None:
    answer = full.ask("GET", "Condition?_id=c1&_elements=code").json()
    (shown,) = [one["resource"] for one in answer["entry"]]
    assert set(shown) == {"resourceType", "id", "meta", "code"}
    assert shown["meta"]["tag"][0]["code"] == "SUBSETTED"


ONSETS = ("2019", "2020", "2020-02", "2020-02-29", "2020-02-29T10:00:00Z", "2020-03-01", "2021")


@pytest.fixture(scope="module")
def dated(served: tuple[str, Store]) -> Client:
    """A data store with a condition for each of some dates."""
    client = Client(served[0], make_datastore(client_of(served[0], "healthlake")))
    client.put(*(condition(f"c{place}", "Patient/p", "x", onset) for place, onset in enumerate(ONSETS)))
    return client


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]),
    st.sampled_from([*ONSETS, "2020-02-28", "2020-02-29T10:00Z", "2022"]),
)
def test_dates_compare_as_the_ranges_that_they_are(dated: Client, prefix: str, text: str) -> None:
    first, last = times.of_text(text)
    holds = {
        "eq": lambda low, high: first <= low and high <= last,
        "ne": lambda low, high: not (first <= low and high <= last),
        "gt": lambda low, high: high > last,
        "lt": lambda low, high: low < first,
        "ge": lambda low, high: high > last or (first <= low and high <= last),
        "le": lambda low, high: low < first or (first <= low and high <= last),
        "sa": lambda low, high: low > last,
        "eb": lambda low, high: high < first,
    }[prefix]
    expected = [f"Condition/c{place}" for place, one in enumerate(ONSETS) if holds(*times.of_text(one))]
    assert dated.found(f"Condition?onset-date={prefix}{text}") == expected


def test_a_lenient_search_says_what_it_left_out(full: Client) -> None:
    answer = full.ask("GET", "Condition?colour=red&patient=p2", prefer="handling=lenient").json()
    assert listed(answer) == ["Condition/c3", "OperationOutcome/"]
    assert "colour" in json.dumps(answer["entry"][1]) and "colour" not in answer["link"][0]["url"]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(1, 3), min_size=4, max_size=4),
    st.sampled_from(
        ["", "&_sort=-code", "&_sort=onset-date", "&_sort=_lastUpdated,code", "&_sort=clinical-status"]
    ),
)
def test_pages_of_any_sizes_are_the_whole_in_its_order(full: Client, sizes: list[int], order: str) -> None:
    """awslabs/mcp#3335: a cursor that held for the `_count` of the first page alone."""
    whole = full.found(f"Condition?_id=c1,c2,c3{order}")
    path, found = f"Condition?_id=c1,c2,c3{order}&_count={sizes[0]}", []
    for size in [*sizes[1:], 3]:
        page = full.ask("GET", path).json()
        found += listed(page)
        following = [one["url"] for one in page["link"] if one["relation"] == "next"]
        if not following:
            break
        path = following[0].removeprefix(full.base)
        path = path.replace("_count=1", f"_count={size}").replace("_count=2", f"_count={size}")
    assert found == whole and len(whole) == 3


def test_a_search_by_post_goes_on_by_get(full: Client) -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    page = full.ask("POST", "Condition/_search", b"_count=2&_sort=onset-date", **form).json()
    links = {one["relation"]: one["url"] for one in page["link"]}
    assert full.found(links["next"].removeprefix(full.base)) == ["Condition/c3"]


def test_a_page_of_another_search_is_refused(full: Client) -> None:
    page = full.ask("GET", "Condition?_count=1").json()
    (following,) = [one["url"] for one in page["link"] if one["relation"] == "next"]
    path = following.removeprefix(full.base).replace("Condition?", "Condition?patient=p2&")
    assert issue(full.ask("GET", path))[0] == 400


def test_a_search_that_a_bundle_began_is_gone_on_with_by_get(full: Client) -> None:
    entry = [{"request": {"method": "GET", "url": "Condition?_count=2"}}]
    answer = full.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entry}).json()
    links = {one["relation"]: one["url"] for one in answer["entry"][0]["resource"]["link"]}
    assert full.found(links["next"].removeprefix(full.base)) == ["Condition/c3"]
