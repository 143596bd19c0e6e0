"""Documents as those see them who may see no personal data: texts, titles, attributes and ids."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from datetime import datetime

from brume.records.engine.kendra.patient_names import PatientNames
from brume.records.engine.kendra.rows import PATIENT
from brume.records.model.deidentify import Deidentifier
from brume.records.model.search.document import Document, Value

_AUTHORS = ("_authors", "author")
# Of a person or an encounter: rules know one by the words before it, and an attribute has none.
_NUMBER = re.compile(r"\d{4}|@|[0-9a-f]{8}-[0-9a-f]{4}-")
_GREATEST = 9999  # whole numbers above may be of a person too
_LEFT_OUT = ("_source_uri", *_AUTHORS)  # they name persons or lead to the original


class DeidentifiedDocuments:
    """Makes de-identified documents, and knows which document an id of one stands for."""

    def __init__(self, deidentifier: Deidentifier, names: PatientNames) -> None:
        """`names` are looked for beside what the deidentifier's rules find."""
        self.deidentifier, self.names = deidentifier, names
        self._ids: dict[str, str] = {}

    def document(self, given: Document) -> Document:
        """Return a document without personal data; entities that are personal data are left out."""
        names = self._names(given)
        text = self.deidentifier.text(given.text, given.patient, names)
        identity = self.identity(given.id)
        self._ids[identity] = given.id
        return dataclasses.replace(
            given,
            id=identity,
            text=text.text,
            title="" if given.title == given.id else self._text(given.title, given.patient, names),
            attributes={
                name: self._value(name, value, given.patient, names)
                for name, value in given.attributes.items()
                if name not in _LEFT_OUT and not (isinstance(value, int) and abs(value) > _GREATEST)
            },
            patient=self.deidentifier.pseudonym("patient", given.patient),
            entities=text.entities(given.entities),
        )

    def identity(self, identity: str) -> str:
        """Return the id that a document has when it is de-identified."""
        return self.deidentifier.pseudonym("document", identity)

    def original(self, identity: str) -> str:
        """Return the id of the document that a de-identified one was made of; other ids as they are."""
        return self._ids.get(identity, identity)

    def _names(self, document: Document) -> list[str]:
        names = list(self.names.of(document.patient))
        for attribute in _AUTHORS:
            value = document.attributes.get(attribute, ())
            names += [value] if isinstance(value, str) else value if isinstance(value, tuple) else ()
        return [name for name in names if name.strip()]

    def _value(self, name: str, value: Value, patient: str, names: Sequence[str]) -> Value:
        if name == PATIENT:
            return self.deidentifier.pseudonym("patient", patient)
        match value:
            case str():
                return self._attribute(name, value, patient, names)
            case datetime():
                return self.deidentifier.date(value, patient)
            case tuple():
                return tuple(self._attribute(name, one, patient, names) for one in value)
            case _:
                return value

    def _attribute(self, name: str, text: str, patient: str, names: Sequence[str]) -> str:
        if _NUMBER.search(text):
            return self.deidentifier.pseudonym(name, text)
        return self._text(text, patient, names)

    def _text(self, text: str, patient: str, names: Sequence[str]) -> str:
        return self.deidentifier.text(text, patient, names).text
