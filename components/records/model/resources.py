"""The resources that hold in a lake, with their references resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import orjson

from brume.lake.lake import Snapshot
from brume.lake.sql import identifier, literal
from brume.records.model import references
from brume.records.model.attachments import attachment_urls
from brume.records.model.lake import Lake

_BATCH = 1024  # rows that are read at once
_REMEMBERED = 10_000  # resources
_AHEAD = 256  # resources that are read beside one that is asked for
_SUBJECTS = ("subject", "patient", "beneficiary", "individual", "for", "target")  # that may be the patient


@dataclass(frozen=True)
class Resource:
    """One resource; `file` and `line` are where it was read."""

    type: str
    id: str
    version: str
    value: Mapping[str, Any]
    file: str
    line: int

    @property
    def reference(self) -> str:
        """TYPE/ID."""
        return f"{self.type}/{self.id}"


class Resources:
    """The resources that hold in one state of a lake; a context manager, for one thread.

    Identifiers are read into memory when the first reference needs them, those of one type at a time.
    """

    def __init__(
        self, lake: Lake, snapshot: Snapshot | None = None, loads: Callable[[str], Any] = orjson.loads
    ) -> None:
        """Open a state of the lake, the present one without `snapshot`; `loads` reads the resources' JSON.

        Raises `LakeError`.
        """
        self._connection = lake.connect(snapshot)
        self._loads = loads
        # Which versions hold is found out once.
        self._connection.execute("CREATE TABLE held AS SELECT type, id, file, number FROM present")
        self._identifiers: dict[str, dict[tuple[str | None, str], str]] = {}
        self._named: dict[str, Resource | None] = {}

    def __enter__(self) -> Resources:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def of(self, *types: str) -> Iterator[Resource]:
        """Iterate the resources of some types, or of all, by type and id."""
        held = "FROM held WHERE list_contains($types, type)" if types else "FROM held"
        params = {"types": list(types)} if types else {}
        yield from self._query(held, params)

    def get(self, wanted: Iterable[str]) -> dict[str, Resource]:
        """Return resources by TYPE/ID; those that do not hold are not in it."""
        names = sorted(set(wanted))
        if not names:
            return {}
        held = "FROM held SEMI JOIN (SELECT unnest($names) name) w ON w.name = held.type || '/' || held.id"
        return {one.reference: one for one in self._query(held, {"names": names})}

    def named(self, reference: str) -> Resource | None:
        """Return the resource TYPE/ID; what was asked for lately is remembered.

        Those that follow it by id are read with it: who asks for many, asks in that order, and one alone
        takes a third as long as all of these.
        """
        if reference not in self._named:
            if len(self._named) >= _REMEMBERED:
                self._named.clear()
            kind, _, identity = reference.partition("/")
            following = "SELECT id FROM held WHERE type = $type AND id >= $id ORDER BY id LIMIT $most"
            params = {"type": kind, "id": identity, "most": _AHEAD}
            ids = self._connection.execute(following, params).fetchall()
            self._named[reference] = None
            self._named |= self.get(f"{kind}/{one}" for (one,) in ids)
        return self._named[reference]

    def counts(self) -> dict[str, int]:
        """Return the number of resources by type."""
        rows = self._connection.execute("SELECT type, count(*) FROM held GROUP BY type ORDER BY type")
        return dict(rows.fetchall())

    def resolve(self, reference: Any, of: Resource | None = None) -> str:
        """Return TYPE/ID of what a Reference names, "" where that is not known or not one resource.

        A literal reference is taken at its word: what it names may not be in the lake. `of` is the resource
        that refers, whose contained ones may be meant: they have no TYPE/ID.
        """
        found = references.parse(reference)
        if isinstance(found, references.Literal):
            return f"{found.type}/{found.id}"
        if isinstance(found, references.ByIdentifier):
            return self._by_identifier(found)
        if isinstance(found, references.Contained) and of is not None and found.id in ("", of.id):
            return of.reference
        return ""

    def patient_of(self, resource: Resource) -> str:
        """Return the id of the Patient that a resource is about, "" where none is known."""
        if resource.type == "Patient":
            return resource.id
        for name in _SUBJECTS:
            given = resource.value.get(name)
            for one in given if isinstance(given, list) else [given]:
                kind, _, identity = self.resolve(one, resource).partition("/")
                if kind == "Patient":
                    return identity
        return ""

    def attachment_files(self, of: Iterable[Resource]) -> dict[tuple[str, str], bytes]:
        """Return the files that urls of attachments name, by the file of the resource and the url."""
        wanted = [
            {"file": one.file, "url": url} for one in of for url in attachment_urls(one.type, one.value)
        ]
        if not wanted:
            return {}
        sql = """
            SELECT linked.file, linked.url, attachments.data FROM (
                SELECT * FROM links SEMI JOIN (SELECT unnest($wanted, recursive := true)) w USING (file, url)
            ) linked JOIN attachments ON attachments.file = linked.attachment
        """
        rows = self._connection.execute(sql, {"wanted": wanted}).fetchall()
        return {(file, url): data for file, url, data in rows}

    def _by_identifier(self, wanted: references.ByIdentifier) -> str:
        if wanted.type not in self._identifiers:
            self._identifiers[wanted.type] = self._read_identifiers(wanted.type)
        return self._identifiers[wanted.type].get((wanted.system, wanted.value), "")

    def _read_identifiers(self, kind: str) -> dict[tuple[str | None, str], str]:
        """Return TYPE/ID by (system, value), and by (None, value); "" where several resources have it."""
        sql = """
            SELECT DISTINCT i.system, i.value, i.type || '/' || i.id
            FROM identifiers i SEMI JOIN held ON i.type = held.type AND i.id = held.id AND i.file = held.file
            WHERE $kind IN ('', i.type)
        """
        found: dict[tuple[str | None, str], str] = {}
        for system, value, name in self._connection.execute(sql, {"kind": kind}).fetchall():
            for key in ((system, value), (None, value)):
                found[key] = name if found.get(key, name) == name else ""
        return found

    def _query(self, held: str, params: Mapping[str, Any]) -> Iterator[Resource]:
        """Iterate the resources of rows of `held`."""
        # A connection has one result at a time, and a new one begins with the database's own settings.
        cursor = self._connection.cursor()
        cursor.execute(f"SET schema = {literal(identifier(Lake.database))}")
        sql = f"""
            SELECT * FROM resources
            SEMI JOIN (SELECT file, number {held}) USING (file, number) ORDER BY type, id
        """  # noqa: S608 - of this module, without a value
        for batch in cursor.sql(sql, params=dict(params)).to_arrow_reader(_BATCH):
            for row in batch.to_pylist():
                yield Resource(
                    row["type"],
                    row["id"],
                    row["version"],
                    self._loads(row["json"]),
                    row["file"],
                    row["line"],
                )
