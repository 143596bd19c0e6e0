"""The models of search: what makes embeddings, and what finds entities in notes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from brume import weights
from brume.aws.engine.catalog import EngineError
from brume.records.engine.kendra.common import conflict
from brume.records.engine.kendra.settings import SearchSettings
from brume.records.model import minilm
from brume.records.model.entity import Entity
from brume.records.model.minilm import MiniLM
from brume.records.model.nlp import phi
from brume.records.model.nlp.local import LocalExtractor
from brume.records.model.nlp.phi import Personal
from brume.records.model.note import Note
from brume.records.model.search.vectors import Encoder


class Models:
    """The models, for any thread; they are loaded when an index is first made or used."""

    def __init__(self, settings: SearchSettings, extractor: Callable[[], LocalExtractor]) -> None:
        """`extractor` loads what finds entities. Raises `EngineError` for a setting of another value."""
        if settings.mentions not in ("local", "none"):
            raise EngineError(f"BRUME_RECORDS_MENTIONS={settings.mentions}: it is local or none")
        if settings.embeddings not in (minilm.NAME, "none"):
            raise EngineError(f"BRUME_RECORDS_EMBEDDINGS={settings.embeddings}: it is {minilm.NAME} or none")
        self._settings, self._load_extractor = settings, extractor
        self._lock = threading.Lock()
        self._encoder: Encoder | None = None
        self._extractor: LocalExtractor | None = None
        self._loaded = False

    def load(self) -> None:
        """Load the models. Raises `ServiceError` that says what is missing and how to go without."""
        with self._lock:
            if self._loaded:
                return
            try:
                if self._settings.embeddings != "none":
                    self._encoder = MiniLM.load()
                if self._settings.mentions != "none":
                    self._extractor = self._load_extractor()
            except weights.WeightsError as error:
                raise conflict(
                    f"This server lacks what search needs: {error}. Without it, it runs with "
                    "BRUME_RECORDS_EMBEDDINGS=none and BRUME_RECORDS_MENTIONS=none"
                ) from error
            self._loaded = True

    def encoder(self) -> Encoder | None:
        """Return what makes embeddings, None for search without. Raises `ServiceError`."""
        self.load()
        return self._encoder

    def personal(self, text: str, names: Sequence[str]) -> list[Personal]:
        """Return the personal data of a text; `names` are known ones. Raises `ServiceError`."""
        self.load()
        if self._extractor is None:
            return phi.find(text, names)
        return self._extractor.find_personal(text, names)

    def extract(self, note: Note) -> Sequence[Entity]:
        """Return the entities of a note. Raises `ServiceError`."""
        self.load()
        return self._extractor.extract(note) if self._extractor is not None else ()
