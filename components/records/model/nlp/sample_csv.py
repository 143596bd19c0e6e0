"""Entities as the CSV of AWS's sample "HealthLake knowledge analyzer": Score, Type, Text, File."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from brume.records.model.entity import Entity

COLUMNS = ("Score", "Type", "Text", "File")


class SampleTable:
    """Writes the table, its header first; lines end in a line feed."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`, which translates no line ends."""
        self._rows = csv.writer(out, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    def add(self, entities: Iterable[Entity], file: str) -> None:
        """Write the entities of a file, by their place."""
        self._rows.writerows((entity.score, entity.type, entity.text, file) for entity in entities)
