"""The recognisers of a process, chosen by its environment and loaded when they are first needed."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from brume import storage, weights
from brume.captions.model.hypothesis import Recogniser
from brume.captions.model.transducer import Transducer
from brume.captions.model.whisper import Whisper, WhisperSettings
from brume.variables import number, variable
from brume.weights.folders import TRANSDUCER

NONE = "none"  # in place of a model's name


@dataclass(frozen=True)
class RecogniserSettings:
    """Which models recognise speech, and where."""

    english: str = variable(
        "BRUME_CAPTIONS_ENGLISH",
        "whisper-tiny.en",
        "model for English: a name of `brume models`, a folder, an s3:// folder, or none",
    )
    others: str = variable("BRUME_CAPTIONS_OTHERS", "whisper-base", "model for the other languages, alike")
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
        self._failed: dict[str, str] = {}
        self._loading: threading.Thread | None = None

    def of(self, languages: tuple[str, ...]) -> Recogniser:
        """Return the recogniser for any of these languages (ISO 639-1).

        Raises `brume.weights.WeightsError` when its model is not there, or cannot be loaded.
        """
        english, others = self._settings.english, self._settings.others
        return self._get(english if (languages == ("en",) and english != NONE) or others == NONE else others)

    def load(self) -> None:
        """Begin to load the models that are there, so that the first streams need not wait for them."""
        self._loading = threading.Thread(target=self._load, name="captions-models")
        self._loading.start()

    def close(self) -> None:
        """Wait for models that are being loaded."""
        if self._loading is not None:
            self._loading.join()

    def trouble(self) -> str:
        """Return why not every language can be recognised now: a model that is not there; "" for nothing."""
        loading = self._loading is not None and self._loading.is_alive()
        for name in self._names():
            if name in self._failed:
                return self._failed[name]
            try:
                if name not in self._loaded and not (loading and storage.is_remote(name)):
                    weights.locate(name)
            except weights.WeightsError as error:
                return str(error)
        return "the models are being loaded" if loading else ""

    def _names(self) -> list[str]:
        names = (self._settings.english, self._settings.others)
        return [name for name in dict.fromkeys(names) if name != NONE]

    def _load(self) -> None:
        for name in self._names():
            try:
                self._get(name)
            except weights.WeightsError as error:
                self._failed[name] = str(error)

    def _get(self, name: str) -> Recogniser:
        with self._lock:
            if name not in self._loaded:
                folder, short = weights.find(name), name.rstrip("/").rpartition("/")[2]
                try:
                    self._loaded[name] = self._made(folder, short)
                except (RuntimeError, ValueError, OSError, ImportError) as error:
                    raise weights.WeightsError(f"the model {name} cannot be loaded: {error}") from error
            return self._loaded[name]

    def _made(self, folder: Path, name: str) -> Recogniser:
        device, streams = self._settings.device, self._settings.threads
        if (folder / TRANSDUCER[0]).is_file():
            return Transducer(folder, name, device=device)
        return Whisper(folder, name, WhisperSettings(device=device, streams=streams))


def language(code: str) -> str:
    """Return the language of a code: `en` of `en-US`. Norwegian has Whisper's name for it."""
    spoken = code.partition("-")[0].lower()
    return {"nb": "no"}.get(spoken, spoken)
