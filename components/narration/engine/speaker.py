"""Speaks scripts with the voices of this server: as sound in a format, or as speech marks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from brume.aws.engine import logs
from brume.narration.engine.errors import refusing
from brume.narration.engine.options import Asked, Options
from brume.narration.model.cache import Remembering, Sounds
from brume.narration.model.encoding import encode
from brume.narration.model.marks import Marker
from brume.narration.model.script import Sentence
from brume.narration.model.synthesis import RATE, Spoken, Synthesis
from brume.narration.model.visemes import viseme
from brume.narration.model.voice import Voice, VoiceError, VoiceInfo

_log = logging.getLogger(__name__)


class Catalogue(Protocol):
    """The voices that are installed (`brume.narration.model.voices`)."""

    @property
    def infos(self) -> Sequence[VoiceInfo]:
        """What they are, those that speak a language best first."""
        ...

    def load(self, name: str) -> Voice:
        """Return a voice, loaded when it is first needed. Raises `VoiceError`."""
        ...

    def speaking(self, language: str) -> Voice:
        """Return the best voice of a language (ISO 639-1). Raises `VoiceError` where none speaks it."""
        ...


class Speaker:
    """Makes the output of requests, as it is needed."""

    def __init__(self, catalogue: Catalogue, cache: int) -> None:
        """`cache` is how many bytes of samples are kept in memory."""
        self._catalogue, self._sounds = catalogue, Sounds(cache)
        self._loading: threading.Thread | None = None

    def load(self) -> None:
        """Begin to load the first voice, which the first request is then spoken by at once."""
        self._loading = threading.Thread(target=self._load, name="narration-load", daemon=True)
        self._loading.start()

    def trouble(self) -> str | None:
        """Return why nothing can be spoken yet, None when it can."""
        if not self._catalogue.infos:
            return "no voice is installed: `brume engine narration --settings` says why"
        if self._loading is not None and self._loading.is_alive():
            return f"the voice {self._catalogue.infos[0].name} is being loaded"
        return None

    def _load(self) -> None:
        for info in self._catalogue.infos[:1]:
            try:
                self._catalogue.load(info.name)
            except VoiceError as error:
                logs.failed(_log, f"loading the voice {info.name}", error)

    def output(self, asked: Asked) -> Iterator[bytes]:
        """Iterate the bytes of a request's output, sentence by sentence. Raises `ServiceError`."""
        with refusing():
            yield from self._output(asked)

    def _output(self, asked: Asked) -> Iterator[bytes]:
        spoken = self.speak(self.synthesis(asked.options), asked.script.sentences)
        if asked.options.marks:
            marker = Marker(asked.text, asked.options.marks, viseme)
            for one in spoken:
                if lines := "".join(marker.lines(one)):
                    yield lines.encode()
            return
        sound = (one.samples for one in spoken)
        yield from encode(sound, source=RATE, name=asked.options.format, rate=asked.options.rate)

    def speak(self, synthesis: Synthesis, sentences: Sequence[Sentence]) -> Iterator[Spoken]:
        """Iterate sentences as they are spoken, and log how many words have no sound. Raises `VoiceError`."""
        unspoken = 0
        for one in synthesis.speak(sentences):
            unspoken += len(one.unspoken)
            yield one
        if unspoken:
            _log.warning("words without sound, of a script that no voice reads: %d", unspoken)

    def synthesis(self, chosen: Options) -> Synthesis:
        """Return what speaks the sentences of a request. Raises `VoiceError`."""
        return Synthesis(self._voice(chosen.voice.info.name), self._of_language)

    def _voice(self, name: str) -> Voice:
        return Remembering(self._catalogue.load(name), self._sounds)

    def _of_language(self, language: str) -> Voice:
        return Remembering(self._catalogue.speaking(language), self._sounds)
