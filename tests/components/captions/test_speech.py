"""The captions engine over a WebSocket, on speech whose text is known, in every encoding."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.components.captions.speech import (
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
