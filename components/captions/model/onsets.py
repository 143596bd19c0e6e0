"""Moves the times of words to where sound begins and ends.

The times that an attention alignment gives lie within some 200 ms of the truth, and begin with the end of the
word before when there is a pause. Where the sound begins near a word's start, the word begins there.
Measured on single words of espeak-ng that were joined with gaps of 0, 30 and 120 ms: starts within 100 ms
for 72 % of the English and 88 % of the Spanish words, and for 44 and 38 % without this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brume.captions.model.hypothesis import RATE, Samples, Word

_HOP = 160  # samples of a frame of 10 ms
_QUIET = 0.1  # of the loud frames' level: less is silence
_BEFORE, _AFTER = 0.15, 0.25  # seconds around a start in which an onset is looked for
_END_LATER, _END_BEFORE, _END_AFTER = 0.04, 0.25, 0.2  # the same of ends, which are so much later than starts
_SHORTEST = 0.05  # seconds of a word


def at_sounds(words: Sequence[Word], samples: Samples, late: float = 0.0) -> list[Word]:
    """Return the words with times moved to the sound in `samples`, which they were recognised in.

    Starts of the model that aligned them are `late` by so many seconds, in the median.
    """
    sounding = _sounding(samples)
    if len(sounding) < 2:
        return list(words)
    onsets = (np.flatnonzero(sounding[1:] & ~sounding[:-1]) + 1) * _HOP / RATE
    offsets = (np.flatnonzero(sounding[:-1] & ~sounding[1:]) + 1) * _HOP / RATE
    starts: list[float] = []
    for word in words:
        after = starts[-1] if starts else -1.0
        starts.append(max(_start(word, onsets, sounding, after, late), after + _SHORTEST if starts else 0.0))
    found = []
    for index, (word, start) in enumerate(zip(words, starts, strict=True)):
        following = starts[index + 1] if index + 1 < len(starts) else len(samples) / RATE
        found.append(word.at(start, _end(word, start, max(following, start), offsets, late)))
    return found


def _sounding(samples: Samples) -> NDArray[np.bool_]:
    """Return for each frame whether it is louder than silence."""
    count = len(samples) // _HOP
    if not count:
        return np.zeros(0, bool)
    levels = np.sqrt((samples[: count * _HOP].reshape(count, _HOP) ** 2).mean(axis=1))
    loud, floor = np.percentile(levels, 90), np.percentile(levels, 5)
    return np.asarray(levels > max(_QUIET * loud, 2 * floor), bool)


def _start(
    word: Word, onsets: NDArray[np.float64], sounding: NDArray[np.bool_], after: float, late: float
) -> float:
    wanted = max(word.start - late, 0.0)
    possible = onsets[(onsets > after) & (onsets >= wanted - _BEFORE) & (onsets <= word.end)]
    # No word begins in silence: it begins with the next sound, however far that is.
    if sounding[min(int(wanted * RATE / _HOP), len(sounding) - 1)]:
        possible = possible[possible <= wanted + _AFTER]
    return float(possible[np.abs(possible - wanted).argmin()]) if len(possible) else wanted


def _end(word: Word, start: float, following: float, offsets: NDArray[np.float64], late: float) -> float:
    wanted = word.end - late - _END_LATER
    near = offsets[
        (offsets >= wanted - _END_BEFORE)
        & (offsets <= min(wanted + _END_AFTER, following + 0.01))
        & (offsets >= start + _SHORTEST)
    ]
    end = float(near[np.abs(near - wanted).argmin()]) if len(near) else wanted
    return min(max(end, start + _SHORTEST), max(following, start))
