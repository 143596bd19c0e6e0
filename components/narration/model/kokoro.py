"""Voices of Kokoro-82M: one network, a table of styles for each voice.

The network is the int8 export of kokoro-onnx (https://github.com/thewh1teagle/kokoro-onnx, MIT).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from brume.narration.model.networks import session, with_output
from brume.narration.model.resampling import faster
from brume.narration.model.script import Word
from brume.narration.model.utterances import Utterance, spoken
from brume.narration.model.voice import Samples, Sound, VoiceInfo

SLOWEST, FASTEST = 0.2, 2.0  # times the network's own speed
_DURATIONS = "/encoder/Round_output_0"  # inside the network: for each symbol, in units of _UNIT
_UNIT = 0.025  # seconds
_STYLES, _STYLE = 510, 256  # a style for each count of symbols


class Reader(Protocol):
    """What turns words of a language into the network's symbols."""

    def read(self, words: Sequence[Word]) -> list[str]:
        """Return the phonemes of each word, "" for what cannot be read."""
        ...


class Network:
    """The loaded network of all voices, for any thread."""

    def __init__(self, path: Path) -> None:
        self._session: Any = session(with_output(path.read_bytes(), _DURATIONS))

    def run(
        self, utterance: Utterance, styles: NDArray[np.float32], rate: float
    ) -> tuple[Samples, NDArray[np.float64]]:
        """Return the samples of an utterance, and the seconds at which each symbol of its input ends."""
        given = {
            "tokens": utterance.ids,
            "style": styles[len(utterance.symbols)][None],
            "speed": np.asarray([rate], np.float32),
        }
        audio, durations = self._session.run([self._session.get_outputs()[0].name, _DURATIONS], given)
        ends = np.cumsum(durations.reshape(-1), dtype=np.float64) * _UNIT
        return np.asarray(audio, np.float32).reshape(-1), ends


class Kokoro:
    """A loaded voice (`brume.narration.model.voice.Voice`)."""

    def __init__(self, info: VoiceInfo, network: Network, styles: Path, reader: Reader) -> None:
        """Load the styles of a voice. Raises `ValueError` for a file that holds something else."""
        table = np.fromfile(styles, "<f4")
        if table.size != _STYLES * _STYLE:
            raise ValueError(f"{styles} is no voice of Kokoro: {table.size} numbers, not {_STYLES * _STYLE}")
        self.info = info
        self._network, self._reader = network, reader
        self._styles = table.reshape(_STYLES, _STYLE).astype(np.float32)

    def speak(self, words: Sequence[Word], *, rate: float = 1.0, pitch: float = 0.0) -> Sound:
        """Speak words of a sentence (see `Voice.speak`); `rate` is held between SLOWEST and FASTEST.

        The pitch is changed by playing faster what is spoken slower; the timbre changes with it.
        """
        higher = 2 ** (pitch / 12)
        speed = min(max(rate / higher, SLOWEST), FASTEST)

        def make(utterance: Utterance) -> tuple[Samples, NDArray[np.float64]]:
            samples, ends = self._network.run(utterance, self._styles, speed)
            return (faster(samples, higher), ends / higher) if pitch else (samples, ends)

        return spoken(words, self._reader.read(words), self.info, make, speed)
