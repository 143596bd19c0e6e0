"""The table of manifests/README.md of who may talk to whom."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).resolve().parents[2] / "manifests" / "README.md"
HEADING = "## Who may talk to whom"


def _table() -> dict[str, dict[str, bool]]:
    section = README.read_text().partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    head, _rule, *body = rows
    return {
        source: dict(zip(head[1:], (cell == "yes" for cell in cells), strict=True)) for source, *cells in body
    }


TABLE = _table()
"""By who talks: by whom to, whether it may."""
