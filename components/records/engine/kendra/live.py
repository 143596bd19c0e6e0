"""The search indexes in memory, read from the database when they are first asked for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from brume.aws.engine import logs
from brume.aws.engine.store import Store
from brume.records.engine.kendra import faqs, rows, thesauri
from brume.records.engine.kendra.deidentified import DeidentifiedDocuments
from brume.records.engine.kendra.models import Models
from brume.records.engine.kendra.own_terms import OwnTerms
from brume.records.engine.kendra.tables import DOCUMENTS
from brume.records.model.entity import Entity
from brume.records.model.note import Note
from brume.records.model.search.concepts import Term
from brume.records.model.search.document import Document
from brume.records.model.search.index import WIDTH, SearchIndex
from brume.records.model.search.questions import Questions
from brume.records.model.search.terms import TermFinder
from brume.records.model.search.vectors import VectorFile

_log = logging.getLogger(__name__)
_AT_ONCE = 1000


class Live:
    """The indexes of a process; but for embeddings, all of an index is made of its rows.

    For those who may see no personal data there is a second index of de-identified documents, made when it is
    first asked for: nothing of a search, its counts, corrections and suggestions comes from another text.
    """

    def __init__(
        self, store: Store, folder: Path, models: Models, own: OwnTerms, hiding: DeidentifiedDocuments
    ) -> None:
        self._store, self._folder, self._models, self._own = store, folder, models, own
        self.hiding = hiding
        self._terms: Sequence[Term] = ()
        self._finder = TermFinder(())
        self._lock = threading.Lock()
        self._indexes: dict[str, SearchIndex] = {}
        self._deidentified: dict[str, SearchIndex] = {}
        self._questions: dict[str, Questions] = {}
        self._loading: dict[str, threading.Lock] = {}

    def of(self, index: str, *, deidentified: bool = False) -> SearchIndex:
        """Return an index, which was found to be the caller's; the first time it is read."""
        with self._turn(f"{index}/deidentified" if deidentified else index):
            known = self._deidentified if deidentified else self._indexes
            if index not in known:
                self.take_concepts()
                known[index] = self._loaded(index, deidentified=deidentified)
            return known[index]

    def hide(self, index: str, put: Sequence[Document], deleted: Iterable[str]) -> None:
        """Bring the de-identified index up to date, if there is one, after the rows were written."""
        with self._turn(f"{index}/deidentified"):
            if index in self._deidentified:
                self.hiding.names.refresh()
                self._deidentified[index].put([self.hiding.document(document) for document in put])
                self._deidentified[index].delete([self.hiding.identity(one) for one in deleted])

    def questions(self, index: str) -> Questions:
        """Return the questions with answers of an index, which was found to be the caller's."""
        with self._turn(index):
            if index not in self._questions:
                self._questions[index] = self._asked(index)
            return self._questions[index]

    def refresh(self, index: str) -> None:
        """Take the synonyms and the questions of an index, which have changed."""
        with self._turn(index), self._turn(f"{index}/deidentified"):
            self._questions[index] = self._asked(index)
            for known in (self._indexes, self._deidentified):
                if index in known:
                    known[index].set_synonyms(self._synonyms(index))

    def grant(self, index: str, ids: Sequence[str], access: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        """Set who is let in to documents of an index, as their rows have it now."""
        with self._turn(index), self._turn(f"{index}/deidentified"):
            if index in self._indexes:
                self._indexes[index].grant(ids, rows.access_of(access))
            if index in self._deidentified:
                shown = [self.hiding.identity(one) for one in ids]
                self._deidentified[index].grant(shown, rows.access_of(access))

    def take_concepts(self) -> None:
        """Take the owner's concepts as they are now, for what is put from now on."""
        try:
            terms, finder = self._own.current()
        except Exception as error:  # a lake that cannot be reached is no reason not to search
            logs.failed(_log, "reading the lake's concepts", error)
            return
        with self._lock:
            if finder is self._finder:
                return
            self._terms, self._finder = terms, finder
            for index in (*self._indexes.values(), *self._deidentified.values()):
                index.know(terms)

    def drop(self, index: str) -> None:
        """Forget an index that is deleted, and its embeddings."""
        with self._lock:
            self._indexes.pop(index, None)
            self._deidentified.pop(index, None)
            self._questions.pop(index, None)
        for path in (self._folder / index).rglob("vectors-*.bin"):
            path.unlink(missing_ok=True)

    def extract(self, note: Note) -> list[Entity]:
        """Return the entities of a note: names of the owner's concepts, and others that are found."""
        found = list(self._finder.find(note.text))
        taken = [(entity.begin, entity.end) for entity in found]
        for entity in self._models.extract(note):
            if not any(entity.begin < end and begin < entity.end for begin, end in taken):
                found.append(entity)
        return sorted(found, key=lambda entity: (entity.begin, entity.end))

    def _turn(self, index: str) -> threading.Lock:
        with self._lock:
            return self._loading.setdefault(index, threading.Lock())

    def _synonyms(self, index: str) -> list[tuple[str, tuple[str, ...]]]:
        with self._store.read() as db:
            return thesauri.rules(db, index)

    def _asked(self, index: str) -> Questions:
        with self._store.read() as db:
            entries = faqs.documents(db, index)
        encoder = self._models.encoder() if entries else None
        folder = self._folder / index / "questions"
        return Questions(entries, VectorFile(folder, encoder, WIDTH) if encoder is not None else None)

    def _loaded(self, index: str, *, deidentified: bool) -> SearchIndex:
        folder = self._folder / index
        made = SearchIndex(folder / "deidentified" if deidentified else folder, self._models.encoder())
        made.know(self._terms)
        made.set_synonyms(self._synonyms(index))
        if deidentified:
            self.hiding.names.refresh()
        after = ""
        while True:
            with self._store.read() as db:
                wanted = select(DOCUMENTS).filter_by(index_id=index)
                wanted = wanted.where(DOCUMENTS.c.indexed.is_not(None), DOCUMENTS.c.digest > after)
                found = db.execute(wanted.order_by(DOCUMENTS.c.digest).limit(_AT_ONCE)).all()
            if not found:
                return made
            after = found[-1].digest
            documents = [
                rows.document(row.id, row.text, row.title, row.attributes, row.access, row.entities)
                for row in found
            ]
            made.put([self.hiding.document(one) for one in documents] if deidentified else documents)
