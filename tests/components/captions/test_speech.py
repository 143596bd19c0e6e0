"""The captions engine over a WebSocket, on speech whose text is known, in every encoding."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.components.captions.speech import (
    RATE,
    SILENCE,
    encoded,
    pcm,
    pieces,
    spoken,
    text_of,
    transcribe,
    word_errors,
)

CLIP = "asr-en/spk1_snt1.wav"


@pytest.fixture(scope="module")
def clip(real_data: Callable[[str], Path]) -> tuple[bytes, str]:
    """Return a sentence as a file, and its text; of espeak-ng where the real data is absent."""
    try:
        text = json.loads(real_data("speech/transcripts.json").read_text())[CLIP]
        return real_data(f"speech/{CLIP}").read_bytes(), text
    except pytest.skip.Exception:
        text = "the weather is fine today and we are going to the river"
        return encoded(spoken(text), "wav"), text


@pytest.mark.parametrize(
    ("kind", "rate"),
    [("pcm", 8_000), ("pcm", 44_100), ("flac", 22_050), ("ogg-opus", 48_000)],
)
def test_speech_is_transcribed_in_every_encoding(
    captions_url: str, clip: tuple[bytes, str], kind: str, rate: int
) -> None:
    data, text = clip
    audio = pcm(data, rate) + SILENCE
    if kind != "pcm":
        audio = encoded(audio, kind, rate)
    found = transcribe(
        captions_url,
        pieces(audio),
        media_encoding=kind,
        sample_rate=rate,
        enable_partial_results_stabilization="true",
        partial_results_stability="high",
    )
    assert word_errors(text, text_of(found)) <= 0.2, text_of(found)
    assert any(one["IsPartial"] for one in found)


def sound(kind: str) -> bytes:
    """Return 20 s of what is no speech (pcm)."""
    time = np.arange(20 * RATE) / RATE
    random = np.random.default_rng(0)
    since = time % 0.5  # since the last note began
    if kind == "silence":
        samples = np.zeros_like(time)
    elif kind == "hum":
        samples = 0.1 * np.sin(2 * np.pi * 50 * time) + 0.02 * random.standard_normal(len(time))
    elif kind == "music":
        note = np.array([262, 330, 392, 523])[(time / 0.5).astype(int) % 4]
        tones = sum(np.sin(2 * np.pi * note * harmonic * time) / harmonic for harmonic in range(1, 6))
        samples = 0.15 * tones * np.exp(-4 * since)
    else:  # coughs: bursts of noise without pitch
        since = time % 3.0
        samples = 0.4 * random.standard_normal(len(time)) * np.exp(-15 * since) * (since < 0.4)
    return (samples * 32767).clip(-32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("kind", ["silence", "hum", "music", "coughs"])
def test_what_is_no_speech_becomes_no_words(captions_url: str, kind: str) -> None:
    assert text_of(transcribe(captions_url, pieces(sound(kind)))) == ""


def test_nothing_is_repeated_and_nothing_lost_after_a_long_silence(
    captions_url: str, clip: tuple[bytes, str]
) -> None:
    data, text = clip
    once = pcm(data) + SILENCE
    found = text_of(transcribe(captions_url, pieces(once + SILENCE * 35 + once)))
    assert word_errors(f"{text} {text}", found) <= 0.2, found
