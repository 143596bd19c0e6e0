"""Fixtures that every part of the suite shares."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return the path of a real file or folder; skip, saying so, where the real data is absent."""
    root = Path(os.environ.get("BRUME_DATA") or ROOT.parent / "shared" / "data")

    def find(relative: str) -> Path:
        path = root / relative
        if not path.exists():
            pytest.skip(f"no real data at {path}: set BRUME_DATA to the folder that holds {relative}")
        return path

    return find
