"""Speech whose words have known times: each is spoken by espeak-ng alone, and they are joined."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.speech import read
from brume.captions.model.hypothesis import RATE, Samples

_BEFORE, _AFTER = 0.5, 1.0  # seconds of silence around the speech
_GAPS = (0.0, 0.03, 0.12)  # seconds between words, in turn
_SILENT = 0.01  # amplitude: what is under it at a word's ends is cut off
_VOICES = {"en": "en-us", "es": "es"}


class NoEspeakError(RuntimeError):
    """espeak-ng is not there."""


@dataclass(frozen=True)
class Spoken:
    """Audio and its words, each with its start in seconds."""

    samples: Samples
    words: list[tuple[float, str]]


def speak(text: str, language: str) -> Spoken:
    """Return the words of a text in English ("en") or Spanish ("es"). Raises `NoEspeakError`."""
    if shutil.which("espeak-ng") is None:
        raise NoEspeakError("espeak-ng is not installed (Debian: apt-get install espeak-ng)")
    parts = [_silence(_BEFORE)]
    words: list[tuple[float, str]] = []
    for number, word in enumerate(text.split()):
        words.append((sum(map(len, parts)) / RATE, word))
        parts += [_word(word, language), _silence(_GAPS[number % len(_GAPS)])]
    return Spoken(np.concatenate([*parts, _silence(_AFTER)]), words)


def _silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def _word(word: str, language: str) -> Samples:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "word.wav"
        command = ["espeak-ng", "-v", _VOICES[language], "-s", "150", "-w", str(file), word]
        subprocess.run(command, check=True)
        samples = read(file)
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    return samples[loud[0] : loud[-1] + 1]
