"""The search indexes in memory, read from the database when they are first asked for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from brume.aws.engine.store import Store
from brume.records.engine.kendra import rows
from brume.records.engine.kendra.models import Models
from brume.records.engine.kendra.tables import DOCUMENTS
from brume.records.model.entity import Entity
from brume.records.model.note import Note
from brume.records.model.search.concepts import Term
from brume.records.model.search.index import SearchIndex
from brume.records.model.search.terms import TermFinder

_log = logging.getLogger(__name__)
_AT_ONCE = 1000


class Live:
    """The indexes of a process; but for embeddings, all of an index is made of its rows."""

    def __init__(self, store: Store, folder: Path, models: Models, terms: Sequence[Term]) -> None:
        self._store, self._folder, self._models = store, folder, models
        self._terms, self._finder = terms, TermFinder(terms)
        self._lock = threading.Lock()
        self._indexes: dict[str, SearchIndex] = {}
        self._loading: dict[str, threading.Lock] = {}

    def of(self, index: str) -> SearchIndex:
        """Return an index, which was found to be the caller's; the first time it is read."""
        with self._lock:
            loading = self._loading.setdefault(index, threading.Lock())
        with loading:
            if index not in self._indexes:
                self._indexes[index] = self._loaded(index)
            return self._indexes[index]

    def drop(self, index: str) -> None:
        """Forget an index that is deleted, and its embeddings."""
        with self._lock:
            self._indexes.pop(index, None)
        for path in (self._folder / index).glob("vectors-*.bin"):
            path.unlink(missing_ok=True)

    def extract(self, note: Note) -> list[Entity]:
        """Return the entities of a note: names of the owner's concepts, and others that are found."""
        found = list(self._finder.find(note.text))
        taken = [(entity.begin, entity.end) for entity in found]
        for entity in self._models.extract(note):
            if not any(entity.begin < end and begin < entity.end for begin, end in taken):
                found.append(entity)
        return sorted(found, key=lambda entity: (entity.begin, entity.end))

    def _loaded(self, index: str) -> SearchIndex:
        made = SearchIndex(self._folder / index, self._models.encoder())
        made.know(self._terms)
        after = ""
        while True:
            with self._store.read() as db:
                wanted = select(DOCUMENTS).filter_by(index_id=index)
                wanted = wanted.where(DOCUMENTS.c.indexed.is_not(None), DOCUMENTS.c.digest > after)
                found = db.execute(wanted.order_by(DOCUMENTS.c.digest).limit(_AT_ONCE)).all()
            if not found:
                return made
            after = found[-1].digest
            made.put(
                [
                    rows.document(row.id, row.text, row.title, row.attributes, row.access, row.entities)
                    for row in found
                ]
            )
