"""What FHIR's resources are found by, and what a search, a body or a bundle is read as."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.records.model.fhir import body, bundles, checks, exact_json, query, times
from brume.records.model.fhir.errors import FhirError
from brume.records.model.fhir.key import Key
from brume.records.model.fhir.keys import keys
from brume.records.model.fhir.parameters import Kind, parameters
from brume.records.model.fhir_types import RESOURCE_TYPES
from brume.records.model.nlp import healthlake

CONDITION = {
    "resourceType": "Condition",
    "id": "c1",
    "meta": {"lastUpdated": "2026-01-02T03:04:05.006Z"},
    "code": {"coding": [{"system": "http://icd", "code": "E11.9"}, {"code": "x"}], "text": "Diabetes"},
    "subject": {"reference": "https://elsewhere.example/fhir/Patient/p1"},
    "asserter": {"reference": "Practitioner?identifier=http://npi|42"},
    "encounter": {"identifier": {"system": "http://e", "value": "7"}},
    "onsetPeriod": {"start": "2020"},
    "recordedDate": "2021-03",
}


def found(resource: dict[str, Any], parameter: str) -> list[Key]:
    return [one for one in keys(resource) if one.parameter == parameter]


def test_each_kind_of_value_is_a_key() -> None:
    assert found(CONDITION, "code") == [Key("code", "E11.9", "http://icd"), Key("code", "x")]
    assert found(CONDITION, "patient") == [Key("patient", "p1", "Patient")]
    assert found(CONDITION, "asserter:identifier") == [Key("asserter:identifier", "42", "http://npi")]
    assert found(CONDITION, "encounter:identifier") == [Key("encounter:identifier", "7", "http://e")]
    (onset,) = found(CONDITION, "onset-date")
    assert (onset.low, onset.high) == (times.of_text("2020")[0], times.LAST)
    assert {one.parameter for one in keys(CONDITION)} >= {"_references", "recorded-date"}
    patient = {
        "resourceType": "Patient",
        "name": [{"family": "Núñez  García", "given": ["Ana"]}],
        "telecom": [{"system": "phone", "value": "1"}, {"system": "email", "value": "a@b.example"}],
        "deceasedBoolean": False,
    }
    assert Key("family", "nunez garcia", "Núñez  García") in keys(patient)
    assert found(patient, "email") == [Key("email", "a@b.example", "email")]
    assert found(patient, "deceased") == [Key("deceased", "false")]
    people = [{"actor": {"reference": f"{one}/x"}} for one in ("Patient", "Practitioner", "Location")]
    appointment = {"resourceType": "Appointment", "participant": people}
    assert found(appointment, "practitioner") == [Key("practitioner", "x", "Practitioner")]
    assert found(appointment, "location") == [Key("location", "x", "Location")]
    quantity = {"value": Decimal("5.40"), "unit": "mmol/L", "code": "mmol/L", "system": "http://ucum"}
    observation = {"resourceType": "Observation", "valueQuantity": quantity}
    assert found(observation, "value-quantity") == [Key("value-quantity", "mmol/L", "http://ucum", 5.4)]


def test_what_the_nlp_of_healthlake_found_is_a_key() -> None:
    entity = {
        "Id": 0,
        "Text": "Strep throat",
        "Category": "MEDICAL_CONDITION",
        "Type": "DX_NAME",
        "Score": 0.9,
    }
    place = {"BeginOffset": 0, "EndOffset": 12}
    concept = {"Code": "J02.0", "Description": "Streptococcal pharyngitis", "Score": 0.7}
    linked = {**entity, **place, "ICD10CMConcepts": [concept]}
    extension = healthlake.extension(
        {"Entities": [linked]}, {"Entities": []}, {"Entities": [{**entity, **place}]}, "1"
    )
    document = {"resourceType": "DocumentReference", "extension": [extension]}
    for key in (
        Key("infer-icd10cm-entity-concept-code", "J02.0"),
        Key("infer-icd10cm-entity-text-concept-score", "strep throat", low=0.7),
        Key("infer-icd10cm-entity-text-concept-code", "strep throat", "J02.0"),
        Key("detectEntities-entity-type", "DX_NAME"),
        Key("detectEntities-entity-score", low=0.9),
    ):
        assert key in keys(document)


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["coding", "code", "system", "value", "reference", "start", "event", "text", "identifier"]
                ),
                inner,
            )
        ),
    )
)
def test_values_of_any_form_never_fail(value: Any) -> None:
    for kind in ("Condition", "Patient", "Observation", "DocumentReference"):
        names = {steps[0].name for one in parameters(kind).values() for steps in one.paths}
        for one in keys({"resourceType": kind, **dict.fromkeys(names, value), "extension": value}):
            assert isinstance(one.value, str) and isinstance(one.system, str)


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_a_moment_lies_in_the_day_and_year_that_its_text_begins_with(moment: datetime, offset: int) -> None:
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    zone = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    low, high = times.of_text(moment.isoformat(timespec="milliseconds") + zone)
    assert low == high
    at = moment.replace(tzinfo=UTC) - timedelta(minutes=offset)
    assert times.instant(low) == at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    day, year = times.of_text(moment.strftime("%Y-%m-%d")), times.of_text(f"{moment.year:04}")
    assert year[0] <= day[0] <= low + offset * 60_000 <= day[1] <= year[1]


@pytest.mark.parametrize("text", ["2020-13", "2020-1-1", "yesterday", "2020-02-30", "2020-01-01T25:00Z", ""])
def test_what_is_no_date_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        times.of_text(text)


def test_all_paths_are_of_known_types_and_kinds() -> None:
    for kind in RESOURCE_TYPES:
        for one in parameters(kind).values():
            assert one.paths or one.name == "_id" or one.name.startswith(("infer-", "detect")), one


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"resourceType": "Patient",\n "id": }', "line 2, column 8"),
        (b'{"a":\n"\xff"}', "line 2: the body is not UTF-8"),
        (b"", "empty"),
        (b"[]", "one JSON object"),
        (b'{"a": NaN}', "a number that JSON does not have"),
        (b"[" * 100_000, "too deep"),
        (b'{"a": "\\ud800"}', "JSON as FHIR has it"),
    ],
)
def test_a_body_that_is_no_resource_is_refused_with_its_line(data: bytes, words: str) -> None:
    with pytest.raises(FhirError, match=words) as raised:
        body.read(data)
    assert raised.value.status == 400


def test_decimals_keep_their_digits() -> None:
    text = b'{"resourceType":"Observation","valueQuantity":{"value":1.00},"a":1e-9}'
    assert exact_json.dumps(body.read(text)).decode().lower() == text.decode().lower()


@pytest.mark.parametrize(
    ("change", "expression", "words"),
    [
        ({"resourceType": "Patient"}, "resourceType", "the address names Condition"),
        ({"id": "a b"}, "Condition.id", "1 to 64"),
        ({"subject": {"reference": "Patient/a b"}}, "Condition.subject.reference", "TYPE/ID"),
        ({"subject": {"reference": "p1"}}, "Condition.subject.reference", "TYPE/ID"),
        ({"recordedDate": "5 March"}, "Condition.recordedDate", "not a date"),
        ({"onsetPeriod": {"start": "2021", "end": "2020"}}, "Condition.onsetPeriod", "ends before"),
        ({"note": [{"text": ""}]}, "Condition.note[0].text", "empty"),
        ({"bodySite": None}, "Condition.bodySite", "null"),
        ({"extension": [{"valueString": "x"}]}, "Condition.extension", "url"),
        ({"contained": [{"id": "x"}]}, "Condition.contained[0]", "a type of FHIR"),
        ({"meta": "x"}, "Condition.meta", "an object"),
    ],
)
def test_a_wrong_structure_is_named_by_its_place_without_its_content(
    change: dict[str, Any], expression: str, words: str
) -> None:
    with pytest.raises(FhirError) as raised:
        checks.check({**CONDITION, **change}, "Condition")
    (issue,) = raised.value.outcome()["issue"]
    assert (issue["expression"], issue["severity"]) == ([expression], "error")
    assert words in issue["diagnostics"]
    assert "5 March" not in json.dumps(issue) and "a b" not in json.dumps(issue)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("colour", "x", "not a search parameter of Condition.*onset-date"),
        ("code:fuzzy", "x", "modifiers of a token here are missing, not"),
        ("onset-date", "soon", "onset-date: not a date"),
        ("onset-date", "ap2020", "ap is not done"),
        ("code.name", "x", "no reference"),
        ("subject.general-practitioner.name", "x", "chains of one"),
        ("encounter.date:missing", "x", "true or false"),
        ("_include", "Encounter:subject", "begins with the type"),
        ("_include", "Condition:code", "of a reference"),
        ("_include:iterate", "Condition:subject", "iterate is not done"),
        ("_sort", "-colour", "_sort"),
        ("_count", "-1", "whole number"),
        ("_summary", "text", "count and false"),
        ("_format", "xml", "JSON"),
        ("_has:Observation:code:code", "x", "as in _has:Condition:patient:code"),
    ],
)
def test_what_a_search_does_not_understand_is_refused(name: str, value: str, words: str) -> None:
    with pytest.raises(FhirError, match=words):
        query.read("Condition", [(name, value)])


def test_a_lenient_search_leaves_out_what_it_does_not_know_and_nothing_else() -> None:
    search = query.read("Condition", [("colour", "x"), ("code", "a")], lenient=True)
    assert (search.ignored, search.given) == (("colour",), (("code", "a"),))
    with pytest.raises(FhirError):
        query.read("Condition", [("onset-date", "soon")], lenient=True)


def test_values_are_split_where_no_backslash_stands_before() -> None:
    (one,) = query.read("Condition", [("code", r"http://s|a\,b,c\|d,|e,s|")]).criteria
    assert [(value.system, value.value) for value in one.values] == [
        ("http://s", "a,b"),
        (None, "c|d"),
        ("", "e"),
        ("s", ""),
    ]


def test_a_number_has_the_digits_that_are_given() -> None:
    (one,) = query.read("Observation", [("value-quantity", "5.40|http://ucum|mg")]).criteria
    (value,) = one.values
    assert (value.low, value.high, value.system, value.value) == (5.395, 5.405, "http://ucum", "mg")
    assert one.parameter.kind is Kind.QUANTITY


def test_entries_of_a_bundle_that_are_wrong_are_all_named() -> None:
    entry = [
        {"request": {"method": "PATCH", "url": "Patient/1"}},
        {"request": {"method": "POST", "url": "Patient"}},
    ]
    with pytest.raises(FhirError) as raised:
        bundles.entries({"resourceType": "Bundle", "type": "batch", "entry": [*entry, {}]})
    expressions = [one["expression"][0] for one in raised.value.outcome()["issue"]]
    assert expressions == [
        "Bundle.entry[0].request.method",
        "Bundle.entry[1].resource",
        "Bundle.entry[2].request",
    ]
