"""The lake of a pipeline, as the engine's pages read it: its present state, in memory once for each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from brume.lake.lake import Snapshot
from brume.lake.parquet_files import LakeError
from brume.records.model.lake import Lake
from brume.records.model.overview import tables
from brume.records.model.overview.tables import Overview

_NONE = (
    "This server has no lake of records: start it with BRUME_RECORDS_LAKE=FOLDER, the lake of a run of "
    "`brume run records` (OUT/lake, or what its parameter lake names)"
)
_UNREADABLE = "The lake of records cannot be read"


class NoLakeError(RuntimeError):
    """There is no lake, or it cannot be read; the message says what to do."""


class LakeReader:
    """Reads a lake, for any thread; a state that a run has committed since is read when it is asked for."""

    def __init__(self, uri: str) -> None:
        """`uri` is a folder or an s3:// address, "" for none."""
        self._uri = uri
        self._lock = threading.Lock()
        self._version = ""
        self._overview: Overview | None = None

    def overview(self) -> Overview:
        """Return the present state. Raises `NoLakeError`."""
        try:
            with self._lock:
                lake, snapshot = self._state()
                if self._overview is None or snapshot.version != self._version:
                    # The earlier state ends with its last reader.
                    self._overview, self._version = tables.build(lake, snapshot), snapshot.version
                return self._overview
        except (LakeError, OSError) as error:
            raise NoLakeError(f"{_UNREADABLE}: {error}") from error

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection to the tables of the present state. Raises `NoLakeError`."""
        try:
            lake, snapshot = self._state()
            connection = lake.connect(snapshot)
        except (LakeError, OSError) as error:
            raise NoLakeError(f"{_UNREADABLE}: {error}") from error
        with connection:
            yield connection

    def _state(self) -> tuple[Lake, Snapshot]:
        if not self._uri:
            raise NoLakeError(_NONE)
        lake = Lake(self._uri)
        snapshot = lake.snapshot()
        if not snapshot.number:
            raise NoLakeError(f"{lake.uri} holds no lake yet: a run of `brume run records` makes it")
        return lake, snapshot
