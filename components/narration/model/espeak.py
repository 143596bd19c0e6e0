"""Voices of espeak-ng, a program of its own (GPL): a fresh process for each sentence.

espeak-ng does not say when a word begins. A sentence is spoken a second time with a pause between its words:
the silences show how long each word is. Words that it runs together are given time by their letters.
"""

from __future__ import annotations

import io
import itertools
import shutil
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brume.narration.model.resampling import faster
from brume.narration.model.script import Word
from brume.narration.model.scripts import sayable, short
from brume.narration.model.utterances import refused
from brume.narration.model.voice import Samples, Sound, Timed, VoiceError, VoiceInfo

PROGRAM = "espeak-ng"
RATE = 22050
_SPEED, _SLOWEST, _FASTEST = 165, 80, 450  # words a minute
_GAP = 20  # units of 10 ms between words, where they are looked for
_SILENCE = 0.15  # seconds of a silence that is such a gap
_QUIET = 0.004
_HEADER = 44  # bytes before the samples of what the program writes to a pipe
_LIMIT = 60  # seconds for one sentence


@dataclass(frozen=True)
class Language:
    """A language: Polly's code, and espeak-ng's voice."""

    code: str
    voice: str


LANGUAGES = (
    Language("arb", "ar"),
    Language("ca-ES", "ca"),
    Language("cmn-CN", "cmn"),
    Language("cs-CZ", "cs"),
    Language("cy-GB", "cy"),
    Language("da-DK", "da"),
    Language("de-DE", "de"),
    Language("el-GR", "el"),
    Language("fi-FI", "fi"),
    Language("fr-FR", "fr"),
    Language("hi-IN", "hi"),
    Language("is-IS", "is"),
    Language("it-IT", "it"),
    Language("ko-KR", "ko"),
    Language("nb-NO", "nb"),
    Language("nl-NL", "nl"),
    Language("pl-PL", "pl"),
    Language("pt-BR", "pt-br"),
    Language("pt-PT", "pt"),
    Language("ro-RO", "ro"),
    Language("ru-RU", "ru"),
    Language("sv-SE", "sv"),
    Language("tr-TR", "tr"),
    Language("uk-UA", "uk"),
)


def version() -> str:
    """Return the version of the program that is installed; "" for none."""
    program = shutil.which(PROGRAM)
    if program is None:
        return ""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=_LIMIT)
    return done.stdout.partition("Data at")[0].rpartition(":")[2].strip()


