"""Entities as the CSV of AWS's sample "HealthLake knowledge analyzer": Score, Type, Text, File."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from brume.records.model.entity import Entity

COLUMNS = ("Score", "Type", "Text", "File")


def write(entities: Iterable[Entity], file: str) -> str:
    """Return the table of a file's entities, by their place, with its header; lines end in a line feed."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows((entity.score, entity.type, entity.text, file) for entity in entities)
    return out.getvalue()
