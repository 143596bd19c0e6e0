"""The four analyses of a text, each as Comprehend Medical answers it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from brume.records.model.nlp import comprehend, rxnorm
from brume.records.model.nlp.local import LocalExtractor
from brume.records.model.nlp.rxnorm import DrugCodes
from brume.records.model.note import Note


@dataclass(frozen=True)
class Kind:
    """A kind of analysis: the name in the operations of its jobs, and in the names of their files."""

    name: str
    files: str


ENTITIES = Kind("EntitiesDetectionV2", "EntitiesDetection")
PERSONAL = Kind("PHIDetection", "PHIDetection")
ICD10CM = Kind("ICD10CMInference", "ICD10CMInference")
RXNORM = Kind("RxNormInference", "RxNormInference")
KINDS = {kind.name: kind for kind in (ENTITIES, PERSONAL, ICD10CM, RXNORM)}


class Analysis:
    """Analyses texts, for any thread. The dictionaries are loaded when they are first needed."""

    def __init__(self, load: Callable[[], LocalExtractor]) -> None:
        self._load, self._lock = load, threading.Lock()
        self._loaded: LocalExtractor | None = None

    def of(self, kind: Kind, text: str) -> dict[str, Any]:
        """Return the response to a text. Raises `weights.WeightsError` without the terminologies."""
        extractor = self._extractor()
        if kind is PERSONAL:
            found = comprehend.personal(extractor.personal(text))
        else:
            entities = extractor.extract(Note("", "", text))
            if kind is ENTITIES:
                found = comprehend.detected((*entities, *extractor.personal(text)))
            elif kind is RXNORM:
                found = comprehend.rxnorm(entities)
            else:
                found = comprehend.icd10cm(entities, lambda one: extractor.codes(one, 5))
        return {**found, "ModelVersion": extractor.version}

    def _extractor(self) -> LocalExtractor:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded


def loader(folder: str) -> Callable[[], LocalExtractor]:
    """Return what loads the extractor, with the codes of drugs of a folder of RxNorm's ("" for none)."""

    def load() -> LocalExtractor:
        return LocalExtractor.load(DrugCodes(rxnorm.read(folder)) if folder else None)

    return load
