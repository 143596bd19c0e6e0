"""Speaks the demo's texts with espeak-ng, a program of its own, and joins the recordings."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brume.captions.demo.texts import SPEECHES, Speech

_PROGRAM = "espeak-ng"
_EDGE = 0.4  # seconds of silence before and after
_LOUD = 0.25  # of full scale, at the loudest


class NoVoiceError(RuntimeError):
    """There is no program that speaks; the message says how to get one."""


def make(folder: Path) -> list[Path]:
    """Write LANGUAGE/NAME.wav, and the text of each beside it as NAME.txt; returns the recordings.

    Raises `NoVoiceError` where espeak-ng is not installed.
    """
    made = []
    for number, speech in enumerate(SPEECHES):
        rate, samples = _speak(speech, number)
        path = folder / speech.language / f"{speech.name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
        path.with_suffix(".txt").write_text(" ".join(speech.sentences) + "\n", encoding="utf-8")
        made.append(path)
    return made


def _speak(speech: Speech, seed: int) -> tuple[int, NDArray[np.float64]]:
    """Return the rate (Hz) and the samples of a recording."""
    parts: list[NDArray[np.float64]] = []
    rate = 0
    for sentence in speech.sentences:
        rate, samples = _sentence(sentence, speech)
        parts += [np.zeros(int((speech.pause if parts else _EDGE) * rate)), samples]
    whole = np.concatenate([*parts, np.zeros(int(_EDGE * rate))])
    whole *= _LOUD / np.abs(whole).max()
    voiced = whole[np.abs(whole) > 1e-4]
    level = np.sqrt(np.mean(voiced**2)) * 10 ** (-speech.noise / 20)
    return rate, whole + np.random.default_rng(seed).normal(0, level, len(whole))


def _sentence(text: str, speech: Speech) -> tuple[int, NDArray[np.float64]]:
    program = shutil.which(_PROGRAM)
    if program is None:
        raise NoVoiceError(
            f"{_PROGRAM} is not installed, and the demo's speech is made by it: apt-get install {_PROGRAM}, "
            "or name audio of your own (audio=FOLDER)"
        )
    words = [program, "-v", speech.voice, "-s", str(speech.speed), "--stdout", "--stdin"]
    done = subprocess.run(words, input=text.encode(), capture_output=True, timeout=60)
    if done.returncode:
        raise NoVoiceError(f"{_PROGRAM} failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
    with wave.open(io.BytesIO(done.stdout)) as file:
        rate = file.getframerate()
        # Written to a pipe, the header does not know the length.
        data = np.frombuffer(done.stdout[44:], "<i2").astype(np.float64) / 32768
    return rate, data[: np.flatnonzero(data)[-1] + 1]
