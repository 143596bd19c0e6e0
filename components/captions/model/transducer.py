"""Streaming transducers by sherpa-onnx: a word is recognised as it is spoken, and nothing is decoded twice.

The folder is one of sherpa-onnx's models (https://k2-fsa.github.io/sherpa/onnx): tokens.txt and an encoder,
a decoder and a joiner in ONNX. Its file language.txt has the ISO 639-1 codes of what it was trained on; one
without the file is English.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from brume.captions.model.hypothesis import RATE, Hypothesis, Recognition, Samples, Word
from brume.weights.folders import WeightsError, only

_PAUSE, _LONGEST = 0.6, 14.0  # seconds: of silence after words, and of speech, that end a segment
_STEP = 0.25  # seconds that are decoded at once
_LAST = 0.2  # seconds of a word's last token
_BEGINS = (" ", "▁")  # of a token that begins a word


class Transducer:
    """A loaded transducer (`brume.captions.model.hypothesis.Recogniser`)."""

    def __init__(self, folder: Path, name: str, *, device: str = "auto") -> None:
        """Load the model of a folder. Raises `WeightsError` where the package is not there."""
        try:
            import sherpa_onnx
        except ImportError as error:
            raise WeightsError(
                f"{folder} is a model of sherpa-onnx, which is not installed: pip install "
                "'brume[captions-transducer]'"
            ) from error
        self.name = name
        file = folder / "language.txt"
        self.languages = tuple(file.read_text().split()) if file.is_file() else ("en",)
        parts = {part: str(only(folder, f"{part}*.onnx")) for part in ("encoder", "decoder", "joiner")}
        self._model: Any = sherpa_onnx.OnlineRecognizer.from_transducer(
            tokens=str(folder / "tokens.txt"),
            **parts,
            num_threads=1,
            provider="cuda" if device == "cuda" else "cpu",
            enable_endpoint_detection=True,
            rule1_min_trailing_silence=math.inf,  # silence without words ends nothing
            rule2_min_trailing_silence=_PAUSE,
            rule3_min_utterance_length=_LONGEST,
        )

    def start(self, language: str, *, partials: bool = True) -> Recognition:
        """Begin a stream (see `brume.captions.model.hypothesis.Recogniser`)."""
        return _Recognition(self._model, partials)

    def detect(self, samples: Samples, languages: tuple[str, ...]) -> dict[str, float]:
        """Return that the language is one of the model's, of which the first that is asked for is taken."""
        found = next((language for language in languages if language in self.languages), languages[0])
        return {language: float(language == found) for language in languages}


class _Recognition:
    """One stream (`brume.captions.model.hypothesis.Recognition`)."""

    def __init__(self, model: Any, partials: bool) -> None:
        self._model, self._partials = model, partials
        self._stream = model.create_stream()
        self._segment, self._heard = 0, 0.0
        self._words: tuple[Word, ...] = ()

    def accept(self, samples: Samples) -> list[Hypothesis]:
        """Take the next samples (see `Recognition.accept`)."""
        found: list[Hypothesis] = []
        size, before = int(_STEP * RATE), self._words
        for start in range(0, len(samples), size):
            found += self._step(samples[start : start + size])
        if self._partials and self._words and (found or self._words != before):
            found.append(self._hypothesis())
        return found

    def finish(self) -> list[Hypothesis]:
        """Take the end of the stream (see `Recognition.finish`)."""
        self._stream.accept_waveform(RATE, np.zeros(int(_PAUSE * RATE), np.float32))  # to flush the encoder
        self._stream.input_finished()
        self._decode()
        return [self._hypothesis(final=True)] if self._words else []

    def _step(self, samples: Samples) -> list[Hypothesis]:
        """Take some samples; return the final hypothesis of a segment that ends with them."""
        self._heard += len(samples) / RATE
        self._stream.accept_waveform(RATE, samples)
        self._decode()
        if not self._model.is_endpoint(self._stream):
            return []
        self._model.reset(self._stream)
        if not self._words:
            return []
        ended = self._hypothesis(final=True)
        self._segment, self._words = self._segment + 1, ()
        return [ended]

    def _decode(self) -> None:
        while self._model.is_ready(self._stream):
            self._model.decode_stream(self._stream)
        result = self._model.get_result_all(self._stream)
        self._words = _words(
            result.tokens, result.timestamps, result.ys_probs, result.start_time, self._heard
        )

    def _hypothesis(self, *, final: bool = False) -> Hypothesis:
        return Hypothesis(self._segment, self._words[0].start, self._heard, self._words, final)


def _words(
    tokens: Sequence[str], times: Sequence[float], scores: Sequence[float], start: float, heard: float
) -> tuple[Word, ...]:
    """Return words of tokens; times are seconds from `start`, scores natural logarithms of probabilities."""
    parts: list[list[int]] = []
    for index, token in enumerate(tokens):
        if token.startswith(_BEGINS) or not parts:
            parts.append([])
        parts[-1].append(index)
    found = []
    for number, part in enumerate(parts):
        text = "".join(tokens[index] for index in part).strip("".join(_BEGINS))
        if not text:
            continue
        begins, ends = start + times[part[0]], start + times[part[-1]] + _LAST
        following = start + times[parts[number + 1][0]] if number + 1 < len(parts) else heard
        probability = math.exp(min(min(scores[index] for index in part), 0.0)) if scores else 1.0
        found.append(Word(text, begins, max(min(ends, following), begins), probability))
    return tuple(found)