def phonemes_of(words: Sequence[str], voice: str) -> list[str]:
    """Return the phonemes in IPA of words that stand in one sentence, "" for words without any.

    They are read together where the program keeps them apart, one by one otherwise. Raises `VoiceError`.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise VoiceError(f"phonemes of the language {voice} need {PROGRAM}: apt-get install {PROGRAM}")

    def read(text: str) -> list[str]:
        command = [program, "-q", "--ipa", "-v", voice, "-b", "1", "--stdin"]
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_LIMIT)
        if done.returncode:
            raise VoiceError(f"{PROGRAM} failed: {done.stderr.decode(errors='replace').strip()[-300:]}")
        return done.stdout.decode().split()

    found = read(" ".join(word for word in words if word))
    if len(found) == sum(bool(word) for word in words):
        each = iter(found)
        return [next(each) if word else "" for word in words]
    return [" ".join(read(word)) if word else "" for word in words]


class Espeak:
    """A voice of espeak-ng (`brume.narration.model.voice.Voice`), which reads numbers itself."""

    def __init__(self, info: VoiceInfo, language: Language) -> None:
        self.info = info
        self._language = language

    def speak(self, words: Sequence[Word], *, rate: float = 1.0, pitch: float = 0.0) -> Sound:
        """Speak words of a sentence (see `Voice.speak`); phonemes that a word has are not used."""
        language = short(self._language.code)
        readable = [word if _readable(word.spoken, language) else None for word in words]
        text = " ".join(f"{word.spoken}{word.after}" for word in readable if word is not None)
        if not text:
            raise refused(words, self.info.name, self.info.languages)
        higher = 2 ** (pitch / 12)
        speed = min(max(round(_SPEED * rate / higher), _SLOWEST), _FASTEST)
        samples = self._run(text, speed, 0)
        spoken = [word for word in readable if word is not None]
        spans = _spans(spoken, samples, self._run(text, speed, _GAP))
        if pitch:
            samples = faster(samples, higher)
        times = iter(
            Timed(word.text, start / higher, end / higher)
            for word, (start, end) in zip(spoken, spans, strict=True)
        )
        return Sound(samples, RATE, tuple(None if word is None else next(times) for word in readable))

    def _run(self, text: str, speed: int, gap: int) -> Samples:
        program = shutil.which(PROGRAM)
        if program is None:
            raise VoiceError(f"the voice {self.info.name} needs {PROGRAM}: apt-get install {PROGRAM}")
        words = [program, "-v", self._language.voice, "-s", str(speed), "-g", str(gap), "-b", "1"]
        done = subprocess.run(
            [*words, "--stdout", "--stdin"], input=text.encode(), capture_output=True, timeout=_LIMIT
        )
        if done.returncode or len(done.stdout) <= _HEADER:
            reason = done.stderr.decode(errors="replace").strip()[-300:] or "no sound"
            raise VoiceError(f"{PROGRAM} failed for the voice {self.info.name}: {reason}")
        with wave.open(io.BytesIO(done.stdout)) as file:
            if file.getframerate() != RATE:
                raise VoiceError(f"{PROGRAM} speaks at {file.getframerate()} Hz, and {RATE} is expected")
        # Written to a pipe, the header does not know the length.
        samples = np.frombuffer(done.stdout[_HEADER : len(done.stdout) // 2 * 2], "<i2")
        return samples.astype(np.float32) / np.float32(32768)


def _readable(word: str, language: str) -> bool:
    """Return whether the program reads a word: one of the language's script, or a symbol such as €."""
    return sayable(word, language) or (bool(word) and not any(char.isalpha() for char in word))


def _spans(words: Sequence[Word], samples: Samples, gapped: Samples) -> list[tuple[float, float]]:
    """Return the start and end in seconds of each word in `samples`."""
    loud = np.flatnonzero(np.abs(samples) > _QUIET)
    first, last = (float(loud[0]), float(loud[-1] + 1)) if len(loud) else (0.0, float(len(samples)))
    groups = _groups(gapped)
    if len(groups) == len(words):
        lengths = [float(end - start) for start, end in groups]
    else:
        lengths = [len(word.spoken) + 1.0 for word in words]
    pauses = _pauses(words, samples)
    scale = (last - first - sum(pauses)) / sum(lengths)
    at, found = first, []
    for length, pause in zip(lengths, pauses, strict=True):
        found.append((at / RATE, (at + length * scale) / RATE))
        at += length * scale + pause
    return found


def _pauses(words: Sequence[Word], samples: Samples) -> list[float]:
    """Return the samples of silence after each word: the longest ones, after the words with punctuation."""
    wanted = [index for index, word in enumerate(words[:-1]) if word.after]
    silences = sorted(_silences(samples, 0.05), key=lambda span: span[0] - span[1])[: len(wanted)]
    found = [0.0] * len(words)
    for index, (start, end) in zip(wanted, sorted(silences), strict=False):
        found[index] = float(end - start)
    return found


def _groups(samples: Samples) -> list[tuple[int, int]]:
    """Return the spans of sound between silences of a gap."""
    edges = [0, *itertools.chain.from_iterable(_silences(samples, _SILENCE)), len(samples)]
    spans = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in spans if np.abs(samples[start:end]).max(initial=0) > _QUIET]


def _silences(samples: Samples, seconds: float) -> list[tuple[int, int]]:
    """Return the spans of silence that are at least so long."""
    quiet = np.concatenate([[0], (np.abs(samples) <= _QUIET).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(quiet)).reshape(-1, 2)
    return [(int(start), int(end)) for start, end in edges if end - start >= seconds * RATE]
