"""Cues: what is shown at one time, cut from words that do not change any more.

The lengths are those of broadcasters' guidelines: two lines of 42 characters, on screen long enough to be
read at 17 characters a second where the speech allows it (at most 20), never longer than 7 s, broken where a
sentence or clause ends rather than in the middle of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brume.captions.model.items import Item, text_of

WIDTH, LINES = 42, 2
LONGEST, SHORTEST = 7.0, 1.0  # seconds of a cue
READ = 17.0  # characters a second
PAUSE = 1.0  # seconds of silence that end a cue
_FULL = 0.45  # of a cue's characters from which a clause's end is a good place to break
# Words that begin a clause or phrase: a line breaks before them rather than after.
_OPENERS = frozenset(
    [
        "and",
        "or",
        "but",
        "so",
        "because",
        "that",
        "which",
        "who",
        "when",
        "while",
        "where",
        "if",
        "as",
        "than",
        "for",
        "to",
        "of",
        "in",
        "on",
        "at",
        "by",
        "with",
        "from",
        "y",
        "o",
        "pero",
        "porque",
        "que",
        "quien",
        "cuando",
        "donde",
        "si",
        "como",
        "para",
        "de",
        "en",
        "con",
        "por",
    ]
)


@dataclass(frozen=True)
class Cue:
    """One or two lines of text; times in seconds, `number` from 1."""

    number: int
    start: float
    end: float
    lines: tuple[str, ...]


class Cues:
    """Makes cues from items in their order. A cue that was returned is never changed."""

    def __init__(self) -> None:
        self._waiting: list[Item] = []
        self._count = 0
        self._shown_until = 0.0

    def accept(self, items: Sequence[Item]) -> list[Cue]:
        """Take the next items, all of them Stable; return the cues that are complete."""
        found = []
        for item in items:
            if item.pronunciation:
                while self._waiting and (size := self._complete(item)):
                    found.append(self._cue(size, item.start))
            if item.pronunciation or self._waiting:
                self._waiting.append(item)
        return found

    def finish(self) -> list[Cue]:
        """Return the cues of what is left, at the end of the stream or of a segment."""
        found = []
        while self._waiting:
            found.append(self._cue(self._fitting(), float("inf")))
        return found

    def _complete(self, following: Item) -> int:
        """Return how many of the items that wait are a cue before `following`; 0 when it may still grow."""
        waiting = self._waiting
        if following.start - waiting[-1].end >= PAUSE:
            return self._fitting()
        text = text_of(waiting)
        if text[-1] in ".?!" and len(text) >= _FULL * WIDTH:
            return self._fitting()
        if not _fits([*waiting, following]) or following.end - waiting[0].start > LONGEST:
            return self._fitting(whole=False)
        return 0

    def _fitting(self, *, whole: bool = True) -> int:
        """Return how many items make the next cue; with `whole` all, if they fit."""
        waiting = self._waiting
        if whole and _fits(waiting):
            return len(waiting)
        best, size = -1.0, 1
        for end in range(1, len(waiting) + 1):
            part = waiting[:end]
            if end > 1 and not _fits(part):
                break
            if end < len(waiting) and not waiting[end].pronunciation:
                continue
            worth = len(text_of(part)) / (WIDTH * LINES)
            if worth >= _FULL:
                worth += _break_worth(part[-1], waiting[end] if end < len(waiting) else None)
            if worth > best:
                best, size = worth, end
        return size

    def _cue(self, size: int, before: float) -> Cue:
        """Return the next cue, of so many items; it is gone before `before`, when the next word begins."""
        part, self._waiting = self._waiting[:size], self._waiting[size:]
        if self._waiting:
            before = min(before, self._waiting[0].start)
        text = text_of(part)
        start = max(part[0].start, self._shown_until)
        wanted = max(part[-1].end, start + min(max(len(text) / READ, SHORTEST), LONGEST))
        end = max(min(wanted, before), start + 0.001)
        self._count, self._shown_until = self._count + 1, end
        return Cue(self._count, start, end, lines_of(part))


def _break_worth(last: Item, following: Item | None) -> float:
    if last.text in ".?!":
        return 1.0
    if last.text in ",;:":
        return 0.5
    if following is not None and following.start - last.end >= 0.3:
        return 0.3
    return 0.2 if following is not None and following.text.casefold() in _OPENERS else 0.0


def _fits(items: Sequence[Item]) -> bool:
    found = lines_of(items)
    return len(found) <= LINES and all(len(line) <= WIDTH for line in found)


def lines_of(items: Sequence[Item]) -> tuple[str, ...]:
    """Return the text of items in lines: one if it fits, else two of which the break reads best.

    A text that does not fit two lines has more lines than LINES, or a word that is longer than WIDTH.
    """
    text = text_of(items)
    if len(text) <= WIDTH:
        return (text,)
    best, broken = -1.0, None
    for end in range(1, len(items)):
        if not items[end].pronunciation:
            continue
        upper, lower = text_of(items[:end]), text_of(items[end:])
        if len(upper) > WIDTH or len(lower) > WIDTH:
            continue
        evenness = 1 - abs(len(upper) - len(lower)) / len(text)
        worth = evenness + _break_worth(items[end - 1], items[end])
        if worth > best:
            best, broken = worth, (upper, lower)
    if broken is not None:
        return broken
    found: list[str] = []
    start = 0
    for end in range(1, len(items) + 1):
        following = end < len(items) and items[end].pronunciation
        if end == len(items) or (following and len(text_of(items[start : end + 1])) > WIDTH):
            found.append(text_of(items[start:end]))
            start = end
    return tuple(line for line in found if line)
