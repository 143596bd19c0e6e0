"""Cues: what is shown at one time, cut from words that do not change any more.

The lengths are those of broadcasters' guidelines (BBC, Netflix): two lines of 42 characters, on screen long
enough to be read at 17 characters a second where the speech leaves the time, never longer than 7 s, broken
where a sentence or clause ends rather than in the middle of one. Speech that is faster is given 20 characters
a second as long as the cues are not late for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from brume.captions.model.items import Item, text_of

WIDTH, LINES = 42, 2
LONGEST, SHORTEST = 7.0, 1.0  # seconds of a cue
READ, FASTEST = 17.0, 20.0  # characters a second
LATE = 1.5  # seconds that a cue may begin after its first word, where the one before is still read
PAUSE = 1.0  # seconds of silence that end a cue
_BLINK = 0.001  # seconds: the least that files distinguish
_FULL = 0.45  # of a cue's characters from which a clause's end is a good place to break
# Words that begin a clause or phrase: a line breaks before them, and not after.
_OPENERS = frozenset(
    (
        "and", "or", "but", "so", "because", "that", "which", "who", "when", "while", "where", "if", "as",
        "than", "for", "to", "of", "in", "on", "at", "by", "with", "from", "into", "about", "before",
        "after", "until", "behind", "under", "over", "between", "through", "without", "since",
        "y", "e", "o", "u", "pero", "sino", "porque", "que", "quien", "cuando", "mientras", "donde", "si",
        "como", "para", "de", "del", "en", "con", "por", "sin", "sobre", "hasta", "desde", "al",
    )
)  # fmt: skip
# Words that belong to the next one: a line does not break after them.
_LEADING = _OPENERS | frozenset(
    (
        "a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "this", "these", "those",
        "un", "una", "unos", "unas", "el", "la", "los", "las", "lo", "mi", "tu", "su", "sus", "este",
        "esta", "no", "se", "muy",
    )
)  # fmt: skip
# Words after which a full stop ends no sentence.
_SHORTENED = frozenset(("mr", "mrs", "ms", "dr", "st", "jr", "prof", "vs", "sr", "sra", "srta", "ud", "uds"))


@dataclass(frozen=True)
class Cue:
    """One or two lines of text; times in seconds, whole milliseconds; `number` from 1."""

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

    @property
    def settled(self) -> float:
        """The time in seconds before which no cue that is still to come begins."""
        return max(self._waiting[0].start, self._shown_until) if self._waiting else self._shown_until

    def accept(self, items: Iterable[Item]) -> list[Cue]:
        """Take the next items, all of them Stable; return the cues that are complete."""
        found = []
        for item in items:
            if item.pronunciation:
                while self._waiting and (size := self._complete(item)):
                    found.append(self._cue(size, item.start))
            if item.pronunciation or self._waiting:
                self._waiting.append(item)
        return found

    def advance(self, until: float) -> list[Cue]:
        """Take that no item to come begins before `until` seconds; return the cues that a pause completes.

        A pause so completes a cue while it lasts. The cues are those that they would be without this call.
        """
        found: list[Cue] = []
        while self._waiting and until - self._waiting[-1].end >= PAUSE:
            size = self._fitting()
            if self._wanted(self._waiting[:size]) > until:
                break  # the next word may come while it is read
            found.append(self._cue(size, float("inf")))
        if not self._waiting:
            self._shown_until = max(self._shown_until, until)
        return found

    def finish(self) -> list[Cue]:
        """Return the cues of what is left, at the end of the stream."""
        found = []
        while self._waiting:
            found.append(self._cue(self._fitting(), float("inf")))
        return found

    def _complete(self, following: Item) -> int:
        """Return how many of the items that wait are a cue before `following`; 0 when it may still grow."""
        waiting = self._waiting
        if following.start - waiting[-1].end >= PAUSE:
            return self._fitting()
        if len(text_of(waiting)) >= _FULL * WIDTH and _ends_sentence(waiting):
            return self._fitting()
        if not _fits([*waiting, following]) or following.end - waiting[0].start > LONGEST:
            return self._fitting(whole=False)
        return 0

    def _fitting(self, *, whole: bool = True) -> int:
        """Return how many items make the next cue; with `whole` all, if they fit."""
        waiting = self._waiting
        if whole and _fits(waiting):
            return len(waiting)
        best, size = -1.0, 0
        for end in _breaks(waiting):
            part = waiting[:end]
            if size and not _fits(part):
                break
            worth = len(text_of(part)) / (WIDTH * LINES)
            if worth >= _FULL:
                worth += _break_worth(part, waiting[end] if end < len(waiting) else None)
                worth += _broken(part)[0] / 2
            if worth > best or not size:
                best, size = worth, end
        return size

    def _wanted(self, part: Sequence[Item]) -> float:
        """Return when a cue of these items would end if nothing followed, in seconds."""
        start = max(part[0].start, self._shown_until)
        return max(part[-1].end, start + min(max(len(text_of(part)) / READ, SHORTEST), LONGEST))

    def _cue(self, size: int, before: float) -> Cue:
        """Return the next cue, of so many items, given that the next word begins at `before`."""
        part, self._waiting = self._waiting[:size], self._waiting[size:]
        if self._waiting:
            before = min(before, self._waiting[0].start)
        start = round(max(part[0].start, self._shown_until), 3)
        hurried = start + min(len(text_of(part)) / FASTEST, LONGEST)
        end = max(min(self._wanted(part), before), min(hurried, before + LATE))
        end = max(round(min(end, start + LONGEST), 3), round(start + _BLINK, 3))
        self._count, self._shown_until = self._count + 1, end
        return Cue(self._count, start, end, lines_of(part))


class StableItems:
    """Takes results of a stream as they are shown again and again, and returns each Stable item once."""

    def __init__(self) -> None:
        self._identity = ""
        self._taken = 0

    def accept(self, identity: str, items: Sequence[Item], *, partial: bool) -> list[Item]:
        """Take a result; return its Stable items that no earlier result had. Results come in order."""
        if identity != self._identity:
            self._identity, self._taken = identity, 0
        count = len(items)
        if partial:
            count = next((index for index, item in enumerate(items) if not item.stable), count)
        fresh = list(items[self._taken : count])
        self._taken = max(self._taken, count)
        return fresh


def cues_of(channels: Iterable[Iterable[Item]]) -> list[Cue]:
    """Return the cues of items that are all known, those of each channel by themselves, ordered by time."""
    found: list[Cue] = []
    for items in channels:
        maker = Cues()
        found += [*maker.accept(items), *maker.finish()]
    ordered = sorted(found, key=lambda cue: (cue.start, cue.end))
    return [replace(cue, number=number) for number, cue in enumerate(ordered, start=1)]


def _breaks(items: Sequence[Item]) -> Iterable[int]:
    """Iterate the places where a cue or line may end: after a word and the punctuation that follows it."""
    for end in range(1, len(items)):
        if items[end].pronunciation:
            yield end
    yield len(items)


def _ends_sentence(items: Sequence[Item]) -> bool:
    """Whether the last item ends a sentence, and is no full stop of an abbreviation or initial."""
    if items[-1].text not in ("?", "!", "."):
        return False
    word = items[-2].text if len(items) > 1 else ""
    return items[-1].text != "." or not (
        word.casefold() in _SHORTENED or "." in word or (len(word) == 1 and word.isalpha())
    )


def _break_worth(items: Sequence[Item], following: Item | None) -> float:
    """Return how well a break after `items` reads, from -0.3 (in a phrase) to 1 (after a sentence)."""
    last = items[-1]
    if _ends_sentence(items):
        return 1.0
    if last.text in (",", ";", ":"):
        return 0.5
    if last.text.casefold() in _LEADING:
        return -0.3
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
    _, broken = _broken(items)
    if broken:
        return broken
    found: list[str] = []
    start = 0
    ends = list(_breaks(items))
    for end, further in zip(ends, [*ends[1:], None], strict=True):
        if further is None or len(text_of(items[start:further])) > WIDTH:
            found.append(text_of(items[start:end]))
            start = end
    return tuple(found)


def _broken(items: Sequence[Item]) -> tuple[float, tuple[str, ...]]:
    """Return the two lines of a text that read best, and how well the break reads; none if they don't fit."""
    text = text_of(items)
    best, worth = -1.0, 0.0
    lines: tuple[str, ...] = ()
    for end in _breaks(items):
        upper, lower = text_of(items[:end]), text_of(items[end:])
        if len(text) <= WIDTH or not lower or len(upper) > WIDTH or len(lower) > WIDTH:
            continue
        reads = _break_worth(items[:end], items[end])
        evenness = 1 - abs(len(upper) - len(lower)) / len(text)
        if evenness + reads > best:
            best, worth, lines = evenness + reads, reads, (upper, lower)
    return worth, lines
