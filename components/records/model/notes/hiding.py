"""Notes without what names a person, by the names that the lake's resources state and by rules.

The ids of resources and patients stay: they lead back to the export, and mean nothing without it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from brume import storage
from brume.lake.lake import Lake
from brume.records.model import surrogate_dates
from brume.records.model.deidentify import Deidentifier
from brume.records.model.resources import Resources

_KEY = "deidentify.key"  # beside the tables, and as private as they are


def key_of(lake: Lake) -> bytes:
    """Return the lake's key for surrogates, which is made when it is first asked for."""
    uri = storage.join(lake.uri, _KEY)
    try:
        return storage.read_version(uri)[0]
    except FileNotFoundError:
        pass
    made = secrets.token_bytes(32)
    try:
        storage.write_version(uri, made, "")
    except storage.ReplacedError:  # by another run, at the same time
        return storage.read_version(uri)[0]
    return made


class Hiding:
    """Makes rows of the table `notes` de-identified."""

    def __init__(self, deidentifier: Deidentifier, resources: Resources) -> None:
        """Read the names of all patients, which are looked for in their notes."""
        self._deidentifier, self._names = deidentifier, names_of_patients(resources)

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a note's row without personal data; it has no author, and its dates are moved."""
        patient = row["patient"]
        names = [*self._names.get(patient, ()), *([row["author"]] if row["author"] else ())]

        def hidden(text: str) -> str:
            return self._deidentifier.text(text, patient, names).text

        date = surrogate_dates.moved(row["date"], self._deidentifier.days(patient))
        changed = {"text": hidden(row["text"]), "title": hidden(row["title"]), "date": date, "author": ""}
        return {**row, **changed}


def names_of_patients(resources: Resources) -> dict[str, list[str]]:
    """Return the given and family names of patients and of their contacts, by the patient's id."""
    return {one.id: list(dict.fromkeys(_names(one.value))) for one in resources.of("Patient")}


def _names(patient: Mapping[str, Any]) -> Iterator[str]:
    """Yield the given and family names of a Patient and of its contacts."""
    contacts = patient.get("contact")
    people = [patient, *(contacts if isinstance(contacts, list) else ())]
    for person in people:
        given = person.get("name") if isinstance(person, dict) else None
        for name in given if isinstance(given, list) else [given]:
            for part in ("family", "given"):
                words = name.get(part) if isinstance(name, dict) else None
                for word in words if isinstance(words, list) else [words]:
                    if isinstance(word, str) and word.strip():
                        yield word.strip()
