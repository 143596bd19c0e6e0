"""An export whose facts and faults are known, and a lake that it was taken into."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from brume.aws.engine.logs import JsonFormatter
from brume.records import demo
from brume.records.demo.people import CLINICIANS
from brume.records.demo.vocabulary import FAMILY
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.notes.making import make
from tests.components.records import scoped as by_role
from tests.components.records.lake_engine import Served, serve_lake
from tests.components.records.pages import Pages, serve_pages


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


@pytest.fixture(scope="session")
def records_console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """An engine with notes of known content, and its page; tests leave the notes as they found them."""
    with serve_pages(tmp_path_factory.mktemp("console")) as pages:
        yield pages


class _Lines(logging.Handler):
    """Keeps what engines log, as they write it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(JsonFormatter().format(record))


@pytest.fixture(autouse=True)
def _is_logged(_lines: _Lines) -> None:
    """Go on with keeping what is logged after a test that set the project's handlers."""
    project = logging.getLogger("brume")
    if _lines not in project.handlers:
        project.addHandler(_lines)
        project.setLevel(logging.INFO)


@pytest.fixture(scope="session")
def _lines() -> _Lines:
    return _Lines()


@pytest.fixture(scope="session", autouse=True)
def logged(_lines: _Lines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What engines log in these tests; no name of the demo's people and no word of their notes is in it.

    Nor in the logs of engines and runs that are processes of their own.
    """
    yield _lines.written
    logging.getLogger("brume").removeHandler(_lines)
    names = {*FAMILY, *(name for _, given, family in CLINICIANS for name in (given, family))}
    words = "|".join(map(re.escape, sorted({*names, *by_role.WORDS.values()})))
    planted = re.compile(rf"\b(?:{words})\b")
    files = tmp_path_factory.getbasetemp().glob("*/**/*.log")
    written = [*_lines.written, *(file.read_text(errors="replace") for file in files)]
    assert [match[0] for text in written if (match := planted.search(text))] == []


@pytest.fixture(scope="session")
def records_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An engine with a lake of known content; tests read it."""
    with serve_lake(tmp_path_factory.mktemp("lake")) as served:
        yield served


@pytest.fixture(scope="session")
def scoped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[by_role.Served]:
    """An engine with a file of rights; tests leave its notes and its graph as they found them."""
    with by_role.serve_scoped(tmp_path_factory.mktemp("scopes")) as made:
        yield made
