"""Phonemes of English words that no dictionary has, by a small network over their letters.

The network is hibari-tts' (Apache-2.0): one symbol or none for each of a few places of a letter, as CTC
decodes them.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np

from brume.narration.model.networks import session


class Spelling:
    """A loaded network, for any thread."""

    def __init__(self, folder: Path, name: str) -> None:
        about = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self._letters = {letter: number for number, letter in enumerate(about["in"], 1)}
        self._symbols = dict(enumerate(about["out"], 1))
        self._longest = int(about["maxlen"])
        self._path = folder / f"{name}.onnx"
        self._session: Any = None
        self._lock = threading.Lock()

    def read(self, word: str) -> str:
        """Return the phonemes of a word in Kokoro's alphabet; "" for a word of other letters."""
        if any(letter not in self._letters for letter in word.replace("'", "")):
            return ""
        with self._lock:
            if self._session is None:
                self._session = session(self._path.read_bytes())
        letters = [self._letters[letter] for letter in word if letter in self._letters]
        found = ""
        for start in range(0, len(letters), self._longest):
            part = np.asarray([letters[start : start + self._longest]], np.int64)
            last = 0
            for number in self._session.run(None, {"chars": part})[0][0].tolist():
                if number not in (last, 0):
                    found += self._symbols[number]
                last = number
        return "".join(symbol for symbol in found if symbol not in " ()-1")
