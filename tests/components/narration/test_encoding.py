"""Every format and rate, decoded by another program: length, place and pitch of a tone, and equal bytes."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brume.narration.model.encoding import FORMATS, Encoder, FormatError, encode, rate_of

RATE = 24000
START, END, HERTZ = 0.25, 0.75, 440.0  # of a tone in a second
_EVERY = [(name, rate) for name, one in FORMATS.items() for rate in one.rates if rate]
_RAW = {"pcm": ("s16le", "s16le"), "mulaw": ("mulaw", "mulaw"), "alaw": ("alaw", "alaw")}


def tone(*, seconds: float = 1.0) -> Any:
    times = np.arange(int(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * HERTZ * times) * ((times >= START) & (times < END))).astype(np.float32)


def encoded(name: str, rate: int, samples: Any = None, pieces: int = 7) -> bytes:
    parts = np.array_split(tone() if samples is None else samples, pieces)
    return b"".join(encode(parts, source=RATE, name=name, rate=rate))


def decoded(data: bytes, name: str, rate: int) -> Any:
    """Return samples by FFmpeg's libraries: what browsers do, without a look at how it was encoded."""
    import av

    raw = _RAW.get(name)
    options = {"ar": str(rate), "ch_layout": "mono"} if raw else {}
    with av.open(io.BytesIO(data), format=raw[0] if raw else None, options=options) as source:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        frames = [made for frame in source.decode(audio=0) for made in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize(("name", "rate"), _EVERY)
def test_a_tone_stays_where_it_is(name: str, rate: int) -> None:
    found = decoded(encoded(name, rate), name, rate)
    assert abs(len(found) / rate - 1) < 0.16  # the last frame is filled up
    loud = np.flatnonzero(np.abs(found) > 0.1) / rate
    assert abs(loud[0] - START) < 0.006
    assert abs(loud[-1] - END) < 0.01
    middle = found[int(0.35 * rate) : int(0.65 * rate)]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 8 * rate))
    assert abs(np.argmax(spectrum) / 8 - HERTZ) < 3
    assert abs(np.sqrt(np.mean(middle**2)) - 0.5 / np.sqrt(2)) < 0.03


@pytest.mark.parametrize(("name", "rate"), _EVERY)
def test_equal_samples_give_equal_bytes(name: str, rate: int) -> None:
    assert encoded(name, rate) == encoded(name, rate)


@pytest.mark.parametrize("name", ["mp3", "ogg_vorbis", "ogg_opus"])
def test_ffprobe_reads_it(name: str, tmp_path: Path) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed: FFmpeg's libraries read the formats in the other tests")
    rate = FORMATS[name].rates[-1]
    (tmp_path / "made").write_bytes(encoded(name, rate))
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", str(tmp_path / "made")]
    (stream,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    assert stream["codec_name"] == name.removeprefix("ogg_")
    assert (int(stream["sample_rate"]), stream["channels"]) == (rate, 1)
    assert abs(float(stream["duration"]) - 1) < 0.1


@pytest.mark.parametrize("name", FORMATS)
def test_sound_comes_out_while_it_goes_in(name: str) -> None:
    encoder = Encoder(source=RATE, name=name, rate=FORMATS[name].rates[-1])
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    came = [len(encoder.encode(noise)) for _ in range(5)]
    assert sum(came[:2]) > 0
    assert sum(came) > 0.5 * (sum(came) + len(encoder.finish()))


@pytest.mark.parametrize("rate", [8000, 22050, 24000, 48000])
def test_sound_without_silence_before_it_is_not_late_in_an_mp3(rate: int) -> None:
    """It fades in over one frame, and is then where it was."""
    loud = tone()[int(START * RATE) :]
    found = decoded(encoded("mp3", rate, loud), "mp3", rate)
    end = np.flatnonzero(np.abs(found) > 0.1)[-1] / rate
    assert abs(end - (END - START)) < 0.01
    frame = (576 if rate <= 24000 else 1152) / rate
    start = np.flatnonzero(np.abs(found) > 0.1)[0] / rate
    assert start < frame


def test_no_samples_are_a_file_without_sound() -> None:
    for name in FORMATS:
        assert len(encoded(name, FORMATS[name].rates[-1], np.zeros(0, np.float32))) < 5000


@pytest.mark.parametrize(
    ("name", "wanted", "voice", "rate"),
    [
        ("mp3", "", 24000, 24000),
        ("mp3", "", 22050, 22050),
        ("mp3", "", 11025, 24000),
        ("mp3", "8000", 24000, 8000),
        ("pcm", "", 24000, 16000),
        ("ogg_opus", "", 24000, 48000),
        ("mulaw", "", 24000, 8000),
    ],
)
def test_rates(name: str, wanted: str, voice: int, rate: int) -> None:
    assert rate_of(name, wanted, voice) == rate


@pytest.mark.parametrize("wanted", ["0", "-8000", "8000.0", "٨٠٠٠", "12345"])
def test_a_rate_that_there_is_not(wanted: str) -> None:
    with pytest.raises(
        FormatError, match="mp3 has the sample rates 8000, 16000, 22050, 24000, 44100, 48000, not"
    ):
        rate_of("mp3", wanted, 24000)
