"""Sound to the formats of Amazon Polly, encoded while it is made, by FFmpeg's libraries and libsndfile.

Rates: "SynthesizeSpeech" in the API reference of Amazon Polly, and for pcm that of the voices, so that
nothing is lost before a program encodes it. The same samples give the same bytes. An MP3 without a tag of
its delay, which would have to have its length too, is played 1,105 samples late (576 of the encoder, 529
of the decoder): its first 1,152 are left out, so that marks hold in every format within 6 ms. What this
costs is the overlap of the first frame that is left, in which the sound fades in.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from brume.narration.model.voice import Samples
from brume.narration.model.vorbis import Vorbis

_LEFT_OUT = 1152  # samples of an MP3
_MP3_RATES = (8000, 16000, 22050, 24000, 44100, 48000)


class FormatError(ValueError):
    """A format, or a rate, that there is not; the message says which there are."""


@dataclass(frozen=True)
class Format:
    """A format of sound: `rates` in Hz, the first of them where none is asked for (0: the voice's)."""

    name: str
    media: str  # its type in HTTP
    ending: str  # of a file
    rates: tuple[int, ...]
    container: str = ""  # FFmpeg's names, of the type of samples that the codec takes too
    codec: str = ""
    samples: str = "s16"
    options: dict[str, str] = field(default_factory=dict)


FORMATS = {
    one.name: one
    for one in (
        Format("mp3", "audio/mpeg", "mp3", (0, *_MP3_RATES), "mp3", "libmp3lame", "s16p",
               {"write_xing": "0", "id3v2_version": "0"}),
        Format("ogg_vorbis", "audio/ogg", "ogg", (0, *_MP3_RATES)),  # by `vorbis`
        Format("ogg_opus", "audio/ogg", "ogg", (48000,), "ogg", "libopus", "s16",
               {"page_duration": "200000"}),  # microseconds
        Format("pcm", "audio/pcm", "pcm", (16000, 8000, 24000), "s16le", "pcm_s16le"),
        Format("mulaw", "audio/mulaw", "mulaw", (8000,), "mulaw", "pcm_mulaw"),
        Format("alaw", "audio/alaw", "alaw", (8000,), "alaw", "pcm_alaw"),
    )
}  # fmt: skip


def rate_of(name: str, wanted: str, voice: int) -> int:
    """Return the rate of a format in Hz: the one wanted ("" for none), of a voice with `voice` Hz.

    Raises `FormatError` for one that the format has not.
    """
    rates = FORMATS[name].rates
    if not wanted:
        return rates[0] or (voice if voice in rates else 24000)
    if not wanted.isascii() or not wanted.isdecimal() or int(wanted) not in rates[rates[0] == 0 :]:
        known = ", ".join(str(rate) for rate in sorted(rates) if rate)
        raise FormatError(f"{name} has the sample rates {known}, not {wanted}")
    return int(wanted)


def encode(parts: Iterable[Samples], *, source: int, name: str, rate: int) -> Iterator[bytes]:
    """Iterate the bytes of samples at `source` Hz in a format at `rate` Hz, as soon as they are known."""
    encoder = Encoder(source=source, name=name, rate=rate)
    for samples in parts:
        if data := encoder.encode(samples):
            yield data
    if data := encoder.finish():
        yield data


class Encoder:
    """Encodes one sound, piece by piece."""

    def __init__(self, *, source: int, name: str, rate: int) -> None:
        """Take samples at `source` Hz; give the format `name` (of FORMATS) at `rate` Hz."""
        self._source = source
        self._sink = _Sink()
        self._coder: _Coder = (
            Vorbis(self._sink, rate=rate)
            if name == "ogg_vorbis"
            else _Ffmpeg(self._sink, FORMATS[name], rate)
        )

    def encode(self, samples: Samples) -> bytes:
        """Return the bytes that are complete with these samples."""
        if len(samples):
            import av

            values = np.ascontiguousarray(np.clip(samples, -1.0, 1.0).reshape(1, -1), np.float32)
            frame = av.AudioFrame.from_ndarray(values, format="fltp", layout="mono")
            frame.sample_rate = self._source
            self._coder.accept(frame)
        return self._sink.taken()

    def finish(self) -> bytes:
        """Return the rest."""
        self._coder.accept(None)
        return self._sink.taken()


class _Coder(Protocol):
    def accept(self, frame: Any) -> None:
        """Take a frame of FFmpeg's, None at the end."""


class _Ffmpeg:
    """A codec in its container, of FFmpeg's libraries."""

    def __init__(self, sink: _Sink, chosen: Format, rate: int) -> None:
        import av

        self._container = av.open(
            sink,
            "w",
            format=chosen.container,
            options={"fflags": "+bitexact", "flush_packets": "1", **chosen.options},
        )
        # Without LAME's shaping of noise: half of the time of FFmpeg's choice. Noise above the threshold of
        # masking is then in 40.5 % of the bands of speech, in place of 38.4 %, at 48 kbit/s.
        # Frames that lean on none before them (no reservoir) can be left out.
        own = {"compression_level": "7", "reservoir": "0"} if chosen.container == "mp3" else {}
        self._stream = self._container.add_stream(chosen.codec, rate=rate, layout="mono", options=own)
        self._stream.codec_context.format = chosen.samples
        if chosen.container in ("mp3", "ogg"):
            self._stream.codec_context.bit_rate = (
                96_000 if chosen.container == "mp3" and rate > 24000 else 48_000
            )
        size = 576 if rate <= 24000 else 1152  # of a frame: MPEG-2 and 2.5, and MPEG-1
        self._skip = _LEFT_OUT // size if chosen.container == "mp3" else 0

    def accept(self, frame: Any) -> None:
        packets = self._stream.encode(frame)
        left_out = min(self._skip, len(packets))
        self._skip -= left_out
        self._container.mux(packets[left_out:])
        if frame is None:
            self._container.close()


class _Sink(io.RawIOBase):
    """What FFmpeg writes to, from start to end."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
