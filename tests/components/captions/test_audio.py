"""Audio as it arrives: the same samples however it is cut, and no more of it than is taken."""

from __future__ import annotations

import io
import itertools
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.captions.model.audio import AudioError, Container, Source, blocks, decoder
from brume.captions.model.hypothesis import RATE
from tests.components.captions.speech import SILENCE, encoded, pieces
from tests.polling import until

TONE = (8000 * np.sin(np.arange(2 * RATE) / 6)).astype("<i2").tobytes()


def decoded(encoding: str, rate: int, parts: list[bytes], channels: int = 1) -> list[np.ndarray]:
    made = decoder(encoding, rate, channels)
    rows = [row for part in (*parts, None) for row in made.decode(part)]
    made.close()
    return [np.concatenate([row[channel] for row in rows]) for channel in range(channels)]


@pytest.mark.parametrize(
    ("encoding", "rate", "channels"),
    [
        ("pcm", 16_000, 1),
        ("pcm", 44_100, 2),
        ("flac", 16_000, 1),
        ("flac", 16_000, 2),
        ("ogg-opus", 48_000, 1),
    ],
)
@settings(max_examples=5)
@given(sizes=st.lists(st.integers(301, 3000), min_size=1, max_size=4))
def test_the_samples_are_the_same_however_the_bytes_are_cut(
    encoding: str, rate: int, channels: int, sizes: list[int]
) -> None:
    data = TONE if encoding == "pcm" else encoded(TONE, encoding, rate, channels=channels)
    ends = [0, *itertools.accumulate(itertools.islice(itertools.cycle(sizes), 1 + len(data) // min(sizes)))]
    parts = [data[start:end] for start, end in itertools.pairwise(ends) if start < len(data)]
    for whole, cut in zip(
        decoded(encoding, rate, [data], channels), decoded(encoding, rate, parts, channels), strict=True
    ):
        assert len(whole) > 0.9 * len(TONE) / 2 / channels * RATE / rate
        np.testing.assert_allclose(whole, cut, atol=1e-5)


def test_what_has_come_is_decoded_at_once() -> None:
    """No sample waits for the chunk after the one that it came with."""
    made = decoder("flac", RATE, 1)
    taken = [sum(len(row[0]) for row in made.decode(part)) for part in pieces(encoded(TONE, "flac"), 4000)]
    made.close()
    assert sum(taken) > len(TONE) / 2 - 3 * 4608  # FLAC's frames of up to 4608 samples


def test_a_small_file_of_days_is_not_decoded_ahead() -> None:
    flac = encoded(SILENCE * 600, "flac")
    assert len(flac) < 1 << 20
    made = decoder("flac", RATE, 1)
    parts = made.decode(flac)
    sizes = [len(next(parts)[0]) for _ in range(3)]
    made.close()
    assert max(sizes) <= 6 * RATE
    assert list(parts) == []


def test_a_decoder_that_is_closed_ends_its_thread_in_any_state() -> None:
    for data in (b"", b"fLaC", encoded(TONE, "flac")[:5000], encoded(SILENCE * 600, "flac")):
        made = decoder("flac", RATE, 1)
        parts = made.decode(data)
        if len(data) > 100:
            next(parts, None)
        made.close()
    until(lambda: not [one for one in threading.enumerate() if one.name == "captions-decoder"])


def test_what_is_no_audio_is_named() -> None:
    with pytest.raises(AudioError, match="the audio is no flac"):
        decoded("flac", RATE, [b"RIFF" * 1000])
    with pytest.raises(AudioError, match="the audio is no ogg-opus"):
        decoded("ogg-opus", 48_000, [b"RIFF" * 50_000])
    with pytest.raises(AudioError, match="1 bytes of a sample of 2"):
        decoded("pcm", RATE, [b"\x00" * 3])


@pytest.mark.parametrize("content", [b"<!doctype html><title>no audio</title>" * 100, b"", b"text\n" * 9])
def test_a_file_in_no_known_format_is_no_fault_of_the_disk(content: bytes) -> None:
    with pytest.raises(AudioError, match="the audio cannot be decoded"):
        list(blocks(lambda: io.BytesIO(content), Source()))


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {}\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    ],
    ids=["HLS", "concat", "SDP"],
)
def test_a_file_that_names_others_is_no_audio(content: str, tmp_path: Path) -> None:
    """FFmpeg would read what it names, from the disk or the network."""
    (tmp_path / "secret.wav").write_bytes(encoded(SILENCE, "wav"))
    for name in ("secret.wav", str(tmp_path / "secret.wav"), "http://127.0.0.1:9/secret.wav"):
        file = tmp_path / "names.wav"
        file.write_text(content.format(name))
        with pytest.raises(AudioError, match="the audio cannot be decoded"):
            list(blocks(partial(file.open, "rb"), Source()))


def test_a_stream_that_is_closed_decodes_no_more() -> None:
    """A small file of days is given up with its stream: nothing of it is kept."""
    made = decoder("flac", RATE, 1)
    parts = made.decode(encoded(SILENCE * 600, "flac"))
    next(parts)
    made.close()
    until(lambda: not [one for one in threading.enumerate() if one.name == "captions-decoder"])
    assert isinstance(made, Container)
    assert made._decoded == []
