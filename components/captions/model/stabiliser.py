"""Decides which words of a growing hypothesis stay.

A word is Stable when it, and every word before it, stood the same in several hypotheses in a row, and was
recognised with enough probability or is old enough. A Stable word is never changed again: what follows is
always read after the words that are Stable. Requiring agreement follows LocalAgreement (Liu, Spanakis and
Niehues, Interspeech 2020), which agrees on two hypotheses and looks at nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brume.captions.model.hypothesis import Hypothesis, Word


@dataclass(frozen=True)
class Rule:
    """A word is Stable after `agreed` equal hypotheses in a row if it is probable and old enough."""

    agreed: int
    probability: float = 0.0
    age: float = 0.0  # seconds from the word's end to the end of what was heard


@dataclass(frozen=True)
class Level:
    """One level of stabilisation: a word is Stable by the first rule that it meets.

    The last `held` words of a hypothesis are never Stable before their segment ends. A word is shown after
    `shown` equal hypotheses in a row.
    """

    name: str
    rules: tuple[Rule, ...]
    held: int = 1
    shown: int = 1


LEVELS = {
    level.name: level
    for level in (
        Level("off", ()),
        Level("low", (Rule(3, 0.9, 0.8), Rule(6, 0.0, 2.5)), held=2),
        Level("medium", (Rule(2, 0.7, 0.3), Rule(4, 0.0, 1.2))),
        Level("high", (Rule(2, 0.6), Rule(3, 0.0, 0.5))),
    )
}


@dataclass(frozen=True)
class Shown:
    """The words of a segment as a client sees them: the first `stable` of `words` never change again."""

    segment: int
    start: float
    heard: float
    words: tuple[Word, ...]
    stable: int
    final: bool


class Stabiliser:
    """Turns the hypotheses of one stream into words of which the first ones stay."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._segment = -1
        self._heard = 0.0
        self._carried: list[Word] = []  # Stable words of the segment before that this one has once more
        self._stable: list[Word] = []
        self._before: list[Word] = []  # the words after the Stable ones in the last hypothesis
        self._agreed: list[int] = []  # for each of them: equal hypotheses in a row

    def accept(self, hypothesis: Hypothesis) -> Shown:
        """Take the next hypothesis; those of a segment come in order, its final one last."""
        if hypothesis.segment != self._segment:
            # A segment that was cut may end before words that are Stable already.
            if hypothesis.start >= self._heard:
                self._carried = []
            self._segment, self._stable, self._before, self._agreed = hypothesis.segment, [], [], []
        known = [*self._carried, *self._stable]
        rest = list(hypothesis.words[continuation(known, hypothesis.words) :])
        if hypothesis.final:
            self._carried = known[continuation(hypothesis.words, known) :]
        self._heard = hypothesis.heard
        self._agreed = _agreements(self._before, self._agreed, rest)
        self._before = rest
        count = len(rest) if hypothesis.final else self._to_keep(rest, hypothesis.heard)
        self._stable += rest[:count]
        self._before, self._agreed = rest[count:], self._agreed[count:]
        shown = [
            word for word, times in zip(self._before, self._agreed, strict=True) if times >= self._level.shown
        ]
        return Shown(
            hypothesis.segment,
            hypothesis.start,
            hypothesis.heard,
            (*self._stable, *shown),
            len(self._stable),
            hypothesis.final,
        )

    def _to_keep(self, words: Sequence[Word], heard: float) -> int:
        """Return how many of the words are Stable now."""
        count = 0
        for word, times in zip(words[: max(len(words) - self._level.held, 0)], self._agreed, strict=False):
            if not any(
                times >= rule.agreed and word.probability >= rule.probability and heard - word.end >= rule.age
                for rule in self._level.rules
            ):
                break
            count += 1
        return count


def _agreements(before: Sequence[Word], agreed: Sequence[int], words: Sequence[Word]) -> list[int]:
    """Return for each word in how many hypotheses in a row it and all words before it have stood."""
    found, equal = [], True
    for index, word in enumerate(words):
        equal = equal and index < len(before) and before[index].key == word.key
        found.append(agreed[index] + 1 if equal else 1)
    return found


def continuation(stable: Sequence[Word], words: Sequence[Word]) -> int:
    """Return the index in `words` at which what follows the Stable words begins.

    That is where the words before it are the most like the Stable ones (fewest words to change, add or leave
    out: Levenshtein's distance); among equals, the one whose time fits best.
    """
    if not stable:
        return 0
    size = len(words)
    row = list(range(size + 1))  # the distance of no Stable word to the first 0, 1, ... words
    for number, word in enumerate(stable, start=1):
        diagonal, row[0] = row[0], number
        for index in range(1, size + 1):
            change = diagonal + (words[index - 1].key != word.key)
            diagonal, row[index] = row[index], min(change, row[index] + 1, row[index - 1] + 1)
    end = stable[-1].end

    def misfit(index: int) -> tuple[int, float]:
        following = words[index].start if index < size else max(words[-1].end, end) if words else end
        return row[index], abs(following - end)

    return min(range(size + 1), key=misfit)
