"""Who may see which versions of resources: conditions on the patients that they are about.

What is about any patient whose records the caller may not see is as if it were not there, and so is what is
about nobody known, unless its type is about no patient at all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from sqlalchemy import JSON, ColumnElement, Connection, and_, cast, exists, func, or_, select, true

from brume.records.engine.healthlake.tables import KEYS, PATIENTS, VERSIONS
from brume.records.model.fhir import compartment
from brume.records.model.fhir.key import LONGEST

Patients = Collection[str] | None
"""The patients whose records a caller may see; None: all."""
_AT_ONCE = 300  # values that one condition names one by one


def visible(db: Connection, datastore: str, patients: Patients) -> ColumnElement[bool]:
    """Return the condition by which a version is there for a caller of these patients."""
    if patients is None:
        return true()
    known = names(db, datastore, patients)
    same = _same_version()
    foreign = exists().where(same, ~_among(db, PATIENTS.c.patient, known))
    return and_(~foreign, or_(about_anybody(), VERSIONS.c.type.in_(sorted(compartment.SHARED))))


def about_anybody() -> ColumnElement[bool]:
    """Return the condition that a version is about any patient, known or not."""
    return exists().where(_same_version())


def about(db: Connection, datastore: str, patients: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a version is about any of some patients."""
    return exists().where(_same_version(), _among(db, PATIENTS.c.patient, names(db, datastore, patients)))


def names(db: Connection, datastore: str, patients: Collection[str]) -> list[str]:
    """Return the names that references have for patients: their ids and identifiers.

    An identifier that a patient beside these has too names nobody.
    """
    found = {name for one in patients for name in compartment.names(one, iter(()))}
    listed = sorted(patients)
    other = KEYS.alias("other")
    others = exists().where(
        other.c.datastore == datastore,
        other.c.type == "Patient",
        other.c.parameter == "identifier",
        other.c.value == KEYS.c.value,
        ~_among(db, other.c.id, listed),
    )
    same = others.where(other.c.system == KEYS.c.system)
    columns = select(KEYS.c.id, KEYS.c.system, KEYS.c.value, same.label("same"), others.label("value_alone"))
    for start in range(0, len(listed), _AT_ONCE):
        mine = columns.filter_by(datastore=datastore, type="Patient", parameter="identifier")
        for row in db.execute(mine.where(KEYS.c.id.in_(listed[start : start + _AT_ONCE]))):
            if not row.same:
                found.add(compartment.named(row.system, row.value))
            if not row.value_alone:
                found.add(compartment.named(None, row.value))
    return sorted(name[:LONGEST] for name in found)


def _among(db: Connection, column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a column has one of some values: many are one parameter, as JSON."""
    if len(values) <= _AT_ONCE:
        return column.in_(values)
    if db.dialect.name == "sqlite":
        rows = func.json_each(json.dumps(values)).table_valued("value")
    else:
        rows = func.json_array_elements_text(cast(list(values), JSON)).table_valued("value")
    return column.in_(select(rows.c.value))


def _same_version() -> ColumnElement[bool]:
    return and_(
        PATIENTS.c.datastore == VERSIONS.c.datastore,
        PATIENTS.c.type == VERSIONS.c.type,
        PATIENTS.c.id == VERSIONS.c.id,
        PATIENTS.c.version == VERSIONS.c.version,
    )
