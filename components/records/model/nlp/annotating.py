"""Documents of a lake as HealthLake's NLP leaves them: its extension, and the resources it makes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brume.lake.lake import Snapshot
from brume.records.model.entities import read_entities
from brume.records.model.lake import Lake
from brume.records.model.nlp import healthlake
from brume.records.model.resources import Resource, Resources

_KIND = "DocumentReference"
_BATCH = 512  # rows that are read at once
# By id of the document, as the documents come: whether of one id "a/0" or "a-b/0" is first does not matter.
_NOTES = """
SELECT split_part(notes.id, '/', 2) AS document, notes.id, notes.patient, entities.json
FROM notes JOIN entities ON entities.note = notes.id
WHERE starts_with(notes.id, 'DocumentReference/') ORDER BY document, notes.id
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
        batches = connection.sql(_NOTES).to_arrow_reader(_BATCH)
        rows = (row for batch in batches for row in batch.to_pylist())
        groups = itertools.groupby(rows, lambda row: str(row["document"]))
        # Both are read once, side by side: reading notes for each batch of documents took longer than linear.
        document, notes = next(groups, ("", ()))
        for one in resources.of(_KIND):
            while notes and document < one.id:
                document, notes = next(groups, ("", ()))
            if document == one.id:
                found = [(row["id"], row["patient"], row["json"]) for row in notes]
                yield _annotated(one, found, version, min_score)


def _annotated(
    resource: Resource, notes: Sequence[tuple[str, str, str]], version: str, min_score: float
) -> Annotated:
    found = {identity: read_entities(text) for identity, _, text in notes}
    patient = next((one for _, one, _ in notes if one), "")
    sure = [entity for some in found.values() for entity in some if entity.score >= min_score]
    first = found.get(f"{resource.reference}/0", ())
    return Annotated(*healthlake.annotated(resource.value, patient, first, sure, version))
