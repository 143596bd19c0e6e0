"""The resources of data stores, in all their versions.

A change is a row, which is never changed again but for no longer being the current one. `sequence` counts the
changes of a data store: its state after any of them is what had the highest `sequence` up to there.

Every read takes the patients whose records the caller may see, None for all: what is about any other patient
is as if it were not there, and so is what is about nobody known, unless its type is about no patient at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from brume.aws.engine.store import Store
from brume.records.engine.healthlake.tables import DATASTORES, KEYS, PATIENTS, VERSIONS
from brume.records.engine.healthlake.visibility import Patients, visible
from brume.records.model.fhir import compartment, exact_json
from brume.records.model.fhir.key import LONGEST, Key

Extract = Callable[[Mapping[str, Any]], Iterable[Key]]
_AT_ONCE = 300  # resources of one type that are looked up by one statement
NOTES = "DocumentReference"  # the type whose notes get entities


@dataclass(frozen=True)
class Version:
    """One version of a resource; `text` is its JSON, "" where it is a deletion. `updated` is in seconds."""

    type: str
    id: str
    version: int
    updated: float
    deleted: bool
    text: str
    sequence: int

    @classmethod
    def of(cls, row: Row[Any]) -> Version:
        """Return the version of a row of `fhir_versions`."""
        return cls(
            row.type, row.id, row.version, row.updated, bool(row.deleted), row.text, row.sequence
        )  # fmt: skip


def instant(seconds: float) -> str:
    """Return a time as FHIR's instant, in UTC and milliseconds."""
    shown = datetime.fromtimestamp(round(seconds, 3), UTC).isoformat(timespec="milliseconds")
    return shown.replace("+00:00", "Z")


@dataclass(frozen=True)
class Prepared:
    """A resource with what its rows need: the rows of its keys, and the names of the patients it is about."""

    value: Mapping[str, Any]
    keys: Sequence[Mapping[str, Any]]
    patients: Sequence[str]

    @property
    def key(self) -> tuple[str, str]:
        """Type and id."""
        return str(self.value["resourceType"]), str(self.value["id"])


def prepare(resource: Mapping[str, Any], keys: Extract) -> Prepared:
    """Return a resource as it is written; most of the work of writing one is done here."""
    rows = [
        {
            "number": number,
            "parameter": one.parameter,
            "system": one.system[:LONGEST],
            "value": one.value[:LONGEST],
            "low": one.low,
            "high": one.high,
        }
        for number, one in enumerate(keys(resource))
    ]
    return Prepared(resource, rows, [name[:LONGEST] for name in sorted(compartment.patients(resource))])


class FhirStore:
    """The data stores' resources; `keys` gives the values that a resource is found by."""

    def __init__(self, store: Store, keys: Extract) -> None:
        self.store = store
        self._keys = keys

    def prepare(self, resource: Mapping[str, Any]) -> Prepared:
        """Return a resource for `Writing.put_prepared`, before a transaction that others wait for."""
        return prepare(resource, self._keys)

    @contextmanager
    def writing(self, datastore: str) -> Iterator[Writing]:
        """Yield the changes of one transaction, which alone may write; it commits when the block ends well.

        Raises `LookupError` for a data store that is not there any more.
        """
        with self.store.write() as db:
            row = db.execute(select(DATASTORES).filter_by(id=datastore)).one_or_none()
            if row is None or row.status in ("DELETING", "DELETED"):
                raise LookupError(f"the data store {datastore} was deleted")
            writing = Writing(db, row, self._keys)
            yield writing
            db.execute(update(DATASTORES).filter_by(id=datastore).values(sequence=writing.sequence))


