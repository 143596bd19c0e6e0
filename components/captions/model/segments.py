"""Cuts a stream into segments of speech and decodes each again as it grows.

A segment begins with speech and ends after a pause, or at a gap between words when it has become long. While
it is open, all of its audio is decoded again every step, with some of the audio before it as context. Only
audio in which a voice was found is decoded: silence costs nothing and becomes no words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from brume.captions.model.hypothesis import RATE, Hypothesis, Samples, Word
from brume.captions.model.voice import FRAME, Voice


class Decoder(Protocol):
    """Decodes one window of audio."""

    def decode(self, samples: Samples, language: str, *, beam: int = 1) -> list[Word]:
        """Return the words, with times from the start of `samples`."""
        ...


@dataclass(frozen=True)
class SegmentSettings:
    """Lengths in seconds, and probabilities of a voice."""

    step: float = 0.25  # new audio between two decodings
    pause: float = 0.6  # silence that ends a segment
    longest: float = 14.0  # speech without a pause after which a gap between words ends it
    context: float = 5.0  # audio before the segment that is decoded with it
    before: float = 0.25  # audio before the first frame with a voice that belongs to the segment
    shortest: float = 0.1  # a voice for less is a click
    begins: float = 0.5  # probability from which a frame holds a voice
    goes_on: float = 0.35  # and down to which it still does within speech
    beam: int = 3  # of the decodings while a segment is open
    last_beam: int = 5  # of its last decoding
    lost: float = 1.5  # speech after the last word that is decoded by itself


class Segments:
    """The recognition of one stream (`brume.captions.model.hypothesis.Recognition`)."""

    def __init__(
        self,
        decoder: Decoder,
        language: str,
        *,
        partials: bool = True,
        settings: SegmentSettings = SegmentSettings(),
    ) -> None:
        self._decoder, self._language, self._partials = decoder, language, partials
        self._settings = settings
        self._voice = Voice()
        self._audio = np.zeros(0, np.float32)  # what may still be decoded
        self._dropped = 0  # samples of the stream before it
        self._frames = 0  # frames of the stream whose voice is known
        self._number = 0
        self._open: _Segment | None = None
        self._ended = 0.0  # where the voice of the last segment ended, in seconds
        self._run = 0  # frames with a voice in a row, while no segment is open
        self._spoken: list[tuple[float, float]] = []  # where a voice was, as far as audio is kept

    @property
    def heard(self) -> float:
        """Seconds of the stream whose voice is known."""
        return self._frames * FRAME / RATE

    def accept(self, samples: Samples) -> list[Hypothesis]:
        """Take the next samples (see `Recognition.accept`)."""
        self._audio = np.concatenate([self._audio, samples])
        found: list[Hypothesis] = []
        for probability in self._voice.accept(samples):
            self._frames += 1
            if (ended := self._frame(float(probability))) is not None:
                found.append(ended)
        segment = self._open
        if self._partials and segment and self.heard - segment.decoded >= self._settings.step - 1e-9:
            found.append(self._decode(segment, self.heard, self._settings.beam))
        self._forget()
        return found

    def finish(self) -> list[Hypothesis]:
        """Take the end of the stream (see `Recognition.finish`)."""
        self._frames = (self._dropped + len(self._audio)) // FRAME
        return [self._end(self._open, self.heard)] if self._open else []

    def _frame(self, probability: float) -> Hypothesis | None:
        """Take one frame more; return the last hypothesis of a segment that ends with it."""
        settings, now, length = self._settings, self.heard, FRAME / RATE
        segment = self._open
        voice = probability >= (settings.goes_on if segment and segment.voiced else settings.begins)
        if voice:
            if self._spoken and now - length - self._spoken[-1][1] < 1e-6:
                self._spoken[-1] = (self._spoken[-1][0], now)
            else:
                self._spoken.append((now - length, now))
        if segment is None:
            self._run = self._run + 1 if voice else 0
            if self._run * length >= settings.shortest:
                begins = now - self._run * length
                start = max(begins - settings.before, self._ended)
                self._open = _Segment(self._number, start, self._ended, last_voice=now, decoded=start)
                self._number, self._run = self._number + 1, 0
            return None
        segment.voiced = voice
        if voice:
            segment.last_voice = now
        if now - segment.last_voice >= settings.pause - 1e-9:
            return self._end(segment, now)
        if now - segment.start >= settings.longest:
            return self._cut(segment, now)
        return None

    def _end(self, segment: _Segment, now: float) -> Hypothesis:
        """End a segment with a pause or the end of the stream."""
        before = segment.words
        words = self._decode(segment, now, self._settings.last_beam).words or before  # nothing shown vanishes
        self._open, self._ended = None, segment.last_voice
        return Hypothesis(segment.number, segment.start, now, words, final=True)

    def _cut(self, segment: _Segment, now: float) -> Hypothesis:
        """End a long segment at a gap between words, and begin the next there."""
        found = self._decode(segment, now, self._settings.last_beam)
        index = _longest_gap(found.words, now)
        words = found.words[:index]
        if index < len(found.words):
            gap = (found.words[index - 1].end + found.words[index].start) / 2 if index else segment.start
        else:
            gap = now
        self._ended = gap
        self._open = _Segment(self._number, gap, gap, last_voice=segment.last_voice, decoded=now, voiced=True)
        self._open.words = found.words[index:]
        self._number += 1
        return Hypothesis(segment.number, segment.start, now, words, final=True)

    def _decode(self, segment: _Segment, now: float, beam: int) -> Hypothesis:
        start = max(segment.start - self._settings.context, self._dropped / RATE)
        words = self._words(segment, start, now, beam)
        if not words and start < segment.start:  # Whisper may end with what came before the segment
            words = self._words(segment, segment.start, now, beam)
        # Or it takes a sentence's end for the end of all speech.
        while words and self._voiced(words[-1].end) >= self._settings.lost:
            last = words[-1]
            more = [word for word in self._words(segment, last.end, now, beam) if word.middle > last.end]
            more = more[_repeated(words, more) :]  # slow speech whose words were aligned too early
            if not more:
                break
            words += more
        segment.decoded, segment.words = now, tuple(words)
        return Hypothesis(segment.number, segment.start, now, segment.words)

    def _words(self, segment: _Segment, start: float, now: float, beam: int) -> list[Word]:
        """Return the segment's words as decoded from `start` (seconds) on."""
        audio = self._audio[int(start * RATE) - self._dropped : int(now * RATE) - self._dropped]
        words = []
        for word in self._decoder.decode(np.ascontiguousarray(audio), self._language, beam=beam):
            moved = word.at(word.start + start, word.end + start)
            if (moved.start >= segment.earliest or moved.middle >= segment.start) and self._is_spoken(moved):
                words.append(moved.at(max(moved.start, segment.start), max(moved.end, segment.start)))
        return words

    def _voiced(self, since: float) -> float:
        """Return for how many seconds after a moment a voice was found."""
        return sum(end - max(start, since) for start, end in self._spoken if end > since)

    def _is_spoken(self, word: Word) -> bool:
        """Whether a voice was found near a word: what is recognised in silence was not spoken."""
        return any(start - 0.4 <= word.end and word.start <= end + 0.4 for start, end in self._spoken)

    def _forget(self) -> None:
        """Drop audio that nothing will need again."""
        keep = (self._open.start if self._open else self.heard - self._settings.before - 1) - (
            self._settings.context
        )
        count = int(keep * RATE) - self._dropped
        if count > RATE:
            self._audio = self._audio[count:].copy()
            self._dropped += count
            self._spoken = [one for one in self._spoken if one[1] >= keep]


