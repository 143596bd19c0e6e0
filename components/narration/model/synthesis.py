"""Sentences to sound, with the times of their words, phonemes, marks and breaks.

The places of everything are samples of one stream: times never drift, however long the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from brume.narration.model.compression import compressed
from brume.narration.model.loudness import levelled, limited
from brume.narration.model.resampling import resampled
from brume.narration.model.script import Break, Mark, Sentence, Word
from brume.narration.model.scripts import language_of, sayable, short
from brume.narration.model.utterances import refused
from brume.narration.model.voice import Samples, Timed, Voice, VoiceError

RATE = 24000  # Hz, of all that is synthesised
_EDGE = 0.06  # seconds of a sound that are kept before its first and after its last phoneme
_FADE = 0.02  # of these, in which it becomes silent
_JOIN = 0.04  # seconds between two voices or two speeds in a sentence
_PAUSES = {",": 0.2, ":": 0.3, ";": 0.3, ".": 0.4, "!": 0.4, "?": 0.4}  # the same, after punctuation
_RAMP = 0.01  # seconds in which the volume changes between words


@dataclass(frozen=True)
class Spoken:
    """A sentence as sound: times are seconds from the start of `samples`, which are at RATE.

    `unspoken` are words that have no sound although they have letters: those of a script that no voice reads.
    """

    sentence: Sentence
    samples: Samples
    words: tuple[tuple[Word, Timed], ...]
    phonemes: tuple[Timed, ...]
    marks: tuple[tuple[Mark, float], ...]
    unspoken: tuple[Word, ...] = ()


def synthesise(
    sentences: Iterable[Sentence], voice: Voice, voice_of: Callable[[str], Voice]
) -> Iterator[Spoken]:
    """Iterate sentences as they are spoken by a voice, each as soon as it is made.

    `voice_of` returns the voice for another language (ISO 639-1) that a word asks for. The same input gives
    the same samples. Raises `VoiceError`, before anything is spoken, for a sentence of which nothing can be
    spoken and for text without words.
    """
    yield from Synthesis(voice, voice_of).speak(sentences)


class Synthesis:
    """Speaks one text in parts: what follows is joined to what was spoken before."""

    def __init__(self, voice: Voice, voice_of: Callable[[str], Voice]) -> None:
        self._voice, self._voice_of = voice, voice_of
        self._silent, self._rested = True, False
        self._readable: dict[str, bool] = {}  # by language, whether a voice speaks it

    def speak(self, sentences: Iterable[Sentence]) -> Iterator[Spoken]:
        """Iterate the next sentences as they are spoken, as `synthesise` does."""
        sentences = tuple(sentences)
        _check(sentences, self._voice)
        own = {short(code) for code in self._voice.info.languages}
        for language in {word.language for one in sentences for word in one.words} - own - {""}:
            self._voice_of(language)  # which is there, before anything is spoken
        for sentence in sentences:
            made = _Sentence(sentence, self._silent, self._rested)
            for run in _runs(self._by_script(sentence)):
                if isinstance(run, Break):
                    made.rest(run.seconds)
                elif isinstance(run, Mark):
                    made.mark(run)
                else:
                    made.speak(run, _voice(run, self._voice, self._voice_of))
            yield made.spoken()
            self._silent, self._rested = made.silent, made.rested

    def _by_script(self, sentence: Sentence) -> Sentence:
        """Return a sentence whose words of another script are of a language that a voice reads in it."""
        own = short(self._voice.info.languages[0])
        parts = []
        for part in sentence.parts:
            if isinstance(part, Word) and part.spoken and not _can_speak(part, own):
                language = language_of(part.spoken)
                part = replace(part, language=language) if self._reads(language) else part
            parts.append(part)
        return replace(sentence, parts=tuple(parts))

    def _reads(self, language: str) -> bool:
        if language and language not in self._readable:
            try:
                self._voice_of(language)
                self._readable[language] = True
            except VoiceError:
                self._readable[language] = False
        return self._readable.get(language, False)


def _can_speak(word: Word, language: str) -> bool:
    return bool(word.phonemes) or sayable(word.spoken, word.language or language)


def _check(sentences: Sequence[Sentence], voice: Voice) -> None:
    """Raise `VoiceError` for text without words, and for the first sentence that has none of the script."""
    words = [word for sentence in sentences for word in sentence.words]
    breaks = any(isinstance(part, Break) for sentence in sentences for part in sentence.parts)
    if not any(word.spoken for word in words) and (words or not breaks):
        text = " ".join(word.text for word in words)[:60]
        raise VoiceError(f"there is nothing to say in this text{f': {text!r} has no words' if text else ''}")
    own = short(voice.info.languages[0])
    for sentence in sentences:
        spoken = [word for word in sentence.words if word.spoken]
        if spoken and not any(_can_speak(word, own) for word in spoken):
            raise refused(spoken, voice.info.name, voice.info.languages)


def _runs(sentence: Sentence) -> Iterator[Break | Mark | list[Word | Mark]]:
    """Iterate the parts of a sentence: words that are spoken at once with the marks between them."""
    run: list[Word | Mark] = []
    for part in sentence.parts:
        words = [word for word in run if isinstance(word, Word)]
        if isinstance(part, Word) and part.spoken and words and _manner(part) != _manner(words[-1]):
            yield from _ended(run)
            run = []
        if isinstance(part, Break):
            yield from _ended(run)
            run = []
            yield part
        elif isinstance(part, Mark) or part.spoken or part.after:
            run.append(part)
    yield from _ended(run)


def _ended(run: list[Word | Mark]) -> Iterator[Mark | list[Word | Mark]]:
    """Iterate a run and the marks behind its last word; marks alone are no run."""
    size = max((index for index, part in enumerate(run, 1) if isinstance(part, Word)), default=0)
    if size:
        yield run[:size]
    yield from (part for part in run[size:] if isinstance(part, Mark))


def _manner(word: Word) -> tuple[str, float, float, bool]:
    return word.language, word.prosody.rate, word.prosody.pitch, word.prosody.compressed


def _voice(run: Sequence[Word | Mark], voice: Voice, voice_of: Callable[[str], Voice]) -> Voice:
    language = next(part.language for part in run if isinstance(part, Word))
    own = {short(code) for code in voice.info.languages}
    return voice if not language or language in own else voice_of(language)


class _Sentence:
    """The sound of a sentence while it is put together."""

    def __init__(self, sentence: Sentence, silent: bool, rested: bool) -> None:
        """`silent`: nothing sounds before it; `rested`: because silence was asked for."""
        self._sentence = sentence
        self.silent, self.rested = silent, rested
        self._parts: list[Samples] = []
        self._size = 0
        self.words: list[tuple[Word, Timed]] = []
        self._phonemes: list[Timed] = []
        self._marks: list[tuple[Mark, float]] = []
        self._unspoken: list[Word] = []
        self._after = 0  # samples of the voice's own pause, if the sentence ends there
        self._pause = ""  # the punctuation after the last word

    def rest(self, seconds: float) -> None:
        """Add silence; the edges of the sounds around it count as part of it."""
        before = _EDGE if self.words and not self.silent else 0.0
        after = 0.0 if self.rested else _EDGE
        self._add(np.zeros(max(round((seconds - before - after) * RATE), 0), np.float32))
        self._after = 0
        self.silent = self.rested = True

    def mark(self, mark: Mark) -> None:
        """Add a mark where the sound that there is ends."""
        self._marks.append((mark, self._end()))

    def _end(self) -> float:
        """Return the time at which the last sound ends, or the silence that was asked for."""
        return max(self._size / RATE - (0.0 if self.silent or not self.words else _EDGE), 0.0)

    def speak(self, run: Sequence[Word | Mark], voice: Voice) -> None:
        """Add words, and the marks between them."""
        words = [part for part in run if isinstance(part, Word)]
        prosody, own = words[0].prosody, short(voice.info.languages[0])
        if not any(word.phonemes or sayable(word.spoken, own) for word in words):
            self._unspoken += [word for word in words if word.spoken]
            for part in run:
                if isinstance(part, Mark):
                    self.mark(part)
            return
        sound = voice.speak(words, rate=prosody.rate, pitch=prosody.pitch)
        samples = resampled(sound.samples, sound.rate, RATE)
        samples = levelled(compressed(samples, RATE) if prosody.compressed else samples, RATE)
        found = [word for word in sound.words if word is not None]
        first, last = found[0].start, found[-1].end
        start = max(round((first - _EDGE) * RATE), 0)
        if not self.silent and not self._parts:  # a sentence after another: the voice's own pauses
            start = 0
        elif not self.silent:
            self._add(np.zeros(round((_PAUSES.get(self._pause, _JOIN)) * RATE), np.float32))
        end = min(round((last + _EDGE) * RATE), len(samples))
        samples = _volumes(samples, words, sound.words)
        offset = (self._size - start) / RATE
        count = 0
        for part in run:
            if isinstance(part, Mark):  # at the word that follows
                at = next((time.start for time in sound.words[count:] if time is not None), last)
                self._marks.append((part, max(at + offset, 0.0)))
                continue
            self._word(part, sound.words[count], offset)
            count += 1
        self._phonemes += [_moved(phoneme, offset) for phoneme in sound.phonemes]
        self._add(_faded(samples[start:end], start > 0))
        self._after = len(samples) - end
        self._pause = words[-1].after
        self.silent = self.rested = False

    def _word(self, word: Word, time: Timed | None, offset: float) -> None:
        if time is not None:
            self.words.append((word, _moved(time, offset)))
        elif word.spoken:
            self._unspoken.append(word)

    def _add(self, samples: Samples) -> None:
        self._parts.append(samples)
        self._size += len(samples)

    def spoken(self) -> Spoken:
        """Return the sentence."""
        self._add(np.zeros(self._after, np.float32))
        samples = np.concatenate([np.zeros(0, np.float32), *self._parts])
        return Spoken(
            self._sentence,
            limited(samples, RATE),
            tuple(self.words),
            tuple(self._phonemes),
            tuple(self._marks),
            tuple(self._unspoken),
        )


def _moved(timed: Timed, offset: float) -> Timed:
    return Timed(timed.text, max(timed.start + offset, 0.0), max(timed.end + offset, 0.0))


def _volumes(samples: Samples, words: Sequence[Word], times: Sequence[Timed | None]) -> Samples:
    """Return sound with each word at its volume."""
    spans = [
        (word.prosody.volume, time.start) for word, time in zip(words, times, strict=True) if time is not None
    ]
    if not any(volume for volume, _ in spans):
        return samples
    places: list[float] = []
    gains: list[float] = []
    for volume, group in groupby(spans, key=lambda span: span[0]):
        start = next(group)[1]
        if places:
            places.append(start - _RAMP)
            gains.append(gains[-1])
        places.append(start)
        gains.append(10 ** (volume / 20))
    gain = np.interp(np.arange(len(samples)) / RATE, places, gains)
    return np.asarray(samples * gain.astype(np.float32), np.float32)


def _faded(samples: Samples, start: bool) -> Samples:
    """Return sound that ends, and with `start` begins, in silence."""
    size = min(round(_FADE * RATE), len(samples))
    ramp = np.ones(len(samples), np.float32)
    slope = np.linspace(0, 1, size, dtype=np.float32)
    if start:
        ramp[:size] = slope
    if size:
        ramp[-size:] = slope[::-1]
    return samples * ramp
