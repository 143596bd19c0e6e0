"""The recognisers of an engine, loaded when they are first needed."""

from __future__ import annotations

import threading
from pathlib import Path

from brume import weights
from brume.captions.engine.settings import CaptionsSettings
from brume.captions.model.hypothesis import Recogniser
from brume.captions.model.whisper import Whisper, WhisperSettings


class Recognisers:
    """One recogniser for English and one for the other languages."""

    def __init__(self, settings: CaptionsSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loaded: dict[str, Recogniser] = {}

    def of(self, languages: tuple[str, ...]) -> Recogniser:
        """Return the recogniser for any of these languages (ISO 639-1).

        Raises `brume.weights.WeightsError` when its model is not there.
        """
        name = self._settings.english if languages == ("en",) else self._settings.others
        with self._lock:
            if name not in self._loaded:
                folder = Path(name) if "/" in name else weights.find(name)
                self._loaded[name] = Whisper(
                    folder,
                    folder.name if "/" in name else name,
                    WhisperSettings(device=self._settings.device, streams=self._settings.threads),
                )
            return self._loaded[name]
