"""The recognisers of a process, chosen by its environment and loaded when they are first needed."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from brume import weights
from brume.captions.model.hypothesis import Recogniser
from brume.captions.model.whisper import Whisper, WhisperSettings
from brume.variables import number, variable

NONE = "none"  # in place of a model's name


@dataclass(frozen=True)
class RecogniserSettings:
    """Which models recognise speech, and where."""

    english: str = variable(
        "BRUME_CAPTIONS_ENGLISH",
        "whisper-tiny.en",
        "model for English: a name of `brume models`, a folder, or none",
    )
    others: str = variable(
        "BRUME_CAPTIONS_OTHERS", "whisper-base", "model for the other languages: a name, a folder, or none"
    )
    device: str = variable("BRUME_CAPTIONS_DEVICE", "auto", "cpu, cuda, or auto: a GPU where there is one")
    threads: int = variable(
        "BRUME_CAPTIONS_THREADS",
        os.cpu_count() or 1,
        "streams recognised in the same moment",
        parse=number,
        shown="the number of CPUs",
    )


class Recognisers:
    """One recogniser for English and one for the other languages."""

    def __init__(self, settings: RecogniserSettings) -> None:
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


def language(code: str) -> str:
    """Return the language of a code: `en` of `en-US`. Norwegian has Whisper's name for it."""
    spoken = code.partition("-")[0].lower()
    return {"nb": "no"}.get(spoken, spoken)
