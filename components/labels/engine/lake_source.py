"""The lake as the engine reads it: one state for each query, its parts as local files."""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from brume import storage
from brume.labels.model.lake import Lake
from brume.labels.model.schema import Table
from brume.lake.lake import Part
from brume.lake.parquet_files import LakeError
from brume.lake.sql import identifier, select

_FETCHES = 8  # parts of a remote lake that are copied at once


@dataclass(frozen=True)
class Opened:
    """Tables of one state: the queries in DuckDB's SQL for their rows, the files, and the files' bytes."""

    sources: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    size: int


class Source:
    """A lake; parts of a remote one are copied to `cache`, which holds `most` bytes."""

    def __init__(self, uri: str, cache: Path, most: int) -> None:
        self.lake = Lake(uri)
        self.root = str(cache) if storage.is_remote(self.lake.uri) else self.lake.uri
        self._cache, self._most = cache, most
        self._lock = threading.Lock()
        self._described: dict[str, Table] = {}  # by the part's path, which names one content for good
        self._used: dict[Path, int] = {}  # how many queries read a copy just now

    def tables(self) -> dict[str, tuple[Table, Sequence[Part]]]:
        """Return the tables of the present state; those of another system where its lake is asked.

        Raises `LakeError`, `StorageError`.
        """
        state = self.lake.snapshot()
        others = sorted(set(state.tables()) - set(self.lake.tables))
        if not others:
            return self.lake.views(state)
        return {name: (self._foreign(name, state.parts(name)[0]), state.parts(name)) for name in others}

    def _foreign(self, name: str, part: Part) -> Table:
        """Return a table of another system, as its first part describes it."""
        with self._lock:
            if part.path not in self._described:
                schema = pq.read_schema(self.lake.fetch(part, self._cache))
                row = (schema.metadata or {}).get(b"row", b"").decode()
                self._described[part.path] = Table(name, row, schema)
            return self._described[part.path]

    @contextlib.contextmanager
    def opened(self, names: Sequence[str]) -> Iterator[Opened]:
        """Yield tables of the present state; their files stay until the end of the block.

        Raises `LakeError` and `StorageError` when they cannot be had.
        """
        known = self.tables()
        gone = [name for name in names if name not in known]
        if gone:
            raise LakeError(f"the table {gone[0]} was taken out of the lake just now: try again")
        tables = [(name, *known[name]) for name in names]
        parts = [part for _, _, some in tables for part in some]
        paths = self._hold(parts)
        try:
            files = iter(paths)
            sources = tuple(
                (name, _as_athena(spec, select(spec, list(itertools.islice(files, len(some))))))
                for name, spec, some in tables
            )
            yield Opened(sources, tuple(map(str, paths)), sum(part.size for part in parts))
        finally:
            with self._lock:
                for path in paths:
                    self._used[path] -= 1

    def _hold(self, parts: Sequence[Part]) -> list[Path]:
        """Return a file of this machine for each part, which is kept until it is let go of."""
        with self._lock:
            if storage.is_remote(self.lake.uri):
                self._make_room(parts)
                with ThreadPoolExecutor(_FETCHES, thread_name_prefix="fetch") as pool:
                    paths = list(pool.map(lambda part: self.lake.fetch(part, self._cache), parts))
                for path in paths:
                    path.touch()  # what was read last is kept longest
            else:
                paths = [self.lake.fetch(part) for part in parts]
            for path in paths:
                self._used[path] = self._used.get(path, 0) + 1
        return paths

    def _make_room(self, parts: Sequence[Part]) -> None:
        """Remove the copies that were not read for longest, as far as new ones need their place."""
        wanted = {Path(part.path).name: part.size for part in parts}  # a part's name is its alone
        copies = [(path.stat(), path) for path in self._cache.rglob("*.parquet")]
        total = sum(info.st_size for info, _ in copies)
        total += sum(wanted.values()) - sum(wanted.get(path.name, 0) for _, path in copies)
        for info, path in sorted(copies, key=lambda copy: copy[0].st_mtime):
            if total <= self._most:
                break
            if path.name not in wanted and not self._used.get(path):
                path.unlink()
                total -= info.st_size


def _as_athena(spec: Table, source: str) -> str:
    """Return a table's query with times as Athena has them: without a zone, in UTC."""
    times = [identifier(column.name) for column in spec.schema if pa.types.is_timestamp(column.type)]
    if not times:
        return source
    plain = ", ".join(f"CAST({name} AS TIMESTAMP) AS {name}" for name in times)
    return f"SELECT * REPLACE ({plain}) FROM ({source})"  # noqa: S608 - names of the schema


def matching(names: Sequence[str], pattern: str) -> list[str]:
    """Return the names that a pattern of SHOW fits: `*` is anything, `|` stands between alternatives."""
    if not pattern:
        return sorted(names)
    fits = re.compile("|".join(map(_glob, pattern.lower().split("|"))), re.DOTALL)
    return sorted(name for name in names if fits.fullmatch(name.lower()))


def _glob(pattern: str) -> str:
    """Return the expression of a pattern with `*`, which takes each part at its first place for good.

    Other expressions go back and try the next place: with fifty stars that takes years, on the engine's time.
    """
    first, *others = map(re.escape, pattern.split("*"))
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>.*?{part})" for part in middle if part) + f".*{last}"
