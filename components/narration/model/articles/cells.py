"""The cells of a table of HTML, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brume.narration.model.articles.article import clean
from brume.narration.model.articles.rules import rule_of, silent


def is_data(table: Any) -> bool:
    """Return whether a table holds data: one for the layout has one column, or tables in it."""
    if (table.get("role") or "") in ("presentation", "none") or table.find(".//table") is not None:
        return False
    _, header, rows = cells(table)
    return max((len(row) for row in [header, *rows]), default=0) > 1


def cells(table: Any) -> tuple[str, list[str], list[list[str]]]:
    """Return caption, header and rows of a table, as text."""
    caption = table.find(".//caption")
    lines = [[cell for cell in row if cell.tag in ("td", "th")] for row in table.iter("tr")]
    lines = [line for line in lines if line]
    header: list[str] = []
    if lines and all(cell.tag == "th" for cell in lines[0]):
        header = [_text(cell) for cell in lines.pop(0)]
    found = [[_text(cell) for cell in line] for line in lines]
    return _text(caption) if caption is not None else "", header, found


def _text(element: Any) -> str:
    return clean(" ".join(_pieces(element)))


def _pieces(element: Any) -> Iterator[str]:
    """Yield the text in an element, without marks of footnotes and what has no text."""
    if silent(element) or rule_of(element, within=True):
        return
    yield element.text or ""
    for child in element:
        yield from _pieces(child)
        yield child.tail or ""
