"""Engines of captions for tests, one with a recogniser that says what it is given to."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest

from brume import weights
from brume.aws.engine.catalog import STATE, Settings
from brume.aws.wire.http.limits import ConnectionLimits
from brume.captions.engine import engine
from brume.captions.model.hypothesis import RATE, Hypothesis, Samples, Word
from tests.aws.serving import serve_engine


@dataclass
class Scripted:
    """A double of a recogniser, without a model: each `every` seconds of audio are the next of `words`.

    A segment has `segment` words. `begins` is called when a stream begins, and `before` before each piece is
    recognised, with the seconds that the stream has heard: they may wait, or raise. `heard` are the seconds
    of all streams, in their order.
    """

    words: tuple[str, ...] = ("one", "two,", "three", "four.")
    every: float = 0.25
    segment: int = 4
    begins: Callable[[], None] = lambda: None
    before: Callable[[float], None] = lambda seconds: None
    name: str = "scripted"
    languages: tuple[str, ...] = ("en", "es")
    likely: str = "en"
    likelihood: float = 0.8  # of that language
    heard: list[float] = field(default_factory=list)

    def start(self, language: str, *, partials: bool = True) -> ScriptedRecognition:
        """Begin a stream (see `Recogniser.start`)."""
        self.begins()
        self.heard.append(0.0)
        return ScriptedRecognition(self, len(self.heard) - 1, partials)

    def detect(self, samples: Samples, languages: tuple[str, ...]) -> dict[str, float]:
        """Return the scores of languages (see `Recogniser.detect`): `likely` is the most likely one."""
        rest = (1 - self.likelihood) / max(len(languages) - 1, 1)
        return {language: self.likelihood if language == self.likely else rest for language in languages}

    def text(self, seconds: float) -> str:
        """Return what is recognised in so many seconds of audio."""
        return " ".join(word.text for word in self.spoken(0, int(seconds / self.every + 1e-6)))

    def spoken(self, first: int, end: int) -> list[Word]:
        """Return the words with these numbers."""
        return [
            Word(self.words[number % len(self.words)], number * self.every, (number + 0.9) * self.every, 0.95)
            for number in range(first, end)
        ]


class ScriptedRecognition:
    """One stream of `Scripted` (`Recognition`)."""

    def __init__(self, script: Scripted, number: int, partials: bool) -> None:
        self._script, self._number, self._partials = script, number, partials
        self._samples, self._segment, self._count = 0, 0, 0

    def accept(self, samples: Samples) -> list[Hypothesis]:
        """Take the next samples (see `Recognition.accept`)."""
        self._script.before(self._samples / RATE)
        self._samples += len(samples)
        self._script.heard[self._number] = self._samples / RATE
        count = int(self._samples / RATE / self._script.every + 1e-6)
        found = []
        while count >= (self._segment + 1) * self._script.segment:
            found.append(self._hypothesis((self._segment + 1) * self._script.segment, final=True))
            self._segment += 1
        if count > max(self._count, self._segment * self._script.segment) and self._partials:
            found.append(self._hypothesis(count))
        self._count = count
        return found

    def finish(self) -> list[Hypothesis]:
        """Take the end of the stream (see `Recognition.finish`)."""
        first = self._segment * self._script.segment
        return [self._hypothesis(self._count, final=True)] if self._count > first else []

    def _hypothesis(self, end: int, *, final: bool = False) -> Hypothesis:
        first = self._segment * self._script.segment
        words = tuple(self._script.spoken(first, end))
        return Hypothesis(self._segment, words[0].start, self._samples / RATE, words, final)


@contextlib.contextmanager
def serve_captions(
    folder: Path,
    recogniser: Scripted | None = None,
    *,
    folders: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    connections: ConnectionLimits | None = None,
    database: str = "",
    **environment: str,
) -> Iterator[str]:
    """Serve the engine on a free port, with its data in `folder`; yields its URL.

    With a recogniser it needs no model. `environment` are variables of the engine's settings.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, environment))
        if recogniser is not None:
            stack.enter_context(mock.patch.object(engine, "Recognisers", lambda settings: Single(recogniser)))
        made = engine.create(Settings(folder, folders or {}, database))
    with serve_engine(made, tls=tls, connections=connections) as url:
        (folder / STATE).write_text(json.dumps({"url": url}))  # as `brume engine captions` does
        yield url


@dataclass(frozen=True)
class Single:
    """In place of an engine's recognisers: one for all languages."""

    recogniser: Scripted

    def of(self, languages: tuple[str, ...]) -> Scripted:
        """Return it."""
        return self.recogniser

    def load(self) -> None:
        """Nothing has to be loaded."""

    def close(self) -> None:
        """Nothing is held."""

    def trouble(self) -> str:
        """Nothing is absent."""
        return ""


def require_models(*names: str) -> None:
    """Skip the test, saying so, where the weights of a model are not installed."""
    for name in names or ("whisper-tiny.en",):
        try:
            weights.find(name)
        except weights.WeightsError as error:
            pytest.skip(str(error))
