"""A source of labelling output for each test, and its lake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from brume.labels.model.lake import Lake
from tests.components.labels.ingest.ingested import Read
from tests.components.labels.ingest.outputs import Output


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "source")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def read(output: Output, tmp_path: Path) -> Callable[[], Read]:
    """Ingest what `output` holds when it is called."""
    return lambda: Read(output, tmp_path)
