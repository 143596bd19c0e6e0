"""Read some files of a source and write their rows to the lake, in one process."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import pyarrow as pa

from brume import storage
from brume.lake.ingestion import Result, Row
from brume.records.model.lake import Lake
from brume.records.model.reading.ndjson import Repair
from brume.records.model.reading.resources import NoResourceError, Read
from brume.records.model.reading.stream import read
from brume.records.model.tables import TABLES

RESOURCES, ATTACHMENT = "resources", "attachment"  # kinds of files
MOST_ATTACHMENT = 64 << 20  # bytes
MOST_LISTED = 1000  # rejects of one file that are listed by line

_FLUSH = 32 << 20  # bytes of resources that are held in memory
_ROW = 1 << 10  # bytes of a row beside its resource: a file may have millions of small ones
_PAGE = 1 << 20


@dataclass(frozen=True)
class Task:
    """A file to read; `known` is its row in the table `files` as it was, None for a new one."""

    file: str
    uri: str
    size: int
    version: str
    kind: str
    known: Row | None = None

    @property
    def changed(self) -> bool:
        """Whether it may not be what it was."""
        known = self.known
        return not known or (known["size"], known["version"], known["kind"]) != (
            self.size,
            self.version,
            self.kind,
        )


def read_files(lake: Lake, tasks: Sequence[Task]) -> Result:
    """Read files and write what they hold as parts that no state names yet.

    A file that is the same by its digest is not read again. Raises `OSError` or `brume.storage.StorageError`
    for a file that is there and cannot be reached.
    """
    result = Result()
    rows = _Rows(lake, result)
    for task in tasks:
        try:
            if task.known and task.known["size"] == task.size and task.known["kind"] == task.kind:
                with storage.open_read(task.uri) as stream:
                    digest = hashlib.file_digest(cast(io.BufferedReader, stream), "sha256").hexdigest()
                if digest == task.known["digest"]:
                    result.unchanged.append({**task.known, "version": task.version})
                    continue
            with storage.open_read(task.uri) as stream:
                _File(task, rows).read(stream)
        except FileNotFoundError:
            result.lost.append(task.file)
    rows.flush()
    return result


class _Rows:
    """Rows of the lake's tables, written as parts when they are many."""

    def __init__(self, lake: Lake, result: Result) -> None:
        self._lake, self.result = lake, result
        self._rows: dict[tuple[str, tuple[str, ...]], list[Row]] = defaultdict(list)
        self._size = 0

    def add(self, table: str, row: Row, size: int = 0) -> None:
        partition = tuple(str(row[name]) for name in TABLES[table].partitions)
        self._rows[table, partition].append(row)
        self._size += size + _ROW
        if self._size > _FLUSH:
            self.flush()

    def flush(self) -> None:
        for (table, partition), some in self._rows.items():
            data = pa.Table.from_pylist(some, schema=TABLES[table].schema)
            self.result.parts.append(self._lake.write(table, data, partition))
        self._rows.clear()
        self._size = 0


class _File:
    """One file: what is counted of it while it is read."""

    def __init__(self, task: Task, rows: _Rows) -> None:
        self._task, self._rows = task, rows
        self._repairs: dict[str, list[int]] = {}  # by what was mended: how often, and the first line
        self._resources = self._rejects = 0
        self._types: Counter[str] = Counter()
        self._urls: set[str] = set()

    def read(self, stream: BinaryIO) -> None:
        """Add the rows of the file, and its row of the table `files`."""
        hashed = _Hashed(stream)
        if self._task.kind == ATTACHMENT:
            self._read_attachment(hashed)
        else:
            self._read_resources(hashed)
        hashed.finish()
        for what, (count, line) in self._repairs.items():
            self._rows.add("repairs", {"what": what, "count": count, "line": line, "file": self._task.file})
        if self._rejects > MOST_LISTED:
            more = self._rejects - MOST_LISTED
            self._add_reject(None, "further lines of this file", "see the lines that are listed", more)
        self._rows.result.files.append(
            {
                "file": self._task.file,
                "kind": self._task.kind,
                "size": self._task.size,
                "version": self._task.version,
                "digest": hashed.digest.hexdigest(),
                "resources": self._resources,
                "repaired": sum(count for count, _ in self._repairs.values()),
                "rejects": self._rejects,
                "types": sorted(self._types),
                "urls": sorted(self._urls),
                "read": datetime.now(UTC),
            }
        )

    def _read_attachment(self, stream: _Hashed) -> None:
        if self._task.size > MOST_ATTACHMENT:
            reason = f"the file of an attachment is larger than {MOST_ATTACHMENT >> 20} MiB"
            self._reject(None, reason, "split it")
            return
        data = stream.readall()
        self._rows.add("attachments", {"data": data, "file": self._task.file}, len(data))

    def _read_resources(self, stream: _Hashed) -> None:
        buffered = cast(BinaryIO, io.BufferedReader(stream, _PAGE))
        for line, found in read(buffered, self._task.file):
            if isinstance(found, Repair):
                self._repair(found.line, found.what)
            elif isinstance(found, NoResourceError):
                self._reject(line or None, str(found), found.remedy)
            elif isinstance(found, Read):
                self._add(found, line)
            else:
                where = {"file": self._task.file, "line": line}
                self._rows.add("deletions", {**vars(found), **where})
                self._resources += 1

    def _add(self, read: Read, line: int) -> None:
        for what in read.repairs:
            self._repair(line, what)
        row = {
            "type": read.type,
            "id": read.id,
            "version": read.version,
            "updated": read.updated,
            "json": read.text,
            "number": self._resources,
            "file": self._task.file,
            "line": line,
        }
        self._rows.add("resources", row, len(read.text))
        for system, value in read.identifiers:
            identifier = {"type": read.type, "id": read.id, "system": system, "value": value}
            self._rows.add("identifiers", {**identifier, "file": self._task.file})
        self._resources += 1
        self._types[read.type] += 1
        self._urls.update(read.urls)

    def _repair(self, line: int, what: str) -> None:
        self._repairs.setdefault(what, [0, line])[0] += 1

    def _reject(self, line: int | None, reason: str, remedy: str) -> None:
        self._rejects += 1
        if self._rejects <= MOST_LISTED:
            self._add_reject(line, reason, remedy, 1)

    def _add_reject(self, line: int | None, reason: str, remedy: str, count: int) -> None:
        row = {"reason": reason, "remedy": remedy, "count": count, "line": line, "file": self._task.file}
        self._rows.add("rejects", row)


class _Hashed(io.RawIOBase):
    """A stream that is hashed as it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.digest.update(data)
        return len(data)

    def finish(self) -> None:
        """Read what is left, so that the digest is of the whole file."""
        while self.read(_PAGE):
            pass
