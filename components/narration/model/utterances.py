"""Words as the input of a network, phoneme by phoneme, and their times in what it makes.

Networks of Kokoro's kind (hibari, Kokoro) take at most some 500 symbols and tell how long each of them is:
so the times of words and phonemes are those of the sound by construction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brume.narration.model.alphabet import IDS, STRESSES, ipa
from brume.narration.model.script import Word
from brume.narration.model.voice import Samples, Sound, Timed, VoiceError, VoiceInfo

LONGEST = 400  # symbols that are spoken at once
# Seconds by which the networks' durations are late against the sound: at their own speed, and less for each
# time that it is e (2.7) times as fast. Measured at the pauses of speech at a fifth to twice the speed.
_LATE, _LATER = 0.045, 0.09
_AFTER = frozenset(".,?!;:")


@dataclass(frozen=True)
class Utterance:
    """What a network speaks at once: symbols, and which word of a sentence each belongs to, -1 for none."""

    symbols: str
    words: tuple[int, ...]

    @property
    def ids(self) -> NDArray[np.int64]:
        """The network's input [1, symbols + 2]: 0 before and after."""
        return np.asarray([[0, *(IDS[symbol] for symbol in self.symbols), 0]], np.int64)


def utterances(words: Sequence[Word], phonemes: Sequence[str]) -> Iterator[Utterance]:
    """Iterate what a sentence's words are spoken as: once, or in parts of at most `LONGEST` symbols.

    Parts end after punctuation where they can, between words otherwise; a longer word is cut.
    """
    waiting: list[tuple[str, int]] = []
    cut = 0  # symbols up to the last punctuation
    for index, (word, read) in enumerate(zip(words, phonemes, strict=True)):
        after = [(word.after, -1)] if word.after in _AFTER else []
        for start in range(0, len(read), LONGEST // 2):
            piece = [(symbol, index) for symbol in read[start : start + LONGEST // 2]]
            while waiting and len(waiting) + 1 + len(piece) + len(after) > LONGEST:
                end = cut or len(waiting)
                yield _utterance(waiting[:end])
                waiting, cut = waiting[end:], 0
            space = [(" ", -1)] if waiting and not start else []
            waiting += space + piece
        if after and waiting and waiting[-1][0] not in _AFTER and len(waiting) < LONGEST:
            waiting += after
            cut = len(waiting)
    if waiting:
        yield _utterance(waiting)


def _utterance(pairs: Sequence[tuple[str, int]]) -> Utterance:
    first = next(place for place, (symbol, _) in enumerate(pairs) if symbol != " ")
    return Utterance(
        "".join(symbol for symbol, _ in pairs[first:]), tuple(index for _, index in pairs[first:])
    )


def spoken(
    words: Sequence[Word],
    phonemes: Sequence[str],
    info: VoiceInfo,
    make: Callable[[Utterance], tuple[Samples, NDArray[np.float64]]],
    rate: float,
) -> Sound:
    """Return words of a sentence as a network speaks them, at `rate` times its own speed.

    `make` returns the samples of an utterance, and the seconds [symbols + 2] at which each symbol of its
    input ends. Raises `VoiceError` for words of which none has phonemes.
    """
    late = _LATE - _LATER * math.log(rate)
    times: list[Timed | None] = [None] * len(words)
    found: list[Timed] = []
    parts: list[Samples] = []
    size = 0
    for utterance in utterances(words, phonemes):
        samples, ends = make(utterance)
        offset = size / info.rate
        edges = [offset + max(float(end) - late, 0.0) for end in ends]
        _add_times(utterance, edges, words, times, found)
        parts.append(samples)
        size += len(samples)
    if not parts:
        raise refused(words, info.name, info.languages)
    return Sound(np.concatenate(parts), info.rate, tuple(times), tuple(found))


def _add_times(
    utterance: Utterance,
    edges: Sequence[float],
    words: Sequence[Word],
    times: list[Timed | None],
    phonemes: list[Timed],
) -> None:
    """Add the times of an utterance's words and phonemes, whose symbols are between `edges`."""
    stress = -1.0  # the start of a sign of stress: its time is the vowel's
    for place, (symbol, index) in enumerate(zip(utterance.symbols, utterance.words, strict=True)):
        if index < 0 or symbol == " ":
            continue
        start, end = edges[place], edges[place + 1]
        before = times[index]
        times[index] = Timed(words[index].text, start if before is None else before.start, end)
        if sound := ipa(symbol):
            phonemes.append(Timed(sound, start if stress < 0 else stress, end))
            stress = -1.0
        elif symbol in STRESSES:
            stress = start if stress < 0 else stress
        elif symbol == "ː" and phonemes:
            phonemes[-1] = Timed(phonemes[-1].text + symbol, phonemes[-1].start, end)


def refused(words: Sequence[Word], voice: str, languages: Sequence[str]) -> VoiceError:
    """Return the error for words of which a voice can say none."""
    text = " ".join(word.text for word in words)
    return VoiceError(
        f"the voice {voice} cannot say {text[:60]!r}: it speaks {', '.join(languages)}, and there are no "
        "words of its script; name another voice, or the language with <lang>"
    )