@dataclass
class _Segment:
    """A segment that is open; times in seconds of the stream."""

    number: int
    start: float  # of its audio
    earliest: float  # a word that starts before it, and has its middle before `start`, is an earlier one
    last_voice: float
    decoded: float  # up to where it was decoded last
    voiced: bool = True
    words: tuple[Word, ...] = ()


def _repeated(words: Sequence[Word], more: Sequence[Word]) -> int:
    """Return how many words `more` begins with that `words` ends with."""
    before, after = [word.key for word in words], [word.key for word in more]
    sizes = range(min(len(before), len(after)), 0, -1)
    return next((size for size in sizes if before[-size:] == after[:size]), 0)


def _longest_gap(words: Sequence[Word], now: float) -> int:
    """Return the index of the word before which a long segment is cut: after a sentence if there is one.

    The cut lies at least two words and 1.5 s before the end, where words may still change.
    """
    best, index = -1.0, len(words)
    for number in range(1, len(words)):
        if words[number].start > now - 1.5 or number > len(words) - 2:
            break
        gap = words[number].start - words[number - 1].end
        clause = (
            1.0
            if words[number - 1].text[-1:] in ".?!"
            else 0.3
            if words[number - 1].text[-1:] in ",;:"
            else 0.0
        )
        late = 0.5 * words[number].start / max(now, 1e-6)
        if gap + clause + late >= best:
            best, index = gap + clause + late, number
    return index
