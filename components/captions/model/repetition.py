"""Cuts off loops: a recogniser that repeats itself says more than anyone can speak.

Whisper repeats words or whole sentences when audio ends in silence or noise. Two such hypotheses agree with
each other, so loops are cut before hypotheses are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from brume.captions.model.hypothesis import Word

LONGEST = 12  # words of a phrase that is looked for
ALLOWED = 3  # times that a single word may follow itself; of a longer phrase one less
RATE, CROWD = 11.0, 8  # words a second that nobody speaks, and of how many in a row that is asked


def without_loops(words: Sequence[Word]) -> list[Word]:
    """Return the words up to the first phrase that follows itself too often; the phrase is kept once."""
    keys = [word.key for word in words]
    for end in range(1, len(keys) + 1):
        for length in range(1, min(LONGEST, end // 2) + 1):
            phrase = keys[end - length : end]
            times = 1
            while keys[end - (times + 1) * length : end - times * length] == phrase and (
                end >= (times + 1) * length
            ):
                times += 1
            allowed = ALLOWED if length == 1 else ALLOWED - 1
            if times > allowed:
                return list(words[: end - (times - 1) * length])
    return list(words)


def without_echoes(words: Sequence[Word]) -> list[Word]:
    """Return the words without phrases that follow themselves in a third of the time, which nobody can do."""
    found, end = list(words), len(words)
    while end > 3:
        for length in range(2, end // 2 + 1):
            first, second = found[end - 2 * length : end - length], found[end - length : end]
            if [word.key for word in first] == [word.key for word in second] and (
                second[-1].end - second[0].start < (first[-1].end - first[0].start) / 3
            ):
                del found[end - length : end]
                end -= length
                break
        else:
            end -= 1
    return found


def without_crowds(words: Sequence[Word]) -> list[Word]:
    """Return the words up to where CROWD of them begin faster than anyone speaks: they were not heard."""
    for index in range(len(words) - CROWD + 1):
        if words[index + CROWD - 1].start - words[index].start < (CROWD - 1) / RATE:
            return list(words[:index])
    return list(words)
