"""Whisper by CTranslate2: decodes a window of audio to words with times and probabilities.

Windows are as short as the audio allows, which is what makes decoding again and again affordable; under ten
seconds Whisper repeats itself, so shorter ones are filled up with silence. Nothing that was recognised before
is given to the decoder: it would be repeated (Whisper calls that prompt `condition_on_previous_text`).
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from brume.captions.model.hypothesis import RATE, Recognition, Samples, Word
from brume.captions.model.onsets import at_sounds
from brume.captions.model.repetition import without_crowds, without_echoes, without_loops

SHORTEST = 10.0  # seconds of a window; measured: word error rate .12 to .18 under it, .04 from it on
TAIL = 1.5  # seconds of silence after the audio
LONGEST = 30.0  # seconds that Whisper was made for
_TOKENS = 10.0  # a second of audio holds fewer
# By how many seconds the starts that a model aligns are late: measured on words of espeak-ng.
_LATE = {"whisper-tiny.en": 0.06, "whisper-base": -0.12}
_NO_SPEECH, _LOG_PROBABILITY = 0.6, -1.0  # Whisper's own thresholds for audio without speech


@dataclass(frozen=True)
class WhisperSettings:
    """How a model is loaded: `threads` of one decoding, and how many `streams` decode at the same time."""

    device: str = "auto"
    threads: int = 1
    streams: int = 2


class Whisper:
    """A Whisper model in CTranslate2's format: a folder with model.bin, tokenizer.json and vocabulary."""

    def __init__(self, folder: Path, name: str, settings: WhisperSettings = WhisperSettings()) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the folder is complete: nothing is looked up
        import ctranslate2
        from faster_whisper import WhisperModel
        from threadpoolctl import threadpool_limits

        # numpy's threads wait for the next small product in a loop: a third of all processor time, measured.
        threadpool_limits(1, user_api="blas")

        device = settings.device
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        self._model: Any = WhisperModel(
            str(folder),
            device=device,
            compute_type="int8" if device == "cpu" else "float16",
            cpu_threads=settings.threads,
            num_workers=settings.streams,
        )
        self.name = name
        self.languages = tuple(self._model.supported_languages)
        self._tokenizers: dict[str, Any] = {}
        self._lock = threading.Lock()

    def start(self, language: str, *, partials: bool = True) -> Recognition:
        """Begin a stream (see `brume.captions.model.hypothesis.Recogniser`)."""
        from brume.captions.model.segments import Segments

        return Segments(self, language, partials=partials)

    def detect(self, samples: Samples, languages: tuple[str, ...]) -> dict[str, float]:
        """Return the probability of each of `languages`, from up to 30 seconds of speech; they sum to 1."""
        if len(self.languages) == 1:
            return {language: float(language == self.languages[0]) for language in languages}
        _, _, found = self._model.detect_language(np.ascontiguousarray(samples[: int(LONGEST * RATE)]))
        known = {language: dict(found).get(language, 0.0) for language in languages}
        total = sum(known.values()) or 1.0
        return {language: float(value / total) for language, value in known.items()}

    def decode(self, samples: Samples, language: str, *, beam: int = 1) -> list[Word]:
        """Return the words of up to 28 seconds of audio; times are from the start of `samples`."""
        duration = len(samples) / RATE
        window = min(max(duration + TAIL, SHORTEST), LONGEST)
        padded = np.zeros(int(window * RATE), np.float32)
        padded[: len(samples)] = samples
        features = self._model.feature_extractor(padded, padding=0)
        features = features[:, : features.shape[1] // 2 * 2]
        tokenizer = self._tokenizer(language)
        encoded = self._model.encode(features)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        (found,) = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=beam,
            max_length=min(448, len(prompt) + 8 + int(duration * _TOKENS)),
            suppress_tokens=self._suppressed(language),
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens = [token for token in found.sequences_ids[0] if token < tokenizer.eot]
        if not tokens or (found.no_speech_prob > _NO_SPEECH and float(found.scores[0]) < _LOG_PROBABILITY):
            return []
        (aligned,) = self._model.find_alignment(tokenizer, [tokens], encoded, int(duration * 100))
        words: list[Word] = []
        for one in aligned:
            text = one["word"]
            if words and (not text.startswith(" ") or not text.strip(" .,!?;:-…—¿¡\"'")):
                last = words[-1]  # punctuation that the tokenizer split off belongs to the word before
                words[-1] = Word(last.text + text.strip(), last.start, last.end, last.probability)
            elif text.strip():
                start = min(float(one["start"]), duration)
                end = min(max(float(one["end"]), start), duration)
                words.append(Word(text.strip(), start, end, float(one["probability"])))
        kept = without_crowds(without_loops(without_echoes(words)))
        return at_sounds(kept, samples, _LATE.get(self.name, 0.0))

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        with self._lock:
            if language not in self._tokenizers:
                multilingual = self._model.model.is_multilingual
                self._tokenizers[language] = Tokenizer(
                    self._model.hf_tokenizer,
                    multilingual,
                    task="transcribe" if multilingual else None,
                    language=language if multilingual else "en",
                )
            return self._tokenizers[language]

    def _suppressed(self, language: str) -> list[int]:
        from faster_whisper.transcribe import get_suppressed_tokens

        return list(get_suppressed_tokens(self._tokenizer(language), [-1]))
