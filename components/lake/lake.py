"""The lake: a folder of Parquet parts, local or `s3://`, and a file that lists its state.

A part is written once, under a name of its own, and never changed. `_brume/snapshot.json` names the parts of
every table; a commit replaces it as a whole, and only if nobody else did since it was read. So a reader sees
one state or the next, two runs at once cannot mix theirs, and a run that is killed leaves the state as it was
and some parts that no state names, which a later commit removes. Parts that a commit takes out stay for an
hour, for those who still read the state before.
"""

from __future__ import annotations

import atexit
import functools
import json
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from brume import storage
from brume.lake.parquet_files import LakeError, folder, write_parquet
from brume.lake.sql import identifier, literal, select
from brume.lake.tables import Table

FORMAT = 1
KEPT_SECONDS = 3600  # how long a part that was taken out can still be read
ORPHAN_SECONDS = 24 * 3600  # a part that no state names is of a run that works, or of one that died
_ATTEMPTS = 20


class ConflictError(LakeError):
    """Another run has committed since the snapshot that this commit builds on."""


@dataclass(frozen=True)
class Part:
    """One Parquet file of a table: `path` lies below the lake, `size` is in bytes, `partition` the values."""

    table: str
    path: str
    rows: int
    size: int
    partition: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """One state of the lake. `retired` are paths of parts taken out, and when (seconds since the epoch)."""

    number: int = 0
    all_parts: tuple[Part, ...] = ()
    retired: tuple[tuple[str, float], ...] = ()
    version: str = field(default="", compare=False)  # of the file, for the next commit

    def parts(self, table: str) -> Sequence[Part]:
        """Return the parts of a table; none where nothing was written."""
        return [part for part in self.all_parts if part.table == table]

    def tables(self) -> list[str]:
        """Return the names of the tables that have parts."""
        return sorted({part.table for part in self.all_parts})


