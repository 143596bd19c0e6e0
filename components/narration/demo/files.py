"""Writes the demo's articles, as a small site has them."""

from __future__ import annotations

import shutil
from pathlib import Path

_HERE = Path(__file__).parent / "articles"


def make(folder: Path) -> list[Path]:
    """Write the articles into a folder; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy(path, folder / path.name)) for path in sorted(_HERE.iterdir())]
