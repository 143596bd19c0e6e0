"""What is made of a file in S3: read in the background, and read again when it is updated."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from brume.aws.engine import logs, lookup
from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.records.engine.kendra.common import absent, arn, conflict, index_row, list_of_index
from brume.records.engine.kendra.content import ContentError, fetched
from brume.records.engine.kendra.fields import Fields
from brume.records.engine.kendra.tables import FILES, INDICES

_log = logging.getLogger(__name__)
_SIZE = 5 << 20  # bytes of a file, as in Kendra
_LONGEST = 2000  # characters of a failure
_GIVEN = ("Description", "RoleArn", "FileFormat", "LanguageCode")


class FileError(ValueError):
    """A file that is not of its form; the message names line and remedy, and quotes nothing of it."""


@dataclass(frozen=True)
class FileKind:
    """One kind of file. `read` makes of it what is kept, as JSON, and how many entries that has.

    `read` takes the file, the request's members and the index's attributes, and raises `FileError`; `path` is
    the member of requests that names the file; `changed` is called with the index after each change.
    """

    name: str  # as in ARNs
    label: str
    path: str
    read: Callable[[str, Mapping[str, Any], Fields], tuple[Any, int]]
    changed: Callable[[str], None]


class SourceFiles:
    """The files of one kind, of all indexes."""

    def __init__(
        self,
        store: Store,
        background: Background,
        tags: Tags,
        folders: Mapping[str, str],
        kind: FileKind,
    ) -> None:
        self._store, self._tags, self._folders, self._kind = store, tags, folders, kind
        columns = FILES.c
        pending = columns.status.in_(("CREATING", "UPDATING")) & (columns.kind == kind.name)
        waiting = select(columns.index_id, columns.id).where(pending)
        self._working = background.kind(f"kendra-{kind.name}", waiting, self._work)

    def create(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin to read a file; returns its id."""
        with once(self._store, call, request, conflict) as answer:
            if answer.known is None:
                index = index_row(answer.db, call, request["IndexId"], active=True)
                identity, now = str(uuid.uuid4()), time.time()
                given = {name: request[name] for name in (*_GIVEN, self._kind.path) if name in request}
                row = {"index_id": index.id, "id": identity, "kind": self._kind.name, "name": request["Name"]}
                times = {"created": now, "updated": now}
                answer.db.execute(insert(FILES).values(**row, **times, status="CREATING", given=given))
                tags = pairs(request.get("Tags") or [])
                self._tags.put(answer.db, arn(call, "index", index.id, self._kind.name, identity), tags)
                answer.value = {"Id": identity}
        made = answer.known or answer.value
        self._working.submit(request["IndexId"], made["Id"])
        return made

    def describe(self, request: Mapping[str, Any], call: Call, count: str = "") -> dict[str, Any]:
        """Return what all kinds say of a file; `count` is the member that has the number of its entries."""
        with self._store.read() as db:
            row = self._row(db, call, request)
        made = {
            **row.given,
            "IndexId": row.index_id,
            "FileSizeBytes": row.size,
            "ErrorMessage": row.failure or None,
            **_summary(row),
        }
        return made | ({count: row.count} if count else {})

    def list_all(self, request: Mapping[str, Any], call: Call, count: str = "") -> dict[str, Any]:
        """List the files of an index, the newest first."""

        def summary(row: Row[Any]) -> dict[str, Any]:
            return _summary(row) | ({count: row.count} if count else {})

        return list_of_index(self._store, request, call, FILES, summary, kind=self._kind.name)

    def change(self, request: Mapping[str, Any], call: Call) -> None:
        """Change a file, and begin to read it again; what was read before holds until then."""
        with self._store.write() as db:
            index_row(db, call, request["IndexId"], active=True)
            row = self._row(db, call, request)
            given = {
                **row.given,
                **{name: request[name] for name in (*_GIVEN, self._kind.path) if name in request},
            }
            status = "CREATING" if row.content is None else "UPDATING"
            values = {"name": request.get("Name") or row.name, "given": given, "status": status}
            mine = update(FILES).filter_by(index_id=row.index_id, id=row.id)
            db.execute(mine.values(**values, updated=time.time()))
        self._working.submit(row.index_id, row.id, again=True)

    def remove(self, request: Mapping[str, Any], call: Call) -> None:
        """Delete a file; from now on nothing is answered by it."""
        with self._store.write() as db:
            row = self._row(db, call, request)
            db.execute(delete(FILES).filter_by(index_id=row.index_id, id=row.id))
            self._tags.remove(db, arn(call, "index", row.index_id, self._kind.name, row.id))
        self._kind.changed(row.index_id)

    def _row(self, db: Connection, call: Call, request: Mapping[str, Any]) -> Row[Any]:
        index = index_row(db, call, request["IndexId"])
        wanted = select(FILES).filter_by(index_id=index.id, id=request["Id"], kind=self._kind.name)
        return lookup.one(db, wanted, absent(self._kind.label, request["Id"]))

    def _work(self, index: str, identity: str) -> None:
        key = {"index_id": index, "id": identity}
        with self._store.read() as db:
            row = db.execute(select(FILES).filter_by(**key)).one_or_none()
            known = db.execute(select(INDICES.c.fields).filter_by(id=index)).scalar()
        if row is None or known is None or row.status not in ("CREATING", "UPDATING"):
            return
        try:
            values = self._read(row.given, known)
        except (ContentError, FileError) as error:
            values = {"failure": str(error)[:_LONGEST]}
        except Exception as error:
            failure = logs.failed(_log, f"a {self._kind.label}", error)
            values = {"failure": f"the server failed (failure {failure}): its log has more"}
        if values["failure"]:
            values["status"] = "FAILED" if row.content is None else "ACTIVE_BUT_UPDATE_FAILED"
        with self._store.write() as db:  # one that was changed meanwhile is read again
            db.execute(update(FILES).filter_by(**key, updated=row.updated).values(**values))
        self._kind.changed(index)

    def _read(self, given: Mapping[str, Any], known: Fields) -> dict[str, Any]:
        """Return the columns of a file that was read. Raises `ContentError` or `FileError`."""
        path = given[self._kind.path]
        data = fetched(f"s3://{path['Bucket']}/{path['Key']}", self._folders)
        if len(data) > _SIZE:
            raise FileError(f"the file has more than {_SIZE} bytes: give its parts as several")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FileError("the file is no UTF-8") from error
        content, count = self._kind.read(text, given, known)
        return {"status": "ACTIVE", "content": content, "count": count, "size": len(data), "failure": ""}


def contents(db: Connection, index: str, kind: str) -> list[tuple[str, Any]]:
    """Return id and content of an index's files of a kind that were read, the oldest first."""
    mine = select(FILES.c.id, FILES.c.content).filter_by(index_id=index, kind=kind)
    rows = db.execute(mine.where(FILES.c.content.is_not(None)).order_by(FILES.c.created, FILES.c.id))
    return [(row.id, row.content) for row in rows if row.content is not None]


def _summary(row: Row[Any]) -> dict[str, Any]:
    made = {
        "Id": row.id,
        "Name": row.name,
        "Status": row.status,
        "CreatedAt": row.created,
        "UpdatedAt": row.updated,
    }
    return made | {name: row.given[name] for name in ("FileFormat", "LanguageCode") if name in row.given}
