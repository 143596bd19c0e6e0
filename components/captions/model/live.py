"""One channel of a stream, from samples to results as a client sees them."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from brume.captions.model.hypothesis import RATE, Hypothesis, Recogniser, Recognition, Samples
from brume.captions.model.items import Item, items_of, text_of
from brume.captions.model.stabiliser import Level, Shown, Stabiliser
from brume.captions.model.vocabulary import Filter, Spelling
from brume.captions.model.voice import FRAME, Voice

# Speech after which the language is decided (seconds); less decides at the end of the stream.
_IDENTIFIED_AFTER = 3.0


@dataclass(frozen=True)
class Result:
    """What is known of one segment: the first items are Stable, all are when it is not partial.

    `languages` are the scores of the languages that were asked for, where the language was identified.
    """

    identity: str
    start: float
    end: float
    partial: bool
    items: tuple[Item, ...]
    language: str
    languages: Mapping[str, float]

    @property
    def text(self) -> str:
        """The items as one text."""
        return text_of(self.items)


@dataclass(frozen=True)
class LiveSettings:
    """How a channel is recognised: `languages` are one, or those among which the spoken one is identified.

    The `preferred` one is taken where it is at least half as probable as the most probable.
    """

    languages: tuple[str, ...]
    level: Level
    spelling: Spelling
    filters: tuple[Filter, ...] = ()
    partials: bool = True
    preferred: str = ""


class Live:
    """Recognises one channel of one stream."""

    def __init__(self, recogniser: Recogniser, settings: LiveSettings) -> None:
        self._recogniser, self._settings = recogniser, settings
        self._recognition: Recognition | None = None
        self._voice: Voice | None = None
        self._waiting: list[Samples] = []
        self._voiced = 0.0  # seconds of speech among those that wait for a language
        self._language = ""
        self._scores: Mapping[str, float] = {}
        if len(settings.languages) == 1:
            self._begin(settings.languages[0])
        else:
            self._voice = Voice()
        self._stabiliser = Stabiliser(settings.level)
        self._identity, self._segment = "", -1
        self._last: tuple[Item, ...] = ()
        self.seconds = 0.0  # of audio taken

    def accept(self, samples: Samples) -> list[Result]:
        """Take the next samples; return what has changed."""
        self.seconds += len(samples) / RATE
        if (recognition := self._recognition) is None:
            assert self._voice is not None
            self._waiting.append(samples)
            self._voiced += float((self._voice.accept(samples) > 0.5).sum()) * FRAME / RATE
            if self._voiced < _IDENTIFIED_AFTER:
                return []
            recognition, samples = self._identify()
        return self._results(recognition.accept(samples))

    def finish(self) -> list[Result]:
        """Take the end of the stream; return the last results, none of which is partial."""
        found: list[Result] = []
        if (recognition := self._recognition) is None:
            recognition, waiting = self._identify()
            found = self._results(recognition.accept(waiting))
        return found + self._results(recognition.finish())

    def _begin(self, language: str) -> Recognition:
        self._language = language
        self._recognition = self._recogniser.start(language, partials=self._settings.partials)
        return self._recognition

    def _identify(self) -> tuple[Recognition, Samples]:
        """Decide for the language that the audio so far is most likely in; return that audio too."""
        audio = np.concatenate([np.zeros(0, np.float32), *self._waiting])
        self._waiting = []
        self._scores = self._recogniser.detect(audio, self._settings.languages)
        likeliest = max(self._scores, key=lambda language: self._scores[language])
        preferred = self._settings.preferred
        close = self._scores.get(preferred, 0.0) >= self._scores[likeliest] / 2
        return self._begin(preferred if close else likeliest), audio

    def _results(self, hypotheses: Sequence[Hypothesis]) -> list[Result]:
        found = []
        for hypothesis in hypotheses:
            words = tuple(self._settings.spelling.apply(hypothesis.words, self._language))
            shown = self._stabiliser.accept(replace(hypothesis, words=words))
            result = self._result(shown)
            if result is not None:
                found.append(result)
        return found

    def _result(self, shown: Shown) -> Result | None:
        """Return what a client does not know yet, or None."""
        if shown.segment != self._segment:
            self._segment, self._last = shown.segment, ()
            self._identity = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        items = tuple(items_of(shown.words, shown.stable))
        for one in self._settings.filters:
            if one.language in ("", self._language):
                items = tuple(one.apply(items, final=shown.final))
        if (not items and not self._last) or (not shown.final and items == self._last):
            return None
        self._last = items
        start = items[0].start if items else shown.start
        end = items[-1].end if items and shown.final else shown.heard
        return Result(
            self._identity, start, max(end, start), not shown.final, items, self._language, self._scores
        )
