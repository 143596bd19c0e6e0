"""What a client sees of a stream: when words appear, vanish, and become Stable.

Words that vanish are counted as in Arivazhagan et al. 2020 (Re-translation Strategies for Long Form,
Simultaneous, Spoken Language Translation, section 2.3): each time what is displayed changes, the words after
what old and new have in common are erased; their number is set against that of the final words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import numpy as np


@dataclass(frozen=True)
class Token:
    """An item of a result: a word, or a mark of punctuation; times in seconds of the audio."""

    text: str
    start: float
    end: float
    word: bool
    confidence: float | None = None
    stable: bool = False


@dataclass(frozen=True)
class Seen:
    """One result of one event: `arrived` is the time of its arrival, by the clock of the audio (seconds).

    `heard` is the end of the audio that it is about.
    """

    arrived: float
    heard: float
    identity: str
    partial: bool
    tokens: tuple[Token, ...]

    @property
    def words(self) -> tuple[Token, ...]:
        """The words, without punctuation."""
        return tuple(token for token in self.tokens if token.word)


@dataclass(frozen=True)
class Word:
    """A final word: `shown` and `stable` are the arrivals of the first event that had it so, by their clock.

    `stable_heard` is the end of the audio that this event was about; `early` whether it was Stable before
    its segment ended.
    """

    token: Token
    segment: int
    shown: float
    stable: float
    stable_heard: float
    early: bool

    @property
    def to_stable(self) -> float:
        """Seconds from the end of the word to the event that made it Stable, compute and network included."""
        return self.stable - self.token.end

    @property
    def to_stable_heard(self) -> float:
        """Seconds of audio after the word that had to be heard for it, whatever the pace of the stream."""
        return self.stable_heard - self.token.end


@dataclass
class Observation:
    """A whole stream; `revised` counts Stable items that were changed or taken back later."""

    words: list[Word] = field(default_factory=list)
    segments: list[Seen] = field(default_factory=list)
    erased: int = 0
    revised: int = 0
    first_shown: float | None = None

    @property
    def text(self) -> str:
        """The recognised text, from the final results."""
        return " ".join(text_of(seen.tokens) for seen in self.segments)


def text_of(tokens: Iterable[Token]) -> str:
    """Return the text of items: a space before each word but the first."""
    return "".join((" " if token.word and index else "") + token.text for index, token in enumerate(tokens))


def observe(events: Iterable[Seen]) -> Observation:
    """Follow a stream from its results, in the order of their arrival."""
    found = Observation()
    open_results: dict[str, _Open] = {}
    for seen in events:
        if found.first_shown is None and seen.words:
            found.first_shown = seen.arrived
        known = open_results.setdefault(seen.identity, _Open())
        known.accept(seen, found)
        if not seen.partial:
            number = len(found.segments)
            found.segments.append(seen)
            found.words += known.words(seen, number)
            del open_results[seen.identity]
    return found


class _Open:
    """A result that is not final yet."""

    def __init__(self) -> None:
        self._stable: list[Token] = []
        self._displayed: list[str] = []
        self._shown: list[float] = []  # for each word that is displayed: since when
        self._since: list[tuple[float, float]] = []  # for each Stable word: arrival, audio heard

    def accept(self, seen: Seen, found: Observation) -> None:
        """Take the next event about the result."""
        before = self._stable
        same = zip(before, seen.tokens, strict=False)
        kept = sum(1 for _ in takewhile(lambda pair: _equal(*pair, final=not seen.partial), same))
        found.revised += len(before) - kept
        self._stable = list(takewhile(lambda token: token.stable, seen.tokens))
        count = sum(token.word for token in self._stable)
        if seen.partial:
            self._since += [(seen.arrived, seen.heard)] * (count - len(self._since))
        keys = [token.text.casefold() for token in seen.words]
        common = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._displayed, keys, strict=False))
        )
        found.erased += len(self._displayed) - common
        self._shown = [*self._shown[:common], *[seen.arrived] * (len(keys) - common)]
        self._displayed = keys

    def words(self, final: Seen, segment: int) -> list[Word]:
        """Return the words of the final result."""
        made = []
        for index, token in enumerate(final.words):
            early = index < len(self._since)
            arrived, heard = self._since[index] if early else (final.arrived, final.heard)
            made.append(Word(token, segment, self._shown[index], arrived, heard, early))
        return made


def _equal(before: Token, now: Token, *, final: bool) -> bool:
    same = (before.text, before.start, before.end, before.word) == (now.text, now.start, now.end, now.word)
    return same and (now.stable or final)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of `values` lies; NaN where there are none."""
    return float(np.quantile(values, share)) if len(values) else float("nan")
