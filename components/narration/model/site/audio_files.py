"""Audio files of an article: one encoding of its joined sound, with chapters and cover.

FFmpeg's libraries (PyAV) write them: MP3 with the frames of ID3 (CHAP, CTOC, APIC) and the length of the
encoder's delay, which players cut off, and Opus in Ogg with the same as Vorbis comments.
"""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from brume.narration.model.timeline import Chapter, Pcm, clock

_BLOCK = 1 << 16  # samples that are encoded at once


@dataclass(frozen=True)
class Format:
    """An encoding: its file's name and type, and FFmpeg's names; `rate` 0 is the sound's."""

    path: str
    type: str
    container: str
    codec: str
    bits: int  # a second
    rate: int = 0


FORMATS = {
    "mp3": Format("audio.mp3", "audio/mpeg", "mp3", "libmp3lame", 64_000),
    "opus": Format("audio.opus", "audio/ogg; codecs=opus", "ogg", "libopus", 32_000, 48_000),
}


@dataclass(frozen=True)
class Tags:
    """What a file says of itself; `cover` is a JPEG."""

    title: str
    artist: str
    album: str
    date: str
    language: str
    chapters: Sequence[Chapter]
    seconds: float
    cover: bytes


def write_audio(path: Path, kind: Format, pieces: Iterable[Pcm], rate: int, tags: Tags) -> None:
    """Encode a sound, given piece by piece at `rate` Hz, into a file.

    The same sound and tags give the same bytes. Raises `OSError` where the file cannot be written.
    """
    import av

    # Without it an Ogg stream gets a number by chance, and both the version of the library.
    options = (
        {"fflags": "+bitexact", "id3v2_version": "3"} if kind.container == "mp3" else {"fflags": "+bitexact"}
    )
    with av.open(str(path), "w", format=kind.container, options=options) as file:
        # The narration's engine (encoding.py) says what LAME's level costs and saves.
        own = {"compression_level": "7"} if kind.container == "mp3" else {}
        stream: Any = file.add_stream(kind.codec, rate=kind.rate or rate, options=own)
        stream.bit_rate = kind.bits
        stream.layout = "mono"
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        if kind.container == "mp3":
            file.metadata.update(_names(tags))
            file.set_chapters(_chapters(tags))
            packet = _cover_stream(file, tags.cover)
            file.mux(packet)
        else:
            stream.metadata.update(_names(tags) | _comments(tags))
        resampler = av.AudioResampler(
            format=stream.codec_context.format.name, layout="mono", rate=kind.rate or rate, frame_size=0
        )
        place = 0
        for block in _blocks(pieces):
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, place, Fraction(1, rate)
            place += len(block)
            for changed in resampler.resample(frame):
                file.mux(stream.encode(changed))
        for changed in resampler.resample(None):
            file.mux(stream.encode(changed))
        file.mux(stream.encode(None))


def _blocks(pieces: Iterable[Pcm]) -> Iterable[Pcm]:
    for piece in pieces:
        for start in range(0, len(piece), _BLOCK):
            yield np.ascontiguousarray(piece[start : start + _BLOCK])


def _names(tags: Tags) -> dict[str, str]:
    found = {
        "title": tags.title,
        "artist": tags.artist,
        "album": tags.album,
        "date": tags.date[:10],
        "language": tags.language,
        "genre": "Podcast",
    }
    return {name: value for name, value in found.items() if value}


def _chapters(tags: Tags) -> list[Any]:
    """Return the chapters as PyAV takes them, in milliseconds; each ends where the next begins."""
    ends = [one.begins for one in tags.chapters[1:]] + [tags.seconds]
    return [
        {
            "id": number,
            "start": round(chapter.begins * 1000),
            "end": round(end * 1000),
            "time_base": Fraction(1, 1000),
            "metadata": {"title": chapter.title},
        }
        for number, (chapter, end) in enumerate(zip(tags.chapters, ends, strict=True))
    ]


def _cover_stream(file: Any, cover: bytes) -> Any:
    """Add a picture to a file as FFmpeg has it, a stream of one packet; returns the packet."""
    import av

    with av.open(io.BytesIO(cover), format="mjpeg") as source:
        packet = next(packet for packet in source.demux(source.streams.video[0]) if packet.size)
        stream = file.add_stream_from_template(source.streams.video[0])
        stream.disposition = av.stream.Disposition.attached_pic
        stream.metadata.update({"comment": "Cover (front)"})
        packet.stream = stream
        packet.pts = packet.dts = 0
        return packet


def _comments(tags: Tags) -> dict[str, str]:
    """Return cover and chapters as Vorbis comments; FFmpeg itself rounds chapters to seconds."""
    found = {"METADATA_BLOCK_PICTURE": _picture_block(tags.cover)}
    for number, chapter in enumerate(tags.chapters):
        found[f"CHAPTER{number:03}"] = clock(chapter.begins)
        found[f"CHAPTER{number:03}NAME"] = chapter.title
    return found


def _picture_block(cover: bytes) -> str:
    """Return a picture as Vorbis comments hold it (RFC 9639, 8.8, in base64)."""
    kind = b"image/jpeg"
    head = struct.pack(">II", 3, len(kind)) + kind + struct.pack(">I", 0)
    return base64.b64encode(head + struct.pack(">IIIII", 0, 0, 0, 0, len(cover)) + cover).decode()
