"""The resources of data stores on a real PostgreSQL server, which several engines may share."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert

from brume.aws.engine.store import Store
from brume.records.engine.healthlake import store as fhir
from brume.records.engine.healthlake.store import FhirStore
from brume.records.engine.healthlake.tables import DATASTORES
from brume.records.engine.tables import SCHEMA
from brume.records.model.fhir.keys import keys
from tests.aws.postgres import database as database

MANY = 400  # patients: more than one condition names one by one


@pytest.mark.slow
def test_versions_states_and_patients(database: str, tmp_path: Path) -> None:
    store = Store(database, tmp_path, SCHEMA)
    row = {"id": "d", "account": "1", "region": "here", "status": "ACTIVE", "given": {}, "created": 0.0}
    with store.write() as db:
        db.execute(insert(DATASTORES).values(**row))
    kept = FhirStore(store, keys)
    with kept.writing("d") as writing:
        writing.put_all([{"resourceType": "Patient", "id": f"p{one}"} for one in range(MANY)])
        about = [("a", "p0"), ("b", "p1"), ("c", "other")]
        writing.put_all(
            [
                {"resourceType": "Condition", "id": one, "subject": {"reference": f"Patient/{patient}"}}
                for one, patient in about
            ]
        )
        state = writing.sequence
        writing.delete("Condition", "b")
    try:
        with store.read() as db:
            scope = frozenset(f"p{one}" for one in range(MANY))
            seen = db.execute(fhir.current(db, "d", scope).filter_by(type="Condition")).all()
            assert [row.id for row in seen] == ["a"]
            then = db.execute(fhir.as_of("d", state).filter_by(type="Condition", deleted=0)).all()
            assert {row.id for row in then} == {"a", "b", "c"}
            assert fhir.last_change(db, "d") == state + 1
            assert fhir.read(db, "d", "Condition", "c", scope) is None
    finally:
        store.close()
