"""Tables in words: what a table is about and, where it is small, what stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_ROWS, _MOST_COLUMNS = 6, 4  # of a table that is read row by row


@dataclass(frozen=True)
class _Words:
    table: str
    columns: str
    rows: str
    one_row: str


_WORDS = {
    "en": _Words("Table", "Columns", "{} rows", "One row"),
    "es": _Words("Tabla", "Columnas", "{} filas", "Una fila"),
}


def summary(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], language: str) -> str:
    """Return a table as sentences: its caption, its columns, and its rows or their number.

    `header` may be empty. Words around it are English and Spanish; in other languages cells alone are read.
    """
    words = _WORDS.get(language.partition("-")[0].lower())
    found = []
    if words:
        found.append(f"{words.table}: {caption}" if caption else words.table)
    elif caption:
        found.append(caption)
    width = max((len(row) for row in [header, *rows]), default=0)
    if len(rows) <= _MOST_ROWS and width <= _MOST_COLUMNS:
        found += [_row(header, row) for row in rows]
    else:
        if any(header):
            named = ", ".join(filter(None, header))
            found.append(f"{words.columns}: {named}" if words else named)
        if words:
            found.append(words.one_row if len(rows) == 1 else words.rows.format(len(rows)))
    return " ".join(_sentence(part) for part in found if part)


def _row(header: Sequence[str], row: Sequence[str]) -> str:
    """Return a row: its first cell, then the others with the names of their columns."""
    cells = []
    for number, cell in enumerate(row):
        name = header[number] if 0 < number < len(header) else ""
        if cell:
            cells.append(f"{name}: {cell}" if name else cell)
    return "; ".join(cells)


def _sentence(text: str) -> str:
    return text if text[-1] in ".!?…" else f"{text}."
