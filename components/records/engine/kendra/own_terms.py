"""An owner's concepts, which are found in notes: those of a file, and those of the codes in a lake."""

from __future__ import annotations

import threading
from pathlib import Path

from brume.aws.engine.catalog import EngineError
from brume.records.model.lake import Lake
from brume.records.model.search.concepts import Term
from brume.records.model.search.lake_terms import read_lake_terms
from brume.records.model.search.terms import TermFinder, TermsError, read_terms


class OwnTerms:
    """The concepts, for any thread; those of the lake are read again when it has others."""

    def __init__(self, file: str, lake: str) -> None:
        """`file` and `lake` are "" for none. Raises `EngineError` for a file that cannot be read."""
        self._given = _read(file)
        self._lake = Lake(lake) if lake else None
        self._lock = threading.Lock()
        self._seen: frozenset[str] | None = None
        self._current = (tuple(self._given), TermFinder(self._given))

    def current(self) -> tuple[tuple[Term, ...], TermFinder]:
        """Return the concepts, and what finds them. Raises `LakeError` and `StorageError`."""
        if self._lake is not None:
            with self._lock:
                snapshot = self._lake.snapshot()
                parts = frozenset(part.path for part in snapshot.parts("concepts"))
                if parts != self._seen:
                    terms = (*self._given, *read_lake_terms(self._lake, snapshot))
                    self._current = (terms, TermFinder(terms))
                    self._seen = parts
        return self._current


def _read(path: str) -> list[Term]:
    if not path:
        return []
    try:
        return read_terms(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, TermsError) as error:
        raise EngineError(f"{path}: {error}") from error