class Writing:
    """Changes of resources of one data store, in a transaction; `db` reads what has been written."""

    def __init__(self, db: Connection, datastore: Row[Any], keys: Extract) -> None:
        self.db, self.datastore = db, str(datastore.id)
        self.sequence = int(datastore.sequence)
        self._nlp, self._keys = bool(datastore.nlp), keys

    def put(self, resource: Mapping[str, Any], *, nlp: bool = True) -> Version:
        """Write a resource, which has a resourceType and an id, as its next version.

        Its meta gets versionId and lastUpdated. `nlp` false leaves the entities of its notes as they are.
        """
        return self.put_all([resource], nlp=nlp)[0]

    def put_all(self, resources: Sequence[Mapping[str, Any]], *, nlp: bool = True) -> list[Version]:
        """Write resources one after the other, as `put` does; one that comes twice gets two versions."""
        return self.put_prepared([prepare(one, self._keys) for one in resources], nlp=nlp)

    def put_prepared(self, resources: Sequence[Prepared], *, nlp: bool = True) -> list[Version]:
        """Write resources as `put_all` does, whose keys were found before the transaction began."""
        last = self._last({one.key for one in resources})
        made: list[Version] = []
        patients: list[dict[str, Any]] = []
        for resource in resources:
            number, before = last.get(resource.key, (0, 0.0))
            updated = _next(before)
            text = exact_json.dumps(_with_meta(resource.value, number + 1, updated)).decode()
            self.sequence += 1
            made.append(Version(*resource.key, number + 1, updated, False, text, self.sequence))
            last[resource.key] = (number + 1, updated)
            which = self._which(made[-1])
            patients += [{**which, "patient": name} for name in resource.patients]
        final = {one.key: one for one in resources}
        self._replace(made, final.keys(), nlp=nlp)
        if patients:
            self.db.execute(insert(PATIENTS), patients)
        of = {"datastore": self.datastore}
        keys = [
            {**of, "type": kind, "id": identity, **row}
            for (kind, identity), one in final.items()
            for row in one.keys
        ]
        if keys:
            self.db.execute(insert(KEYS), keys)
        return made

    def delete(self, kind: str, identity: str) -> Version | None:
        """Delete a resource; returns the version that is its deletion, None where there is none."""
        before = read(self.db, self.datastore, kind, identity, None)
        if before is None or before.deleted:
            return None
        self.sequence += 1
        made = Version(
            kind, identity, before.version + 1, _next(before.updated), True, "", self.sequence
        )  # fmt: skip
        known = select(PATIENTS.c.patient).filter_by(**self._which(before))
        patients = [
            {**self._which(made), "patient": name} for name in self.db.execute(known).scalars()
        ]  # fmt: skip
        self._replace([made], [(kind, identity)], nlp=True)
        if patients:
            self.db.execute(insert(PATIENTS), patients)
        return made

    def _last(self, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, float]]:
        """Return version and time of the current versions of resources that are known."""
        found = {}
        columns = select(VERSIONS.c.type, VERSIONS.c.id, VERSIONS.c.version, VERSIONS.c.updated)
        for among in _in_parts(wanted):
            mine = columns.where(VERSIONS.c.datastore == self.datastore, VERSIONS.c.current == 1, among)
            for row in self.db.execute(mine):
                found[row.type, row.id] = (int(row.version), float(row.updated))
        return found

    def _replace(self, made: Sequence[Version], keys: Collection[tuple[str, str]], *, nlp: bool) -> None:
        """Write versions as the current ones, in the place of those before and of what these are found by."""
        for among in _in_parts(keys):
            mine = update(VERSIONS).where(VERSIONS.c.datastore == self.datastore, VERSIONS.c.current == 1)
            self.db.execute(mine.where(among).values(current=0, nlp=0))
        for among in _in_parts(keys, KEYS):
            self.db.execute(delete(KEYS).where(KEYS.c.datastore == self.datastore, among))
        last = {(one.type, one.id): one.version for one in made}
        rows = [
            {
                **self._which(one),
                "sequence": one.sequence,
                "updated": one.updated,
                "current": int(current := last[one.type, one.id] == one.version),
                "deleted": int(one.deleted),
                "nlp": int(self._nlp and nlp and current and one.type == NOTES),
                "text": one.text,
            }
            for one in made
        ]
        if rows:
            self.db.execute(insert(VERSIONS), rows)

    def _which(self, version: Version) -> dict[str, Any]:
        return {
            "datastore": self.datastore,
            "type": version.type,
            "id": version.id,
            "version": version.version,
        }


