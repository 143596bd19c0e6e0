"""The names of patients in the pipeline's lake, which are looked for in what is de-identified."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

from brume.aws.engine import logs
from brume.records.model.lake import Lake
from brume.records.model.notes.hiding import names_of_patients
from brume.records.model.resources import Resources

_log = logging.getLogger(__name__)
_OF_NAMES = ("resources", "deletions")


class PatientNames:
    """Names by patient, for any thread; without a lake there are none."""

    def __init__(self, lake: str) -> None:
        """`lake` is its address, "" for none."""
        self._lake = Lake(lake) if lake else None
        self._lock = threading.Lock()
        self._seen: frozenset[str] | None = None
        self._names: Mapping[str, Sequence[str]] = {}

    def refresh(self) -> None:
        """Read the names again where the lake has others; where it cannot be read, those before stay."""
        if self._lake is None:
            return
        with self._lock:
            try:
                snapshot = self._lake.snapshot()
                seen = frozenset(part.path for table in _OF_NAMES for part in snapshot.parts(table))
                if seen != self._seen:
                    with Resources(self._lake, snapshot) as resources:
                        self._names = names_of_patients(resources)
                    self._seen = seen
            except Exception as error:  # rules find most names without it
                logs.failed(_log, "reading the names of the lake's patients", error)

    def of(self, patient: str) -> Sequence[str]:
        """Return the names of a patient and of its contacts."""
        return self._names.get(patient, ())
