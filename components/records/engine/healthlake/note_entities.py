"""Finds entities in the notes of data stores whose NLP is on, after they were written.

A DocumentReference gets HealthLake's extension as its next version, and the resources that HealthLake makes
of what was found; what was made of an earlier version, or of a document that is deleted, is deleted. Versions
that wait are marked in the database, so that a killed engine's work is taken up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.records.engine.healthlake import store
from brume.records.engine.healthlake.store import NOTES, FhirStore, Writing
from brume.records.engine.healthlake.tables import KEYS, VERSIONS
from brume.records.model import references
from brume.records.model.attachments import AttachmentError, attachments, decode_base64
from brume.records.model.entity import Entity
from brume.records.model.fhir import exact_json
from brume.records.model.nlp import healthlake
from brume.records.model.nlp.local import LocalExtractor
from brume.records.model.note import Note
from brume.records.model.notes.text import text_of

_log = logging.getLogger(__name__)
_AT_ONCE = 20  # documents of one transaction


@dataclass(frozen=True)
class _Found:
    """What was found in a version of a document: by the number of its contents."""

    row: Row[Any]
    document: Mapping[str, Any]
    patient: str
    entities: Mapping[int, tuple[Entity, ...]]


class NoteEntities:
    """Finds the entities of notes that wait."""

    def __init__(
        self, fhir: FhirStore, background: Background, extractor: Callable[[], LocalExtractor]
    ) -> None:
        """`extractor` returns what finds them, the same one at each call."""
        self._fhir, self._extractor, self._closing = fhir, extractor, False
        keys = select(VERSIONS.c.datastore).where(VERSIONS.c.nlp == 1).distinct()
        self._working = background.kind("fhir-notes", keys, self._work)

    def load(self) -> None:
        """Load what finds entities. Raises `weights.WeightsError`, `TerminologyError`."""
        self._extractor()

    def submit(self, datastore: str) -> None:
        """Look soon for notes that wait."""
        self._working.submit(datastore, again=True)

    def close(self) -> None:
        """Let the work stop soon; the next start goes on with it."""
        self._closing = True

    @staticmethod
    def mark(db: Connection, datastore: str, *, wanted: bool) -> None:
        """Let all notes of a data store wait for their entities, or none."""
        mine = update(VERSIONS).filter_by(datastore=datastore, type=NOTES, current=1, deleted=0)
        db.execute(mine.values(nlp=int(wanted)))

    def _work(self, datastore: str) -> None:
        waiting = select(VERSIONS).filter_by(datastore=datastore, nlp=1).order_by(VERSIONS.c.sequence)
        while not self._ends():
            with self._fhir.store.read() as db:
                rows = db.execute(waiting.limit(_AT_ONCE)).all()
                documents = [(row, exact_json.loads(row.text or "{}")) for row in rows]
                texts = [list(_texts(db, datastore, document)) for _, document in documents]
                patients = [_patient(db, datastore, document) for _, document in documents]
            if not rows:
                return
            found = []
            for (row, document), some, patient in zip(documents, texts, patients, strict=True):
                if self._ends():
                    return
                entities = {number: self._find(text) for number, text in some}
                found.append(_Found(row, document, patient, entities))
            try:
                with self._fhir.writing(datastore) as writing:
                    for one in found:
                        self._write(writing, one)
            except LookupError:  # it is to be deleted
                return

    def _ends(self) -> bool:
        return self._closing

    def _find(self, text: str) -> tuple[Entity, ...]:
        try:
            return self._extractor().extract(Note("", "", text))
        except Exception as error:  # of one note: the others get theirs
            logs.failed(_log, "finding the entities of a note", error)
            return ()

    def _write(self, writing: Writing, found: _Found) -> None:
        """Write what was found, unless the document has changed meanwhile: then it waits again by itself."""
        row = found.row
        which = {"datastore": row.datastore, "type": row.type, "id": row.id, "version": row.version}
        mine = update(VERSIONS).filter_by(**which, nlp=1)
        if not writing.db.execute(mine.values(nlp=0)).rowcount:
            return
        put: list[dict[str, Any]] = []
        if found.entities:
            extractor = self._extractor()
            document, made = healthlake.annotated(
                found.document,
                found.patient,
                found.entities.get(0, ()),
                [entity for some in found.entities.values() for entity in some],
                extractor.version,
                lambda entity: extractor.codes(entity, 5),
            )
            put = [document, *made]
        kept = {(one["resourceType"], one["id"]) for one in put}
        for kind, identity in _made_before(writing, row.id):
            if (kind, identity) not in kept:
                writing.delete(kind, identity)
        writing.put_all(put, nlp=False)


def _made_before(writing: Writing, document: str) -> list[tuple[str, str]]:
    """Return type and id of what was made of an earlier version of a document."""
    identity = healthlake.linkage_id(document)
    found = store.read(writing.db, writing.datastore, "Linkage", identity, None)
    return healthlake.linked(exact_json.loads(found.text)) if found and not found.deleted else []


def _texts(db: Connection, datastore: str, document: Mapping[str, Any]) -> Any:
    """Yield the number and the text of each content that has one."""
    for number, attachment in enumerate(attachments(NOTES, document)):
        try:
            data, kind = _data(db, datastore, document, attachment)
            text = text_of(data, kind)
        except AttachmentError:
            continue  # a note that cannot be read has no entities
        if text.strip():
            yield number, text


def _data(db: Connection, datastore: str, document: Mapping[str, Any], attachment: Any) -> tuple[bytes, str]:
    """Return the bytes and media type of an attachment: its own, or a Binary's. Raises `AttachmentError`."""
    given = attachment if isinstance(attachment, Mapping) else {}
    kind, url = str(given.get("contentType") or ""), str(given.get("url") or "")
    if given.get("data"):
        return decode_base64(given["data"]), kind
    binary: Mapping[str, Any] = {}
    if url.startswith("#"):
        inner = [one for one in document.get("contained") or () if isinstance(one, Mapping)]
        binary = next((one for one in inner if one.get("id") == url[1:]), {})
    elif isinstance(named := references.parse(url), references.Literal) and named.type == "Binary":
        version = store.read(db, datastore, "Binary", named.id, None)
        binary = exact_json.loads(version.text) if version and not version.deleted else {}
    return decode_base64(binary.get("data")), kind or str(binary.get("contentType") or "")


def _patient(db: Connection, datastore: str, document: Mapping[str, Any]) -> str:
    """Return the id of the patient of a document, "" where none is known."""
    subject = references.parse(document.get("subject"))
    if isinstance(subject, references.Literal):
        return subject.id if subject.type == "Patient" else ""
    if not isinstance(subject, references.ByIdentifier):
        return ""
    mine = select(KEYS.c.id).filter_by(
        datastore=datastore, type="Patient", parameter="identifier", value=subject.value
    )
    if subject.system is not None:
        mine = mine.filter_by(system=subject.system)
    found = db.execute(mine.distinct().limit(2)).scalars().all()
    return str(found[0]) if len(found) == 1 else ""
