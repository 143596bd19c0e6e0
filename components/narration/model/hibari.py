"""The English voice of hibari-tts: a network distilled from Kokoro-82M, about fifty times as fast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from brume.narration.model.english_phonemes import English
from brume.narration.model.networks import session, with_output
from brume.narration.model.script import Word
from brume.narration.model.source_filter import HOP, RATE, waveform
from brume.narration.model.utterances import Utterance, spoken
from brume.narration.model.voice import Samples, Sound, VoiceInfo

SLOWEST, FASTEST = 0.2, 2.0  # times the network's own speed
_DURATIONS = "/Round_output_0"  # inside the network: for each symbol, in units of _UNIT
_UNIT = 2 * HOP / RATE  # seconds


class Hibari:
    """A loaded voice (`brume.narration.model.voice.Voice`)."""

    def __init__(self, info: VoiceInfo, folder: Path, english: English) -> None:
        """Load the network hibari.onnx of a folder."""
        self.info = info
        self._english = english
        self._session = session(with_output((folder / "hibari.onnx").read_bytes(), _DURATIONS))
        self._outputs = ["lh", "theta", "ln", "lr", "phi", "f0", _DURATIONS]

    def speak(self, words: Sequence[Word], *, rate: float = 1.0, pitch: float = 0.0) -> Sound:
        """Speak words of a sentence (see `Voice.speak`); `rate` is held between SLOWEST and FASTEST."""
        rate = min(max(rate, SLOWEST), FASTEST)
        return spoken(
            words,
            self._english.read(words),
            self.info,
            lambda utterance: self._sound(utterance, rate, pitch),
            rate,
        )

    def _sound(
        self, utterance: Utterance, rate: float, pitch: float
    ) -> tuple[Samples, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        """Return the samples of an utterance, and the seconds at which each symbol of its input ends."""
        given = {"ids": utterance.ids, "speed": np.asarray([rate], np.float32)}
        lh, theta, ln, lr, phi, hertz, durations = self._session.run(self._outputs, given)
        samples = waveform(lh[0], theta[0], ln[0], lr[0], phi[0], hertz[0] * np.float32(2 ** (pitch / 12)))
        return samples, np.cumsum(durations, dtype=np.float64) * _UNIT
