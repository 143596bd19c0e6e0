"""The work on documents that were put or deleted: text, entities, place in the index."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, select, update

from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.aws.engine.store import Store
from brume.records.engine.kendra import rows
from brume.records.engine.kendra.content import ContentError, fetched, text_of
from brume.records.engine.kendra.live import Live
from brume.records.engine.kendra.tables import ACCESS, DOCUMENTS
from brume.records.model.note import Note
from brume.records.model.search.document import Document

_log = logging.getLogger(__name__)
_AT_ONCE = 64
_WAITING = ("PROCESSING", "DELETING")


class Indexing:
    """Takes up what is waiting; a document that is put again meanwhile waits again."""

    def __init__(self, store: Store, background: Background, live: Live, folders: dict[str, str]) -> None:
        self._store, self._live, self._folders = store, live, folders
        self._closing = False
        waiting = select(DOCUMENTS.c.index_id).where(DOCUMENTS.c.status.in_(_WAITING)).distinct()
        self._working = background.kind("kendra-documents", waiting, self._work)

    def submit(self, index: str) -> None:
        """Do what is waiting in an index soon."""
        self._working.submit(index, again=True)

    def close(self) -> None:
        """Stop after the documents that are being worked on; the next start takes up the rest."""
        self._closing = True

    def _work(self, index: str) -> None:
        while not self._closing:
            with self._store.read() as db:
                waiting = select(DOCUMENTS).filter_by(index_id=index).where(DOCUMENTS.c.status.in_(_WAITING))
                found = db.execute(waiting.limit(_AT_ONCE)).all()
            if not found:
                return
            self._done(index, found)

    def _done(self, index: str, waiting: Sequence[Row[Any]]) -> None:
        self._live.take_concepts()
        made: dict[str, Document] = {}
        failures: dict[str, str] = {}
        for row in waiting:
            if row.status == "DELETING":
                continue
            try:
                made[row.digest] = self._document(row)
            except ContentError as error:
                failures[row.digest] = str(error)
            except Exception as error:
                identity = logs.failed(_log, "a document", error)
                failures[row.digest] = f"the server failed (failure {identity}): its log has more"
        live = self._live.of(index)
        live.put(list(made.values()))
        live.delete([row.id for row in waiting if row.status == "DELETING"])
        with self._store.write() as db:
            for row in waiting:
                # Of a document that was put or deleted again meanwhile, nothing is written: it waits.
                same = {"index_id": index, "digest": row.digest, "changed": row.changed}
                if row.status == "DELETING":
                    db.execute(delete(DOCUMENTS).filter_by(**same))
                elif row.digest in made:
                    db.execute(
                        update(DOCUMENTS).filter_by(**same).values(**self._values(made[row.digest], row))
                    )
                else:
                    status = "FAILED" if row.indexed is None else "UPDATE_FAILED"
                    values = {"status": status, "failure": failures[row.digest], "given": None, "blob": None}
                    db.execute(update(DOCUMENTS).filter_by(**same).values(version="", **values))
        gone = [row.id for row in waiting if row.status == "DELETING"]
        self._live.hide(index, list(made.values()), gone)

    @staticmethod
    def _values(document: Document, row: Row[Any]) -> dict[str, Any]:
        status = "INDEXED" if row.indexed is None else "UPDATED"
        values = {"status": status, "given": None, "blob": None, "failure": "", "indexed": time.time()}
        return values | rows.columns(document)

    def _document(self, row: Row[Any]) -> Document:
        """Return a document with its text and entities. Raises `ContentError`."""
        given = row.given
        data = row.blob if row.blob is not None else fetched(given["s3"], self._folders)
        text = text_of(data, given["kind"])
        access = self._access(row) if row.access_id else given["access"]
        document = rows.document(row.id, text, given["title"], given["attributes"], access, [])
        note = Note(row.id, document.patient, text, document.title)
        return rows.with_entities(document, self._live.extract(note))

    def _access(self, row: Row[Any]) -> Any:
        """Return the lists of access of the configuration that a document follows. Raises `ContentError`."""
        with self._store.read() as db:
            mine = select(ACCESS.c.access).filter_by(index_id=row.index_id, id=row.access_id)
            found = db.execute(mine).scalar()
        if found is None:
            raise ContentError(f"the access control configuration {row.access_id} is not there any more")
        return found
