"""Pages of a result file: its lines are read from a byte on, never the whole file."""

from __future__ import annotations

import re
from pathlib import Path

_FIELD = re.compile(rb'(?:"([^"]*(?:""[^"]*)*)")?(,|\n)')
_BLOCK = 1 << 20
_MOST = 4 << 20  # bytes of a page, as far as whole rows allow


def page(path: Path, start: int, count: int) -> tuple[list[list[str | None]], int]:
    """Return up to `count` rows from byte `start` on, and where the next row starts; 0 after the last.

    A page of long rows has fewer, so that an answer stays small.

    A file that ends in .csv is as `jobs` writes it: every value in quotes, NULL is nothing. In one that ends
    in .txt, each line is a row of one value.
    """
    rows: list[list[str | None]] = []
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if path.suffix == ".txt":
            file.seek(start)
            for line in file:
                rows.append([line.decode().rstrip("\n")])
                if len(rows) == count:
                    break
            end = file.tell() if len(rows) == count else size
            return rows, end if end < size else 0
        file.seek(start)
        data, end = b"", start
        while len(rows) < count and end < size and end - start < _MOST:
            # Twice as much when not one row was whole: each time it is read from its start.
            more = file.read(max(_BLOCK, len(data)))
            if not more:  # it ends within a row: no result of ours
                return rows, 0
            data += more
            taken, used = _rows(data, count - len(rows))
            rows += taken
            data, end = data[used:], end + used
    return rows, end if end < size else 0


def _rows(data: bytes, count: int) -> tuple[list[list[str | None]], int]:
    """Return the whole rows at the start of `data`, `count` at most, and how many bytes they take."""
    rows: list[list[str | None]] = []
    row: list[str | None] = []
    used = position = 0
    while len(rows) < count:
        field = _FIELD.match(data, position)
        if field is None:
            break
        row.append(None if field[1] is None else field[1].replace(b'""', b'"').decode())
        position = field.end()
        if field[2] == b"\n":
            rows.append(row)
            row, used = [], position
    return rows, used
