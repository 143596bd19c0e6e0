"""Remarks: what a reader should know of a slide that is used, or left out without a loss."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import NamedTuple

from brume import storage

FILE = "remarks.csv"


class Remark(NamedTuple):
    """A remark on one slide: its name, the step that made it, and the text."""

    slide: str
    step: str
    remark: str


def write_remarks(remarks: Iterable[Remark], uri: str) -> None:
    """Write a CSV file of remarks, sorted, with a column for each field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Remark._fields)
    writer.writerows(sorted(remarks))
    storage.write_bytes(uri, text.getvalue().encode())


def read_remarks(uri: str) -> list[Remark]:
    """Read what `write_remarks` wrote."""
    rows = csv.reader(io.StringIO(storage.read_bytes(uri).decode()))
    return [Remark(*row) for row in list(rows)[1:]]
