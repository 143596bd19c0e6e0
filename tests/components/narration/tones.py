"""A voice of tones whose times are known, and the narration engine with it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from brume.aws.engine.catalog import Settings
from brume.narration.engine import engine
from brume.narration.model.script import Word
from brume.narration.model.voice import Sound, Timed, Voice, VoiceError, VoiceInfo
from tests.aws.serving import client_of, serve_engine

RATE = 24000
LEAD = 0.1  # seconds of silence before the first word
LETTER, GAP = 0.05, 0.04  # seconds of a letter that is spoken, and between words
HERTZ = 400.0


@dataclass
class Tones:
    """A double of a voice: a word is a tone, as long as what is spoken has letters, of `letter` seconds each.

    `before` is called with what is about to be spoken: it may wait, or raise.
    """

    info: VoiceInfo
    before: Callable[[str], object] = lambda text: None
    letter: float = LETTER
    spoken: list[str] = field(default_factory=list)

    def speak(self, words: Sequence[Word], *, rate: float = 1.0, pitch: float = 0.0) -> Sound:
        text = " ".join(word.spoken for word in words)
        self.before(text)
        if not any(letter.isalnum() and ord(letter) < 0x250 for letter in text):
            raise VoiceError(f"the voice {self.info.name} cannot say {text!r}")
        self.spoken.append(text)
        parts, times, phonemes = [np.zeros(int(LEAD * RATE), np.float32)], [], []
        place = LEAD
        for word in words:
            read = word.phonemes or word.spoken.replace(" ", "")
            if not word.spoken:
                times.append(None)
                continue
            size = int(len(read) * self.letter / rate * RATE)
            wave = np.sin(2 * np.pi * HERTZ * 2 ** (pitch / 12) * np.arange(size) / RATE)
            parts.append((0.5 * wave).astype(np.float32))
            times.append(Timed(word.text, place, place + size / RATE))
            phonemes += [
                Timed(letter, place + index * self.letter / rate, place + (index + 1) * self.letter / rate)
                for index, letter in enumerate(read)
            ]
            rest = int((GAP + (0.2 if word.after else 0.0)) / rate * RATE)
            parts.append(np.zeros(rest, np.float32))
            place += (size + rest) / RATE
        return Sound(np.concatenate(parts), RATE, tuple(times), tuple(phonemes))


def info(name: str, *languages: str, engine: str = "neural", gender: str = "Female") -> VoiceInfo:
    return VoiceInfo(name, gender, languages, engine, RATE, "1", "CC0-1.0", "made of tones")


@dataclass
class Choir:
    """A double of the catalogue of voices."""

    infos: Sequence[VoiceInfo] = (
        info("anna", "en-US"),
        info("carlos", "es-ES", "es-US", gender="Male"),
        info("hans", "de-DE", engine="standard", gender="Male"),
    )
    before: Callable[[str], object] = lambda text: None
    letter: float = LETTER
    voices: dict[str, Tones] = field(init=False)

    def __post_init__(self) -> None:
        self.voices = {
            one.name: Tones(one, lambda text: self.before(text), self.letter) for one in self.infos
        }

    def load(self, name: str) -> Voice:
        return self.voices[name]

    def speaking(self, language: str) -> Voice:
        for one in self.infos:
            if language in {code.partition("-")[0] for code in one.languages}:
                return self.voices[one.name]
        raise VoiceError(f"no voice speaks the language {language!r}")


@contextlib.contextmanager
def serve_narration(
    data: Path,
    choir: Choir | None = None,
    *,
    folders: Mapping[str, str] | None = None,
    database: str = "",
    limits: Any = None,
) -> Iterator[str]:
    """Serve the engine with voices of tones; yields its URL."""
    with mock.patch.object(engine, "Catalogue", lambda settings: choir or Choir()):
        made = engine.create(Settings(data, folders or {}, database))
    with serve_engine(made, limits=limits) as url:
        yield url


def polly(url: str, **config: Any) -> Any:
    """Return boto3's client of an engine."""
    return client_of(url, "polly", **config)


def speak(boto: Any, text: str, **more: Any) -> bytes:
    """Return the bytes of SynthesizeSpeech, pcm if nothing else is asked for."""
    given = {"VoiceId": "anna", "OutputFormat": "pcm", "Text": text, **more}
    return bytes(boto.synthesize_speech(**given)["AudioStream"].read())


def samples(data: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return pcm as numbers from -1 to 1."""
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768


class Gate:
    """What a voice waits at until the test opens it."""

    def __init__(self) -> None:
        self.reached = threading.Semaphore(0)
        self.open = threading.Event()

    def __call__(self, text: str) -> None:
        self.reached.release()
        assert self.open.wait(60)
