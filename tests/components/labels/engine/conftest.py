"""The engine that most tests of Athena's API share, over a small lake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brume.labels.model.lake import Lake
from tests.aws.lake import fill, served
from tests.aws.serving import client_of


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the shared engine: its lake, data, and the results that stand for s3://results/."""
    return tmp_path_factory.mktemp("athena")


@pytest.fixture(scope="session")
def lake(root: Path) -> Lake:
    """The lake that the shared engine reads."""
    made = Lake(str(root / "lake"))
    fill(made)
    return made


@pytest.fixture(scope="session")
def athena_url(root: Path, lake: Lake) -> Iterator[str]:
    """Serve the shared engine: its tests run in one process (`SHARED` of tests/conftest.py)."""
    with served(root, lake, rows=5000, queue=2) as address:
        yield address


@pytest.fixture(scope="session")
def athena(athena_url: str) -> Any:
    """A client of the shared engine."""
    return client_of(athena_url, "athena")
