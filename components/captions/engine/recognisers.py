"""The recognisers of an engine, loaded when they are first needed."""

from __future__ import annotations

import threading

from brume import weights
from brume.captions.engine.settings import CaptionsSettings
from brume.captions.model.hypothesis import Recogniser
from brume.captions.model.whisper import Whisper, WhisperSettings

NONE = "none"  # in place of a model's name


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
        english, others = self._settings.english, self._settings.others
        name = english if (languages == ("en",) and english != NONE) or others == NONE else others
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = Whisper(
                    weights.find(name),
                    name.rstrip("/").rpartition("/")[2],
                    WhisperSettings(device=self._settings.device, streams=self._settings.threads),
                )
            return self._loaded[name]

    def trouble(self) -> str:
        """Return why not every language can be recognised: a model that is not there; "" when none is."""
        for name in (self._settings.english, self._settings.others):
            try:
                if name != NONE:
                    weights.locate(name)
            except weights.WeightsError as error:
                return str(error)
        return ""
