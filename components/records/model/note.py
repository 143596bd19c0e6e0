"""A clinical note: a text of a patient's, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """One text. `id` is the same in every run: `DocumentReference/ID/0` is that resource's first content.

    `patient` is the id of the Patient, "" where the resource names none. `date` is FHIR's (`2024-05-01`,
    or with a time). `text` is what offsets of entities count in, in code points, and never changes its
    length: line ends are as they came.
    """

    id: str
    patient: str
    text: str
    title: str = ""
    kind: str = ""  # the display or text of the resource's type
    date: str = ""
    status: str = ""
    author: str = ""
    content_type: str = "text/plain"  # that the text was made of
    version: str = ""  # of its resource; a digest where that has none
    encounter: str = ""  # id of the Encounter
