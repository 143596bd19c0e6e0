"""The interface of voices, and the sound that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brume.narration.model.script import Word

Samples = NDArray[np.float32]  # [samples], one channel, -1 to 1


class VoiceError(ValueError):
    """Text that a voice cannot say, or a voice that is not there; the message names which, and what to do."""


class PhonemeError(VoiceError):
    """Phonemes that a voice does not know; the message names them."""


@dataclass(frozen=True)
class Timed:
    """A word or a phoneme in a sound: seconds from the sound's start."""

    text: str  # the word as written, or one phoneme in IPA
    start: float
    end: float


@dataclass(frozen=True)
class Sound:
    """Speech at `rate` Hz, the time of each word of the input (None: it is not spoken), and the phonemes."""

    samples: Samples
    rate: int
    words: tuple[Timed | None, ...]
    phonemes: tuple[Timed, ...] = ()


@dataclass(frozen=True)
class VoiceInfo:
    """What a voice is: `engine` is a word of Polly's that is honest for it (neural, standard)."""

    name: str
    gender: str  # Female, Male
    languages: tuple[str, ...]  # codes as Polly writes them, the main one first: en-US
    engine: str
    rate: int  # Hz
    version: str  # changes when the same text may become other samples
    licence: str
    notice: str


class Voice(Protocol):
    """A voice that is loaded, for any thread."""

    info: VoiceInfo

    def speak(self, words: Sequence[Word], *, rate: float = 1.0, pitch: float = 0.0) -> Sound:
        """Speak words of one sentence, `rate` times as fast, `pitch` semitones higher.

        The same arguments give the same samples, in any process. The words' own prosody is not looked at. A
        word gets no time if its `spoken` is "", or if it is of another script than the rest. Raises
        `VoiceError` for what the voice cannot say.
        """
        ...
