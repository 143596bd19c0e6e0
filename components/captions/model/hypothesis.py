"""Words with times, and what a recogniser takes a piece of speech to say."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

RATE = 16_000  # samples a second of all audio that is recognised
Samples = NDArray[np.float32]  # [samples], one channel at RATE, -1 to 1

_EDGES = re.compile(r"^[^\w]+|[^\w]+$")


@dataclass(frozen=True)
class Word:
    """One word as it is written, with its punctuation; times in seconds from the start of the stream.

    `exact` is the part of `text` that a vocabulary gave, which is shown as it stands; "" for other words.
    """

    text: str
    start: float
    end: float
    probability: float
    exact: str = ""

    @property
    def key(self) -> str:
        """The word without case and surrounding punctuation: what two hypotheses agree on."""
        return _EDGES.sub("", unicodedata.normalize("NFKC", self.text).casefold())

    @property
    def middle(self) -> float:
        """The middle of the word, in seconds."""
        return (self.start + self.end) / 2

    def at(self, start: float, end: float) -> Word:
        """Return the word at other times."""
        return replace(self, start=start, end=end)


@dataclass(frozen=True)
class Hypothesis:
    """The words of one segment as recognised so far.

    Segments are numbered from 0. `heard` is how much of the stream (seconds) the hypothesis knows; one that
    is `final` is the last of its segment. `start` is where the segment's speech begins, in seconds.
    """

    segment: int
    start: float
    heard: float
    words: tuple[Word, ...]
    final: bool = False


class Recognition(Protocol):
    """The recognition of one stream."""

    def accept(self, samples: Samples) -> list[Hypothesis]:
        """Take the next samples; return what is new: at most one hypothesis that is not final, the last."""
        ...

    def finish(self) -> list[Hypothesis]:
        """Take the end of the stream; return the final hypotheses of what was still open."""
        ...


class Recogniser(Protocol):
    """A loaded model, from which any number of streams are recognised, from any thread."""

    name: str
    languages: tuple[str, ...]  # ISO 639-1

    def start(self, language: str, *, partials: bool = True) -> Recognition:
        """Begin a stream; without `partials` only final hypotheses are made, which costs less."""
        ...

    def detect(self, samples: Samples, languages: tuple[str, ...]) -> dict[str, float]:
        """Return the probability of each of `languages` in some seconds of speech; they sum to 1."""
        ...
