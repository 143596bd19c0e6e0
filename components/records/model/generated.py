"""What was found in a lake's notes, as files that programs of HealthLake and of AWS's sample read."""

from __future__ import annotations

from pathlib import Path

from brume.records.model.entities import read_entities
from brume.records.model.lake import Lake
from brume.records.model.nlp.annotating import annotated
from brume.records.model.nlp.sample_csv import SampleTable
from brume.records.model.resource_files import ResourceFiles

TABLE = "entities.csv"
_ENTITIES = """
SELECT notes.id, notes.patient, entities.json
FROM notes JOIN entities ON entities.note = notes.id ORDER BY notes.id
"""
_AT_ONCE = 1000


def write(lake: Lake, folder: Path, version: str, min_score: float, *, present: bool) -> dict[str, int]:
    """Write documents and generated resources (NDJSON) and the table into `folder`; returns numbers by type.

    `version` names the extractor in the documents. With `present`, entities are those that the documents
    have: the table is written alone. A file of the table is PATIENT___DOCUMENT.txt, as the sample names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as out, lake.connect() as connection:
        table = SampleTable(out)
        rows = connection.execute(_ENTITIES)
        while some := rows.fetchmany(_AT_ONCE):
            for note, patient, text in some:
                sure = [entity for entity in read_entities(text) if entity.score >= min_score]
                table.add(sure, f"{patient}___{note.split('/')[1]}.txt")
    if present:
        return {}
    with ResourceFiles(folder) as files:
        for one in annotated(lake, version, min_score):
            for resource in (one.document, *one.made):
                files.add(resource)
    return dict(files.counts)
