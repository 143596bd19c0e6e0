"""Speech whose words have known times: espeak-ng's library says where in the audio each word begins.

The command has no such output, so the library is called, by a measurement only; nothing installed with
Brume loads it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from brume.captions.model.audio import Resampler
from brume.captions.model.hypothesis import Samples

_SYNCHRONOUS, _UTF8, _PHONES = 2, 1, 0
_END, _WORD = 0, 1  # types of events
_BEFORE = 0.5  # seconds of silence before the speech
_VOICES = {"en": b"en-us", "es": b"es"}


class NoLibraryError(RuntimeError):
    """espeak-ng's library is not there."""


@dataclass(frozen=True)
class Spoken:
    """Audio and its words, each with its start in seconds."""

    samples: Samples
    words: list[tuple[float, str]]


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@cache
def _library() -> tuple[Any, int]:
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise NoLibraryError("espeak-ng is not installed (Debian: apt-get install espeak-ng)")
    library = ctypes.CDLL(name)
    return library, int(library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0))


def speak(text: str, language: str) -> Spoken:
    """Return a text spoken in English ("en") or Spanish ("es"). Raises `NoLibraryError`."""
    library, rate = _library()
    audio: list[np.ndarray[Any, np.dtype[np.int16]]] = []
    words: list[tuple[float, str]] = []

    def take(wave: Any, count: int, events: Any) -> int:
        if wave and count:
            audio.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != _END:
            event = events[index]
            if event.type == _WORD:
                begin = event.text_position - 1
                words.append((_BEFORE + event.audio_position / 1000, text[begin : begin + event.length]))
            index += 1
        return 0

    callback = _Callback(take)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(_VOICES[language])
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    audio.insert(0, np.zeros(int(_BEFORE * rate), np.int16))
    whole = np.concatenate(audio).astype(np.float32) / np.float32(32768)
    resampler = Resampler(rate, 1)
    rows = [*resampler.accept(whole[np.newaxis]), *resampler.finish()]
    return Spoken(np.concatenate(rows), words)
