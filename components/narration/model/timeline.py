"""The times of an article's words: the sounds of its passages with pauses between.

Everything is counted in samples of the joined sound, so that no time drifts, however long the article is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brume.narration.model.articles.article import HEADING, TITLE, Block, has_words
from brume.narration.model.passages import Passage, silence_after

LEAD = 0.2  # seconds of silence before the first word
_QUIET = 0.003  # of full scale: less is silence (-50 dB)
_TAIL = 0.08  # seconds that a word sounds on after its last loud sample
_CHAPTER_LEVEL = 2  # headings down to this level begin a chapter

Pcm = NDArray[np.int16]  # [samples], one channel


class MarksError(ValueError):
    """Marks that do not fit their sound or their text; the message says which."""


@dataclass(frozen=True)
class Spoken:
    """What the service made of a passage: samples, and marks in Polly's form."""

    load: Callable[[], Pcm]
    samples: int
    marks: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Timed:
    """A word or a sentence, `text[start:end]` of its block: it begins and ends at these seconds."""

    start: int
    end: int
    begins: float
    ends: float


@dataclass(frozen=True)
class BlockTimes:
    """A block with the times of its sentences and words."""

    block: Block
    begins: float
    ends: float
    sentences: tuple[Timed, ...]
    words: tuple[Timed, ...]


@dataclass(frozen=True)
class Chapter:
    """A section: its title and the second at which it begins."""

    title: str
    begins: float


@dataclass(frozen=True)
class Timeline:
    """An article in time. `seconds` is the length of its sound."""

    rate: int
    seconds: float
    blocks: tuple[BlockTimes, ...]

    @property
    def chapters(self) -> list[Chapter]:
        """The sections, by the title and the headings of the highest level; the first begins at 0."""
        levels = [one.block.level for one in self.blocks if one.block.kind == HEADING]
        most = max(_CHAPTER_LEVEL, min(levels, default=0))
        found = [
            Chapter(one.block.text, one.begins)
            for one in self.blocks
            if one.block.kind == TITLE or (one.block.kind == HEADING and one.block.level <= most)
        ]
        return [Chapter(found[0].title, 0.0), *found[1:]] if found else []


def timeline(
    blocks: Sequence[Block], passages: Sequence[Passage], spoken: Sequence[Spoken], rate: int
) -> Timeline:
    """Return the times of an article that was spoken at `rate` Hz. Raises `MarksError`."""
    times: list[BlockTimes] = []
    position = round(LEAD * rate)
    for number, block in enumerate(blocks):
        begins = position
        sentences: list[Timed] = []
        words: list[Timed] = []
        for passage, sound in zip(passages, spoken, strict=True):
            if passage.block == number:
                found = _times(passage, sound, rate)
                sentences += _moved(found[0], passage.start, position / rate)
                words += _moved(found[1], passage.start, position / rate)
                position += sound.samples
        times.append(BlockTimes(block, begins / rate, position / rate, tuple(sentences), tuple(words)))
        position += round(silence_after(blocks, number) * rate)
    return Timeline(rate, position / rate, tuple(times))


def joined(blocks: Sequence[Block], passages: Sequence[Passage], spoken: Sequence[Spoken], rate: int) -> Any:
    """Iterate the samples of an article, passage by passage, as `timeline` has them."""
    yield np.zeros(round(LEAD * rate), np.int16)
    for number in range(len(blocks)):
        for passage, sound in zip(passages, spoken, strict=True):
            if passage.block == number:
                yield sound.load()
        yield np.zeros(round(silence_after(blocks, number) * rate), np.int16)


def _moved(times: Sequence[Timed], characters: int, seconds: float) -> list[Timed]:
    return [
        Timed(one.start + characters, one.end + characters, one.begins + seconds, one.ends + seconds)
        for one in times
    ]


def _times(passage: Passage, sound: Spoken, rate: int) -> tuple[list[Timed], list[Timed]]:
    """Return the sentences and words of a passage, in seconds from its start."""
    length = sound.samples / rate
    starts = _placed(passage, sound, "word", length)
    if not starts and has_words(passage.text):
        raise MarksError(f"there is no mark of a word for the text {passage.text[:60]!r}")
    sentences = _placed(passage, sound, "sentence", length) or [(0, len(passage.text), 0.0)]
    quiet = _ends_of_speech(sound.load(), rate)
    words = _with_ends(starts, [begins for _, _, begins in sentences], quiet, length)
    found = []
    for number, (start, end, begins) in enumerate(sentences):
        following = sentences[number + 1][2] if number + 1 < len(sentences) else length
        inside = [word.ends for word in words if begins <= word.begins < following]
        found.append(Timed(start, end, begins, max(inside, default=following)))
    return found, words


def _placed(passage: Passage, sound: Spoken, kind: str, length: float) -> list[tuple[int, int, float]]:
    """Return the marks of a kind as characters of the text and seconds, in their order.

    Raises `MarksError` for one after the end of the sound, before the one before it, or at no character.
    """
    found: list[tuple[int, int, float]] = []
    for mark in sound.marks:
        if mark["type"] != kind:
            continue
        seconds = mark["time"] / 1000
        start, end = passage.character_at(mark["start"]), passage.character_at(mark["end"])
        if seconds > length + 0.001:
            raise MarksError(f"the mark {json.dumps(mark)} is after the end of its sound, {length:.3f} s")
        if found and seconds < found[-1][2]:
            raise MarksError(f"the mark {json.dumps(mark)} is before the one before it")
        if start >= end:
            raise MarksError(f"the mark {json.dumps(mark)} is at no character of the text")
        found.append((start, end, seconds))
    return found


def _with_ends(
    starts: Sequence[tuple[int, int, float]],
    sentences: Sequence[float],
    quiet: Sequence[float],
    length: float,
) -> list[Timed]:
    """Return words with their ends: the next word's start, or sooner where it is silent."""
    ends = np.asarray(quiet)
    found = []
    for number, (start, end, begins) in enumerate(starts):
        following = starts[number + 1][2] if number + 1 < len(starts) else length
        # The last of the stretches of speech that end between the two starts.
        last = int(np.searchsorted(ends, following, side="right")) - 1
        silent = float(ends[last]) if last >= 0 and ends[last] > begins else following
        found.append(Timed(start, end, begins, min(following, silent)))
    return found


def _ends_of_speech(samples: Pcm, rate: int) -> list[float]:
    """Return the seconds at which speech ends, before a silence of a tenth or at the end."""
    step = rate // 100
    count = len(samples) // step
    if not count:
        return []
    loud = np.abs(samples[: count * step].reshape(count, step).astype(np.int32)).max(axis=1) > _QUIET * 32768
    places = np.flatnonzero(loud)
    if not len(places):
        return []
    gaps = np.flatnonzero(np.diff(places) > 10)
    last = [*places[gaps], places[-1]]
    return [min((int(place) + 1) * step / rate + _TAIL, len(samples) / rate) for place in last]


def clock(seconds: float) -> str:
    """Return a time as WebVTT, SMIL and Vorbis comments have it: 00:00:00.000."""
    minutes, thousandths = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{thousandths // 1000:02}.{thousandths % 1000:03}"
