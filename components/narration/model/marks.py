"""Speech marks in the form of Amazon Polly: one JSON object a line, with places in bytes of the input."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator

from brume.narration.model.synthesis import RATE, Spoken

SENTENCE, SSML, WORD, VISEME = "sentence", "ssml", "word", "viseme"
_ORDER = (SENTENCE, SSML, WORD, VISEME)  # of marks at the same time
_SILENCE = "sil"
_GAP = 0.1  # seconds between two phonemes in which the mouth closes


class Marker:
    """The marks of a text, given sentence by sentence as it is spoken."""

    def __init__(self, text: str, kinds: Collection[str], viseme: Callable[[str], str]) -> None:
        """Take the text as the client gave it, the types of marks, and what names the viseme of a phoneme."""
        self._text, self._kinds, self._viseme = text, frozenset(kinds), viseme
        self._samples = 0
        self._place, self._bytes = 0, 0

    def lines(self, spoken: Spoken) -> Iterator[str]:
        """Iterate the lines of the next sentence, each with its line feed."""
        offset = self._samples / RATE
        self._samples += len(spoken.samples)
        marks = [mark for mark in self._marks(spoken) if mark[1] in self._kinds]
        for time, kind, span, value in sorted(marks, key=lambda mark: (mark[0], _ORDER.index(mark[1]))):
            line: dict[str, object] = {"time": round((offset + time) * 1000), "type": kind}
            if span:
                start = self._byte(span[0])
                line |= {"start": start, "end": start + len(self._text[span[0] : span[1]].encode())}
            yield json.dumps(line | {"value": value}, ensure_ascii=False, separators=(",", ":")) + "\n"

    def _marks(self, spoken: Spoken) -> Iterator[tuple[float, str, tuple[int, int] | None, str]]:
        sentence = spoken.sentence
        if spoken.words:
            first = spoken.words[0][1].start
            span = (sentence.start, sentence.end)
            yield first, SENTENCE, span, self._text[span[0] : span[1]]
        for mark, time in spoken.marks:
            yield time, SSML, (mark.start, mark.end), mark.name
        for word, timed in spoken.words:
            yield timed.start, WORD, (word.start, word.end), word.text
        last = ""
        for index, phoneme in enumerate(spoken.phonemes):
            if (shape := self._viseme(phoneme.text)) != last:
                yield phoneme.start, VISEME, None, shape
            last = shape
            following = spoken.phonemes[index + 1 : index + 2]
            if not following or following[0].start - phoneme.end >= _GAP:
                yield phoneme.end, VISEME, None, _SILENCE
                last = _SILENCE

    def _byte(self, place: int) -> int:
        """Return the place of a character in bytes of UTF-8, counted from the last one where that can be."""
        if place < self._place:
            self._place = self._bytes = 0
        self._bytes += len(self._text[self._place : place].encode())
        self._place = place
        return self._bytes
