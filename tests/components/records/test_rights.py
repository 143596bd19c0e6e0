"""The file of rights, scopes, emergency access, and the audit with its chain of hashes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from brume.aws.engine.catalog import EngineError
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.records.engine.access import emergency
from brume.records.engine.access.audit import START, Audit
from brume.records.engine.access.emergency import Emergencies, ReasonError
from brume.records.engine.access.rights import read_rights
from brume.records.engine.access.scopes import Scope, Scopes
from brume.records.engine.tables import SCHEMA
from brume.records.model.rights import RightsError, Role, parse_rights
from tests.aws.postgres import server

FILE = {
    "WARD": {"role": "clinician", "patients": ["p1"], "users": ["ann"], "emergency": True},
    "STUDY": {"role": "researcher", "patients": "all"},
    "OFFICE": {"role": "steward"},
    "OWNER": {"role": "full"},
    "OLDWARD": {"any": True, "patients": ["p1", "p2"]},
    "OLDPORTAL": {"any": True},
}


def call(key: str, operation: str = "Query") -> Call:
    return Call("r", "123456789012", "us-east-1", key, "kendra", operation)


def rights(folder: Path, given: Any = FILE) -> Any:
    (folder / "rights.json").write_text(json.dumps(given))
    return read_rights(str(folder / "rights.json"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store("", tmp_path, SCHEMA)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("key", "role", "sees", "deidentified"),
    [
        ("WARD", Role.CLINICIAN, {"p1"}, False),
        ("STUDY", Role.RESEARCHER, {"p1", "p2", ""}, True),
        ("OFFICE", Role.STEWARD, set(), False),
        ("OWNER", Role.FULL, {"p1", "p2", ""}, False),
        ("OLDWARD", Role.CLINICIAN, {"p1", "p2"}, False),
        ("OLDPORTAL", Role.FULL, {"p1", "p2", ""}, False),
        ("STRANGER", Role.NONE, set(), False),
        ("anonymous", Role.NONE, set(), False),
    ],
)
def test_what_each_role_sees(
    tmp_path: Path, key: str, role: Role, sees: set[str], deidentified: bool
) -> None:
    scope = Scopes(rights(tmp_path)).of(call(key))
    assert {one for one in ("p1", "p2", "") if scope.sees(one)} == sees
    assert (scope.role, scope.deidentified, scope.name) == (role, deidentified, key)
    assert scope.changes == (role == Role.FULL)
    assert scope.administers == (role in (Role.FULL, Role.STEWARD))


def test_without_a_file_everybody_of_the_account_sees_everything() -> None:
    scope = Scopes(read_rights("")).of(call("ANY"))
    assert scope.sees_all
    assert scope.changes


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"K": {"role": "doctor"}}, "K: role is one of full, clinician, researcher, steward"),
        ({"K": {"role": "none"}}, "role is one of"),
        ({"K": {"role": "clinician"}}, "K: the role clinician needs patients"),
        ({"K": {"role": "researcher", "patients": "some"}}, "patients is a list of names"),
        ({"K": {"role": "steward", "patients": ["p1"]}}, "not of the role steward"),
        ({"K": {"patients": "p1"}}, "patients is a list of names"),
        ({"K": {"emergency": "yes"}}, "emergency is true or false"),
        ({"K": {"users": "ann"}}, "users is a list of names"),
        ({"K": {"patient": ["p1"]}}, "K: patient: there are role, patients"),
        ({"K": "clinician"}, "K: it needs an object of its rights"),
        ([], "an object of rights"),
    ],
)
def test_a_file_that_cannot_be_used_names_key_and_member(tmp_path: Path, given: Any, named: str) -> None:
    with pytest.raises(EngineError, match=named):
        rights(tmp_path, given)


def test_a_key_that_a_file_names_twice_is_refused() -> None:
    twice = b'{"K": {"role": "steward"}, "K": {"role": "full"}}'
    with pytest.raises(RightsError, match=r"rights\.json: .*K is there twice"):
        parse_rights(twice, "rights.json")


def test_emergency_access_opens_all_for_its_time_and_is_audited(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit, emergencies = Audit(store), Emergencies(store)
    scopes = Scopes(rights(tmp_path), emergencies)
    ward = call("WARD", "StartEmergencyAccess")
    for reason, minutes in (("short", 30), ("unconscious in the emergency room", 1000)):
        with pytest.raises(ReasonError):
            emergencies.begin(scopes, audit, ward, reason, minutes)
    identity, ends = emergencies.begin(scopes, audit, ward, "unconscious in the emergency room", 30)
    assert scopes.of(ward) == Scope(Role.CLINICIAN, None, False, "WARD", identity)
    assert not scopes.of(call("OLDWARD")).sees("p9")
    audit.write(call("WARD"), scopes.of(ward), ["d9"])
    with pytest.raises(ServiceError, match="may not open"):
        emergencies.begin(scopes, audit, call("OFFICE"), "would like to see", 30)
    refused, read, opened = audit.rows(ward.account)
    assert (refused.key, refused.outcome) == ("OFFICE", "DENIED")
    assert (read.emergency, read.documents) == (identity, ["d9"])
    assert "unconscious" in opened.reason
    monkeypatch.setattr(emergency.time, "time", lambda: ends + 1)
    assert not scopes.of(ward).sees("p9")


def test_emergency_access_can_be_ended_before_its_time(store: Store, tmp_path: Path) -> None:
    audit, emergencies = Audit(store), Emergencies(store)
    scopes = Scopes(rights(tmp_path), emergencies)
    ward = call("WARD", "EndEmergencyAccess")
    emergencies.begin(scopes, audit, ward, "unconscious in the emergency room", 30)
    emergencies.end(audit, scopes, ward)
    emergencies.end(audit, scopes, ward)
    assert not scopes.of(ward).sees("p9")
    assert len(audit.rows(ward.account)) == 2


def test_the_audit_has_who_when_what_and_no_text(store: Store) -> None:
    audit = Audit(store)
    before = time.time()
    scope = Scope(Role.CLINICIAN, frozenset({"p1"}), False, "WARD")
    audit.write(call("WARD"), scope, ["d1", "d2", "d1"], query="cough of Maria Lopez", user="ann")
    (row,) = audit.rows("123456789012")
    assert (row.key, row.user, row.role, row.operation) == ("WARD", "ann", "clinician", "kendra:Query")
    assert row.documents == ["d1", "d2"]
    assert before <= row.time <= time.time()
    assert row.query == audit.digest("cough of Maria Lopez") != audit.digest("cough")
    assert "Lopez" not in str(row)
    assert audit.rows("999999999999") == []


def _filled(store: Store, rows: int = 5) -> Audit:
    audit = Audit(store)
    for number in range(rows):
        audit.write(call(f"K{number % 2}"), Scope(Role.FULL, None, False, "K"), [f"d{number}"])
    return audit


def test_rows_are_found_by_key_document_and_page(store: Store) -> None:
    audit = _filled(store)
    account = "123456789012"
    assert [row.number for row in audit.rows(account, most=2)] == [5, 4]
    assert [row.number for row in audit.rows(account, before=4, most=2)] == [3, 2]
    assert [row.number for row in audit.rows(account, key="K1")] == [4, 2]
    assert [row.number for row in audit.rows(account, document="d0")] == [1]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE audit SET key = 'OTHER' WHERE number = 3", "row 3 was changed"),
        ("UPDATE audit SET documents = '[]' WHERE number = 1", "row 1 was changed"),
        ("DELETE FROM audit WHERE number = 2", "row 2 is missing"),
        ("DELETE FROM audit WHERE number = 5", "it ends at row 4, and row 5 was there before"),
        ("UPDATE audit SET previous = hash WHERE number = 4", "row 4 does not follow"),
    ],
)
def test_a_row_that_was_changed_or_taken_out_is_found(store: Store, change: str, fault: str) -> None:
    audit = _filled(store)
    whole = audit.verify()
    assert (whole.rows, whole.fault) == (5, "")
    assert audit.verify(5, whole.hash).fault == ""
    assert audit.verify(5, START).fault
    with pytest.raises(DatabaseError, match="only added to"), store.write() as db:
        db.execute(text(change))
    with store.write() as db:  # as by somebody who owns the database
        db.execute(text("DROP TRIGGER audit_no_update"))
        db.execute(text("DROP TRIGGER audit_no_delete"))
        db.execute(text(change))
    assert fault in audit.verify(5, whole.hash).fault


def test_in_postgresql_the_audit_is_only_added_to_as_well(tmp_path: Path) -> None:
    with server() as url:
        store = Store(url, tmp_path, SCHEMA)
        try:
            audit = _filled(store)
            whole = audit.verify()
            assert (whole.rows, whole.fault) == (5, "")
            for change in ("UPDATE audit SET role = ''", "DELETE FROM audit", "TRUNCATE audit"):
                with pytest.raises(DatabaseError, match="only added to"), store.write() as db:
                    db.execute(text(change))
            assert audit.verify(5, whole.hash).fault == ""
        finally:
            store.close()


def test_a_steward_reads_records_in_an_emergency_alone(store: Store, tmp_path: Path) -> None:
    audit, emergencies = Audit(store), Emergencies(store)
    given = {"OFFICE": {"role": "steward", "emergency": True}}
    scopes, office = Scopes(rights(tmp_path, given), emergencies), call("OFFICE", "BeginEmergencyAccess")
    assert not scopes.of(office).sees("p1")
    emergencies.begin(scopes, audit, office, "asked by the court, case 17", 5)
    assert scopes.of(office).sees("p1") and not scopes.of(office).changes
