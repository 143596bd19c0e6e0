"""Word error rates of transcripts, with their intervals.

Reference and transcript are compared without case, punctuation and the ways in which the same word can be
written ("Mr." and "mister", "20" and "twenty"), because a reference rarely has them as a recogniser does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brume.statistics import Interval, draw, interval, ratios

_RESAMPLES = 2000
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_WRITTEN = {
    "en": {
        "mr": "mister", "mrs": "missis", "dr": "doctor", "st": "saint", "ok": "okay", "etc": "et cetera",
        "vs": "versus", "&": "and", "%": "percent",
    },
    "es": {
        "d": "don", "dña": "doña", "sr": "señor", "sra": "señora", "dr": "doctor", "ud": "usted",
        "etc": "etcétera", "&": "y", "%": "por ciento",
    },
}  # fmt: skip
_DIGITS = {
    "en": {
        "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
        "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
        "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "hundred": "100",
    },
    "es": {
        "cero": "0", "dos": "2", "tres": "3", "cuatro": "4", "cinco": "5", "seis": "6", "siete": "7",
        "ocho": "8", "nueve": "9", "diez": "10", "once": "11", "doce": "12", "veinte": "20",
        "treinta": "30", "cuarenta": "40", "cincuenta": "50", "cien": "100",
    },
}  # fmt: skip


def words_of(text: str, language: str) -> list[str]:
    """Return the words of a text as they are compared; `language` is ISO 639-1, or a code such as en-US."""
    spoken = language.partition("-")[0].lower()
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    text = re.sub(r"([&%])", r" \1 ", text)
    written, digits = _WRITTEN.get(spoken, {}), _DIGITS.get(spoken, {})
    found = []
    for token in re.findall(rf"{_WORD.pattern}|[&%]", text):
        for word in written.get(token, token).split():
            found.append(digits.get(word, word))
    return [word for word in found if word not in "&%"]


@dataclass(frozen=True)
class Errors:
    """The errors of a transcript against `words` words of its reference.

    `steps` align the two: (reference word or "", transcript word or "", its index in the transcript or -1).
    """

    words: int
    substituted: int
    deleted: int
    inserted: int
    steps: tuple[tuple[str, str, int], ...] = ()

    @property
    def count(self) -> int:
        """All errors."""
        return self.substituted + self.deleted + self.inserted

    @property
    def rate(self) -> float:
        """Errors by words of the reference (the word error rate); 0 where there are neither."""
        return self.count / self.words if self.words else float(self.count > 0)


def errors(reference: Sequence[str], transcript: Sequence[str]) -> Errors:
    """Compare words, by the least number of changes (Levenshtein's distance)."""
    import jiwer

    if not reference or not transcript:
        steps = [(word, "", -1) for word in reference]
        steps += [("", word, index) for index, word in enumerate(transcript)]
        return Errors(len(reference), 0, len(reference), len(transcript), tuple(steps))
    found = jiwer.process_words([" ".join(reference)], [" ".join(transcript)])
    steps = []
    for chunk in found.alignments[0]:
        before = range(chunk.ref_start_idx, chunk.ref_end_idx)
        after = range(chunk.hyp_start_idx, chunk.hyp_end_idx)
        for position in range(max(len(before), len(after))):
            word = reference[before[position]] if position < len(before) else ""
            index = after[position] if position < len(after) else -1
            steps.append((word, transcript[index] if index >= 0 else "", index))
    return Errors(len(reference), found.substitutions, found.deletions, found.insertions, tuple(steps))


@dataclass(frozen=True)
class Rate:
    """The word error rate of several files, and its interval (None where there are too few)."""

    value: float
    words: int
    interval: Interval | None


def rate(files: Sequence[Errors]) -> Rate:
    """Return the rate over files: all errors by all words. Files are drawn again for the interval."""
    counts = np.array([file.count for file in files], np.float64)
    words = np.array([file.words for file in files], np.float64)
    total = float(words.sum())
    value = float(counts.sum() / total) if total else float("nan")
    if len(files) < 2:
        return Rate(value, int(total), None)
    weights = draw(np.arange(len(files), dtype=np.int64), 0, _RESAMPLES)
    return Rate(value, int(total), interval(ratios(counts, words, weights)))
