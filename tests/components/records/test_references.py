"""FHIR references of all forms, and identifiers that name one resource or none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.references import URN, ByIdentifier, Contained, Literal, parse
from brume.records.model.resources import Resource, Resources
from tests.components.records.exports import document, patient, write


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("Patient/a", Literal("Patient", "a")),
        ({"reference": "Patient/a/_history/2"}, Literal("Patient", "a")),
        ("https://ehr.example/fhir/r4/Patient/a", Literal("Patient", "a")),
        ("Patient/a%20b", Literal("Patient", "a b")),
        ("Patient?identifier=http://x/y|1+2", ByIdentifier("Patient", "http://x/y", "1+2")),
        ("https://ehr.example/Patient?identifier=%7C7", ByIdentifier("Patient", "", "7")),
        ("Patient?identifier=7", ByIdentifier("Patient", None, "7")),
        ("Patient?_id=a", Literal("Patient", "a")),
        ("#x", Contained("x")),
        ("urn:uuid:1", ByIdentifier("", URN, "urn:uuid:1")),
        (
            {"type": "Patient", "identifier": {"system": "s", "value": "v"}},
            ByIdentifier("Patient", "s", "v"),
        ),
        ("Patient?name=Smith", None),
        ("Patient?identifier=a|1&active=true", None),
        ("Nothing/a", None),
        ("Patient", None),
        ("", None),
        (None, None),
        ({"display": "somebody"}, None),
        (7, None),
    ],
)
def test_forms_of_references(given: Any, found: Any) -> None:
    assert parse(given) == found


def test_identifiers_that_name_one_resource(tmp_path: Path, lake: Lake) -> None:
    def known(identity: str, system: str, value: str) -> dict[str, Any]:
        return patient(identity, identifier=[{"system": system, "value": value}])

    source = write(
        tmp_path / "export",
        {
            "Patient-0.ndjson": [known("a", "s", "1"), known("b", "t", "1"), known("c", "s", "2")],
            "Patient-1.ndjson": [known("d", "s", "2")],
            "Practitioner-0.ndjson": [
                {"resourceType": "Practitioner", "id": "x", "identifier": [{"system": "s", "value": "1"}]}
            ],
        },
    )
    ingest.run(source, lake, processes=1)
    with Resources(lake) as resources:
        assert resources.resolve("Patient?identifier=s|1") == "Patient/a"
        assert resources.resolve("Practitioner?identifier=s|1") == "Practitioner/x"
        assert resources.resolve("Patient?identifier=t|1") == "Patient/b"
        assert resources.resolve("Patient?identifier=1") == ""  # two have it, of different systems
        assert resources.resolve("Patient?identifier=s|2") == ""  # two have it
        assert resources.resolve("Patient?identifier=s|3") == ""
        assert resources.resolve("Patient/elsewhere") == "Patient/elsewhere"


def test_entries_of_a_bundle_refer_to_each_other_by_their_urns(tmp_path: Path, lake: Lake) -> None:
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": patient("p1")},
        {"fullUrl": "urn:uuid:2", "resource": document("d", subject={"reference": "urn:uuid:1"})},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    ingest.run(write(tmp_path / "export", {"all.json": [bundle]}), lake, processes=1)
    with Resources(lake) as resources:
        (found,) = resources.of("DocumentReference")
        assert resources.patient_of(found) == "p1"


def test_resources_that_are_asked_for_in_turn_are_read_together(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `nlp=present` asks note by note is no query for each: 25,000 notes took 12 minutes of CPU."""
    ids = [f"d{number:02}" for number in range(30)]
    ingest.run(write(tmp_path / "export", {"x.ndjson": [document(one) for one in ids]}), lake, processes=1)
    read = 0
    get = Resources.get

    def counted(self: Resources, wanted: Iterable[str]) -> dict[str, Resource]:
        nonlocal read
        read += 1
        return get(self, wanted)

    monkeypatch.setattr(Resources, "get", counted)
    with Resources(lake) as resources:
        found = [resources.named(f"DocumentReference/{one}") for one in ids]
        assert [one and one.id for one in found] == ids and read == 1
        assert resources.named("DocumentReference/d") is None
        assert resources.named("Patient/d00") is None