class Lake:
    """A lake at `uri`; holds nothing but that, so that it can be handed to worker processes.

    A system derives its own, with its tables by name and the name of the schema that queries find them in.
    """

    tables: ClassVar[Mapping[str, Table]]
    database: ClassVar[str]
    keeps_empty: ClassVar[bool] = False  # whether parts without rows are kept, for their columns

    def __init__(self, uri: str) -> None:
        """Name a lake, which need not be there yet."""
        self.uri = storage.absolute(uri.rstrip("/") or uri)

    @property
    def _state(self) -> str:
        return storage.join(self.uri, "_brume", "snapshot.json")

    def spec(self, table: str) -> Table:
        """Return a table by its name. Raises `LakeError`."""
        if table not in self.tables:
            raise LakeError(f"a lake has no table {table!r}; it has {', '.join(self.tables)}")
        return self.tables[table]

    def views(self, state: Snapshot) -> dict[str, tuple[Table, Sequence[Part]]]:
        """Return every table that queries see in a state, by name: what its rows are like, and its parts."""
        return {name: (spec, state.parts(name)) for name, spec in self.tables.items()}

    def snapshot(self) -> Snapshot:
        """Read the present state; number 0 where the lake is not there yet. Raises `LakeError`."""
        try:
            data, version = storage.read_version(self._state)
        except FileNotFoundError:
            return Snapshot()
        try:
            value = json.loads(data)
            if value["format"] != FORMAT:
                raise LakeError(
                    f"{self._state} has format {value['format']}, this Brume reads {FORMAT}: "
                    "choose another folder for the lake, and it is built anew from the source"
                )
            parts = tuple(Part(**{**part, "partition": tuple(part["partition"])}) for part in value["parts"])
            retired = tuple((str(path), float(when)) for path, when in value["retired"])
            return Snapshot(int(value["number"]), parts, retired, version)
        except (ValueError, KeyError, TypeError) as error:
            raise LakeError(
                f"{self._state} is no state of a lake ({error}): remove the folder, and the next run builds "
                "the lake anew from the source"
            ) from error

    def write(
        self, table: str, data: pa.Table | pa.RecordBatchReader, partition: tuple[str, ...] = ()
    ) -> Part:
        """Write a part that no state names yet: `commit` adds it, `discard` removes it.

        Columns are brought into the order and types of the table's schema; structs of attributes are taken as
        they come, and the metadata of the data's schema stays in the file. Raises `LakeError` naming the
        column that is missing, unknown or of another type.
        """
        spec = self.spec(table)
        # The time in the name gives the age of a part that no state names.
        name = f"{int(time.time()):x}-{secrets.token_hex(8)}.parquet"
        path = f"{folder(spec, partition)}/{name}"
        if storage.is_remote(self.uri):
            with tempfile.TemporaryDirectory(prefix="brume-lake-") as local:
                rows, size = write_parquet(Path(local) / name, spec, data)
                storage.upload(Path(local) / name, storage.join(self.uri, path))
        else:
            with storage.replacing(Path(self.uri, path)) as partial:
                rows, size = write_parquet(partial, spec, data)
        return Part(table, path, rows, size, tuple(partition))

    def commit(self, snapshot: Snapshot, *, add: Sequence[Part], remove: Sequence[Part]) -> Snapshot:
        """Make a new state of `snapshot` with parts added and taken out, and return it.

        Raises `ConflictError` if another run has committed since: read the state again and decide anew what
        to add, or `discard` it. Parts without rows are not kept unless the lake `keeps_empty` ones. Parts
        taken out an hour ago and the remains of runs that died a day ago are removed from the disk.
        """
        unknown = set(remove) - set(snapshot.all_parts)
        if unknown:
            raise LakeError(f"the state has no part {sorted(part.path for part in unknown)[0]} to take out")
        now = time.time()
        gone = set(remove)
        kept = tuple(part for part in snapshot.all_parts if part not in gone)
        added = tuple(part for part in add if part.rows or self.keeps_empty)
        due = [path for path, when in snapshot.retired if now - when > KEPT_SECONDS]
        retired = (
            *((path, when) for path, when in snapshot.retired if now - when <= KEPT_SECONDS),
            *((part.path, now) for part in remove),
        )
        value = {
            "format": FORMAT,
            "number": snapshot.number + 1,
            "commit": secrets.token_hex(8),
            "retired": retired,
            "parts": [asdict(part) for part in (*kept, *added)],
        }
        data = json.dumps(value).encode()
        try:
            version = storage.write_version(self._state, data, snapshot.version)
        except storage.ReplacedError as error:
            raise ConflictError(
                f"another run has committed to {self.uri} since its state {snapshot.number} was read"
            ) from error
        after = Snapshot(snapshot.number + 1, (*kept, *added), retired, version)
        self._sweep(after, due, now)
        self.discard([part for part in add if part not in added])
        return after

    def commit_over_others(
        self, snapshot: Snapshot, tables: Collection[str], *, add: Sequence[Part], remove: Sequence[Part]
    ) -> Snapshot:
        """Commit as `commit` does, also over a commit of another run that touched none of `tables`."""
        for _ in range(_ATTEMPTS):
            try:
                return self.commit(snapshot, add=add, remove=remove)
            except ConflictError:
                now = self.snapshot()
                if any(set(now.parts(name)) != set(snapshot.parts(name)) for name in tables):
                    raise
                snapshot = now
        return self.commit(snapshot, add=add, remove=remove)

    def replace(self, tables: Sequence[str], parts: Sequence[Part]) -> Snapshot:
        """Make `parts` the whole content of `tables`, whatever other tables another run commits meanwhile."""
        for _ in range(_ATTEMPTS):
            snapshot = self.snapshot()
            old = [part for part in snapshot.all_parts if part.table in tables]
            try:
                return self.commit(snapshot, add=parts, remove=old)
            except ConflictError as error:
                conflict = error
        raise conflict

    def discard(self, parts: Iterable[Part]) -> None:
        """Remove the files of parts that were written and not committed."""
        for part in parts:
            storage.remove(storage.join(self.uri, part.path))

    def table(
        self, name: str, snapshot: Snapshot | None = None, *, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Read a table, or some of its columns, whole into memory."""
        schema = self.spec(name).schema
        wanted = pa.schema([schema.field(column) for column in columns or schema.names])
        files = [self.fetch(part) for part in (snapshot or self.snapshot()).parts(name)]
        read = [pq.read_table(file, columns=wanted.names, partitioning=None) for file in files]
        return pa.concat_tables(read, promote_options="permissive") if read else wanted.empty_table()

    def fetch(self, part: Part, scratch: Path | None = None) -> Path:
        """Return a local file of a part: its own, or a copy below `scratch`, which is kept."""
        uri = storage.join(self.uri, part.path)
        if not storage.is_remote(uri):
            return storage.fetch(uri, Path())
        target = (scratch or _own_scratch()) / quote(self.uri, safe="") / part.path
        if not target.exists():
            storage.fetch(uri, target.parent)
        return target

    def connect(
        self, snapshot: Snapshot | None = None, *, scratch: Path | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection to one state, with a view for each table that a lake can have.

        Schema `database` is the default one, times are in UTC. A table without parts is there, with its
        columns and no rows. Remote parts are copied to `scratch` (this process's own folder without it),
        where those of an earlier state are removed after an hour.
        """
        state = snapshot or self.snapshot()
        connection = duckdb.connect(":memory:")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE SCHEMA {identifier(self.database)}")
        connection.execute(f"SET schema = {literal(identifier(self.database))}")
        for name, (spec, parts) in self.views(state).items():
            source = select(spec, [self.fetch(part, scratch) for part in parts])
            connection.execute(f"CREATE VIEW {identifier(name)} AS {source}")
        self._tidy(state, scratch)
        return connection

    def _sweep(self, state: Snapshot, due: Sequence[str], now: float) -> None:
        """Remove parts that were due, and those that no state names and no living run can be writing."""
        named = {part.path for part in state.all_parts} | {path for path, _ in state.retired}
        start = len(self.uri) + 1
        stale = set(due)
        for table in self.tables:
            for entry in storage.list_files(storage.join(self.uri, table)):
                written = re.search(r"/\.?([0-9a-f]+)-[0-9a-f]{16}\.parquet", entry.uri)
                if written and now - int(written[1], 16) > ORPHAN_SECONDS:
                    stale.add(entry.uri[start:])
        for path in stale - named:
            storage.remove(storage.join(self.uri, path))

    def _tidy(self, state: Snapshot, scratch: Path | None) -> None:
        """Remove copies of parts that can no longer be read from `scratch`."""
        if not storage.is_remote(self.uri):
            return
        folder = (scratch or _own_scratch()) / quote(self.uri, safe="")
        named = {part.path for part in state.all_parts} | {path for path, _ in state.retired}
        for file in folder.rglob("*.parquet"):
            if file.relative_to(folder).as_posix() not in named and not file.name.startswith("."):
                file.unlink(missing_ok=True)


@functools.cache
def _own_scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="brume-lake-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
