"""An export whose facts and faults are known, and a lake that it was taken into."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from brume.records import demo
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.notes.making import make


class Export(NamedTuple):
    """An export, its truth, and its lake with notes."""

    source: str
    truth: demo.Truth
    lake: Lake


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    folder = tmp_path_factory.mktemp("records")
    truth = demo.generate(folder / "demo", patients=24)
    source = str(folder / "demo" / demo.EXPORT)
    lake = Lake(str(folder / "lake"))
    ingest.run(source, lake, processes=1)
    make(lake)
    return Export(source, truth, lake)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))
