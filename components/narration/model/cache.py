"""Sounds that were made before: a voice whose speech is kept in memory, the latest first.

Sound and marks of one text are two requests to Amazon Polly: the second then costs nothing, and is of the
same speech. What a sound is made of is its key: the words without their places, the voice and its version.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from brume.narration.model.script import Word
from brume.narration.model.voice import Sound, Voice


class Sounds:
    """Sounds by key, of any voices and for any thread; past `size` bytes of samples the oldest go."""

    def __init__(self, size: int) -> None:
        self._size, self._used = size, 0
        self._kept: OrderedDict[Any, Sound] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> Sound | None:
        """Return a sound that is kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Any, sound: Sound) -> None:
        """Keep a sound; its samples cannot be changed from now on."""
        sound.samples.setflags(write=False)
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = sound
            self._used += sound.samples.nbytes
            while self._used > self._size and self._kept:
                self._used -= self._kept.popitem(last=False)[1].samples.nbytes


class Remembering:
    """A voice (`brume.narration.model.voice.Voice`) that speaks the same words once."""

    def __init__(self, voice: Voice, sounds: Sounds) -> None:
        self.info = voice.info
        self._voice, self._sounds = voice, sounds

    def speak(self, words: Sequence[Word], *, rate: float = 1.0, pitch: float = 0.0) -> Sound:
        """Speak words as `Voice.speak` does, or return what was spoken before."""
        spoken = tuple((word.text, word.spoken, word.phonemes, word.after, word.language) for word in words)
        key = (self.info.name, self.info.version, spoken, rate, pitch)
        found = self._sounds.get(key)
        if found is None:
            found = self._voice.speak(words, rate=rate, pitch=pitch)
            self._sounds.put(key, found)
        return found