def read(db: Connection, datastore: str, kind: str, identity: str, patients: Patients) -> Version | None:
    """Return the current version of a resource, a deletion too; None where none is there for the caller."""
    mine = select(VERSIONS).filter_by(datastore=datastore, type=kind, id=identity, current=1)
    row = db.execute(mine.where(visible(db, datastore, patients))).one_or_none()
    return Version.of(row) if row else None


def read_version(
    db: Connection, datastore: str, kind: str, identity: str, version: int, patients: Patients
) -> Version | None:
    """Return one version of a resource, a deletion too; None where none is there for the caller."""
    mine = select(VERSIONS).filter_by(datastore=datastore, type=kind, id=identity, version=version)
    row = db.execute(mine.where(visible(db, datastore, patients))).one_or_none()
    return Version.of(row) if row else None


def current(db: Connection, datastore: str, patients: Patients) -> Select[Any]:
    """Return the selection of the resources that are there for the caller, to be narrowed by a search."""
    mine = select(VERSIONS).filter_by(datastore=datastore, current=1, deleted=0)
    return mine.where(visible(db, datastore, patients))


def history(
    db: Connection,
    datastore: str,
    patients: Patients,
    *,
    kind: str = "",
    identity: str = "",
    before: int | None = None,
    most: int = 100,
) -> list[Version]:
    """Return changes, the last first: of one resource, of one type, of all; those before a sequence."""
    mine = select(VERSIONS).filter_by(datastore=datastore)
    if kind:
        mine = mine.filter_by(type=kind)
    if identity:
        mine = mine.filter_by(id=identity)
    if before is not None:
        mine = mine.where(VERSIONS.c.sequence < before)
    mine = mine.where(visible(db, datastore, patients)).order_by(VERSIONS.c.sequence.desc()).limit(most)
    return [Version.of(row) for row in db.execute(mine)]


def as_of(datastore: str, sequence: int) -> Select[Any]:
    """Return the selection of the versions that were current after a change, deletions too."""
    later = VERSIONS.alias("later")
    overtaken = exists().where(
        later.c.datastore == VERSIONS.c.datastore,
        later.c.type == VERSIONS.c.type,
        later.c.id == VERSIONS.c.id,
        later.c.version > VERSIONS.c.version,
        later.c.sequence <= sequence,
    )
    mine = select(VERSIONS).filter_by(datastore=datastore).where(VERSIONS.c.sequence <= sequence)
    return mine.where(or_(VERSIONS.c.current == 1, ~overtaken))


def types(db: Connection, datastore: str) -> list[str]:
    """Return the types that a data store has or had resources of."""
    return list(
        db.execute(
            select(VERSIONS.c.type).filter_by(datastore=datastore).distinct().order_by(VERSIONS.c.type)
        ).scalars()
    )


def last_change(db: Connection, datastore: str) -> int:
    """Return the sequence of a data store's last change, 0 before any."""
    mine = select(func.coalesce(func.max(VERSIONS.c.sequence), 0)).filter_by(datastore=datastore)
    return int(db.execute(mine).scalar_one())


def _in_parts(keys: Collection[tuple[str, str]], table: Any = VERSIONS) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that together select the resources of some types and ids."""
    by_type: dict[str, list[str]] = {}
    for kind, identity in keys:
        by_type.setdefault(kind, []).append(identity)
    for kind, ids in by_type.items():
        for start in range(0, len(ids), _AT_ONCE):
            yield and_(table.c.type == kind, table.c.id.in_(ids[start : start + _AT_ONCE]))


def _with_meta(resource: Mapping[str, Any], version: int, updated: float) -> dict[str, Any]:
    meta = resource.get("meta")
    own = {"versionId": str(version), "lastUpdated": instant(updated)}
    return {
        "resourceType": resource["resourceType"],
        "id": resource["id"],
        **resource,
        "meta": {**(meta if isinstance(meta, Mapping) else {}), **own},
    }


def _next(before: float) -> float:
    """Return the time of a change in milliseconds: later than that of the version before it."""
    return max(round(time.time(), 3), round(before + 0.001, 3))
