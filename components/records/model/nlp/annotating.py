"""Documents of a lake as HealthLake's NLP leaves them: its extension, and the resources it makes."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brume.lake.lake import Snapshot
from brume.records.model.entities import read_entities
from brume.records.model.lake import Lake
from brume.records.model.nlp import healthlake
from brume.records.model.resources import Resource, Resources

_KIND = "DocumentReference"
_BATCH = 512  # documents whose notes are read at once
_NOTES = """
SELECT notes.id, notes.patient, entities.json
FROM notes JOIN entities ON entities.note = notes.id
SEMI JOIN (SELECT unnest($ids) AS id) wanted ON wanted.id = split_part(notes.id, '/', 2)
WHERE starts_with(notes.id, 'DocumentReference/') ORDER BY notes.id
"""


@dataclass(frozen=True)
class Annotated:
    """A document: its JSON with the extension, and the resources that were made of it."""

    document: Mapping[str, Any]
    made: Sequence[Mapping[str, Any]]


def annotated(
    lake: Lake, version: str, min_score: float, snapshot: Snapshot | None = None
) -> Iterator[Annotated]:
    """Iterate the documents of a lake in whose notes something was looked for, by id.

    `version` is the extractor's, which the extension names. The extension is that of the first content,
    which is all that HealthLake reads; a Condition or MedicationStatement is made of every content's
    entities that have `min_score`. An extension that the document has is replaced.
    """
    state = snapshot or lake.snapshot()
    with Resources(lake, state) as resources, lake.connect(state) as connection:
        waiting = resources.of(_KIND)
        while some := list(itertools.islice(waiting, _BATCH)):
            params = {"ids": [one.id for one in some]}
            notes: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
            for row in connection.execute(_NOTES, params).fetchall():
                notes[row[0].split("/")[1]].append(row)
            for one in some:
                if one.id in notes:
                    yield _annotated(one, notes[one.id], version, min_score)


def _annotated(
    resource: Resource, notes: Sequence[tuple[str, str, str]], version: str, min_score: float
) -> Annotated:
    found = {identity: read_entities(text) for identity, _, text in notes}
    patient = next((one for _, one, _ in notes if one), "")
    sure = [entity for some in found.values() for entity in some if entity.score >= min_score]
    first = found.get(f"{resource.reference}/0", ())
    return Annotated(*healthlake.annotated(resource.value, patient, first, sure, version))
