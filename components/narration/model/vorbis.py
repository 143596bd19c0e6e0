"""Ogg Vorbis, by libsndfile: PyAV's libraries have no encoder of it that takes one channel.

libsndfile numbers a stream at random: every page gets another number, and its checksum, so that equal samples
give equal bytes. Source: RFC 3533, "The Ogg Encapsulation Format Version 0".
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Protocol

_LEVEL = 0.6  # of compression, of 1: libvorbis' quality 4
_HEAD = 27  # bytes of a page before its table of segments
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Sink(Protocol):
    """What takes the bytes."""

    def write(self, data: bytes) -> int:
        """Take bytes; return how many."""
        ...


class Vorbis:
    """Encodes samples of one channel, and writes pages to a sink as they are complete."""

    def __init__(self, sink: Sink, *, rate: int) -> None:
        """Encode at `rate` Hz."""
        import av
        import soundfile

        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        self._pages = _Pages(sink)
        self._file: Any = soundfile.SoundFile(
            self._pages,
            "w",
            samplerate=rate,
            channels=1,
            format="OGG",
            subtype="VORBIS",
            compression_level=_LEVEL,
        )

    def accept(self, frame: Any) -> None:
        """Take a frame of FFmpeg's, None at the end."""
        for part in self._resampler.resample(frame):
            self._file.write(part.to_ndarray()[0])
        if frame is None:
            self._file.close()


class _Pages:
    """A file that libsndfile writes from its start to its end; its pages get the stream's number 0."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._size, self._rest = sink, 0, b""

    def write(self, data: bytes) -> int:
        self._size += len(data)
        self._rest += bytes(data)
        while (size := _size(self._rest)) <= len(self._rest):
            self._sink.write(_numbered(self._rest[:size]))
            self._rest = self._rest[size:]
        return len(data)

    def read(self, _size: int = -1) -> bytes:
        return b""

    def seek(self, _place: int, _whence: int = 0) -> int:
        return self._size

    def tell(self) -> int:
        return self._size


def _size(data: bytes) -> int:
    """Return the bytes of the page that data begins with; more than there are, if it is not complete."""
    if len(data) < _HEAD or len(data) < _HEAD + data[26]:
        return len(data) + 1
    return _HEAD + data[26] + sum(data[_HEAD : _HEAD + data[26]])


def _numbered(page: bytes) -> bytes:
    """Return a page as one of the stream 0."""
    plain = page[:14] + bytes(4) + page[18:22] + bytes(4) + page[26:]
    return plain[:22] + struct.pack("<I", _checksum(plain)) + plain[26:]


def _checksum(data: bytes) -> int:
    """Return the CRC of a page: that of zlib over mirrored bits, from 0 and not inverted."""
    mirrored = zlib.crc32(data.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
