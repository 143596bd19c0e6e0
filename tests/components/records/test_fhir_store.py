"""The resources of data stores: versions, states of the past, and who may see what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from brume.aws.engine.store import Store
from brume.records.engine.healthlake import store as fhir
from brume.records.engine.healthlake import visibility
from brume.records.engine.healthlake.store import FhirStore
from brume.records.engine.healthlake.tables import DATASTORES, KEYS, VERSIONS
from brume.records.engine.tables import SCHEMA
from brume.records.model.fhir import exact_json
from brume.records.model.fhir.key import Key

RECORD = "https://hospital.example/record"


def identifiers(resource: Mapping[str, Any]) -> Iterator[Key]:
    for one in resource.get("identifier", ()):
        yield Key("identifier", one["value"], one["system"])


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store("", tmp_path_factory.mktemp("fhir"), SCHEMA)
    yield store
    store.close()


@pytest.fixture
def kept(database: Store, request: pytest.FixtureRequest) -> FhirStore:
    make(database, request.node.name[:32])
    return FhirStore(database, identifiers)


def make(database: Store, name: str, nlp: int = 0) -> str:
    row = {"id": name, "account": "1", "region": "here", "status": "ACTIVE", "given": {}, "created": 0.0}
    with database.write() as db:
        db.execute(insert(DATASTORES).values(**row, nlp=nlp))
    return name


@pytest.fixture
def name(kept: FhirStore, request: pytest.FixtureRequest) -> str:
    return str(request.node.name[:32])


def patient(identity: str, record: str = "") -> dict[str, Any]:
    given = [{"system": RECORD, "value": record}] if record else []
    return {"resourceType": "Patient", "id": identity, "identifier": given}


def condition(identity: str, subject: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": identity, "subject": {"reference": subject}, **more}


def test_a_version_is_kept_when_another_follows(kept: FhirStore, name: str) -> None:
    with kept.writing(name) as writing:
        first = writing.put(patient("a", "1"))
    with kept.writing(name) as writing:
        second = writing.put({**patient("a", "2"), "meta": {"profile": ["p"], "versionId": "9"}})
        gone = writing.delete("Patient", "a")
        assert writing.delete("Patient", "a") is None
    assert [first.version, second.version, gone and gone.version] == [1, 2, 3]
    assert first.updated < second.updated
    with kept.store.read() as db:
        latest = fhir.read(db, name, "Patient", "a", None)
        assert latest and latest.deleted and latest.text == ""
        before = fhir.read_version(db, name, "Patient", "a", 2, None)
        assert before is not None
        meta = json.loads(before.text)["meta"]
        assert meta == {"profile": ["p"], "versionId": "2", "lastUpdated": fhir.instant(second.updated)}
        assert [one.version for one in fhir.history(db, name, None, identity="a")] == [3, 2, 1]
        assert db.execute(select(KEYS).filter_by(datastore=name)).all() == []
        assert db.execute(fhir.current(db, name, None)).all() == []


def test_decimals_keep_their_digits(kept: FhirStore, name: str) -> None:
    text = '{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.10},"big":12345678901234567.25}'
    with kept.writing(name) as writing:
        made = writing.put(exact_json.loads(text))
    assert '"value":1.10' in made.text and "12345678901234567.25" in made.text


def test_one_batch_may_hold_a_resource_twice(kept: FhirStore, name: str) -> None:
    with kept.writing(name) as writing:
        made = writing.put_all([patient("a", "1"), patient("b"), patient("a", "2")])
        assert [one.version for one in made] == [1, 1, 2]
    with kept.store.read() as db:
        found = db.execute(select(KEYS.c.value).filter_by(datastore=name)).scalars().all()
        assert found == ["2"]
        assert len(db.execute(fhir.current(db, name, None)).all()) == 2


def test_a_caller_sees_what_is_about_own_patients_alone(kept: FhirStore, name: str) -> None:
    with kept.writing(name) as writing:
        writing.put_all(
            [
                patient("a", "11"),
                patient("b", "22"),
                condition("of-a", "Patient/a"),
                condition("of-b", "https://ehr.example/fhir/Patient/b"),
                condition("by-record", f"Patient?identifier={RECORD}|11"),
                condition("others", f"Patient?identifier={RECORD}|22"),
                {"resourceType": "Group", "id": "both", "member": [
                    {"entity": {"reference": "Patient/a"}}, {"entity": {"reference": "Patient/b"}}]},
                {"resourceType": "Binary", "id": "of-nobody", "data": ""},
                {"resourceType": "Practitioner", "id": "shared"},
            ]
        )  # fmt: skip
        writing.put(condition("moved", "Patient/b"))
        writing.put(condition("moved", "Patient/a"))
        writing.put(condition("gone", "Patient/b"))
        writing.delete("Condition", "gone")
    with kept.store.read() as db:
        seen = {row.id for row in db.execute(fhir.current(db, name, frozenset({"a"})))}
        assert seen == {"a", "of-a", "by-record", "shared", "moved"}
        assert fhir.read_version(db, name, "Condition", "moved", 1, frozenset({"a"})) is None
        assert fhir.read(db, name, "Condition", "gone", frozenset({"a"})) is None
        assert fhir.read(db, name, "Condition", "gone", frozenset({"b"})) is not None
        assert {one.id for one in fhir.history(db, name, frozenset())} == {"shared"}
        own = {
            row.id
            for row in db.execute(fhir.current(db, name, None).where(visibility.about(db, name, ["a"])))
        }
        assert own == {"a", "of-a", "by-record", "both", "moved"}


def test_a_store_that_is_deleted_takes_no_more(kept: FhirStore, name: str) -> None:
    with kept.store.write() as db:
        db.execute(DATASTORES.update().filter_by(id=name).values(status="DELETING"))
    with pytest.raises(LookupError, match="was deleted"), kept.writing(name):
        pass


def test_notes_wait_for_their_entities_where_the_store_finds_them(database: Store) -> None:
    kept, name = FhirStore(database, identifiers), make(database, "with-nlp", nlp=1)
    note = {"resourceType": "DocumentReference", "id": "n", "status": "current"}
    with kept.writing(name) as writing:
        writing.put_all([note, note, patient("a")])
    waiting = select(VERSIONS.c.type, VERSIONS.c.version).filter_by(datastore=name, nlp=1)
    with database.read() as db:
        assert [tuple(row) for row in db.execute(waiting)] == [("DocumentReference", 2)]
    with kept.writing(name) as writing:
        writing.put(note, nlp=False)
    with database.read() as db:
        assert db.execute(waiting).all() == []


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=12))
def test_every_state_of_the_past_is_kept(database: Store, changes: list[tuple[str, bool]]) -> None:
    kept = FhirStore(database, identifiers)
    with database.read() as db:
        count = len(db.execute(select(DATASTORES.c.id)).all())
    name = make(database, f"past-{count}")
    state: dict[str, str] = {}
    states = []
    for identity, stays in changes:
        with kept.writing(name) as writing:
            if stays:
                state[identity] = writing.put(patient(identity)).text
            else:
                writing.delete("Patient", identity)
                state.pop(identity, None)
            states.append((writing.sequence, dict(state)))
    with database.read() as db:
        assert fhir.last_change(db, name) == states[-1][0]
        for sequence, expected in states:
            rows = db.execute(fhir.as_of(name, sequence).filter_by(deleted=0)).all()
            assert {row.id: row.text for row in rows} == expected
