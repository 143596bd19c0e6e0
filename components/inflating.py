"""Compressed files, read with a bound: a few bytes of one may stand for more than any machine has."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from typing import IO, Any, BinaryIO, cast

MOST_TIMES = 200  # its size: exports of FHIR and RDF take 10 to 25 times theirs, at most 1,000 by deflate
FREE = 16 << 20  # bytes that any file may stand for
_PAGE = 1 << 20
GZIP, BZIP2 = b"\x1f\x8b", b"BZh"
"""What compressed files begin with."""


class InflationError(ValueError):
    """A file that is damaged, or stands for too much; `remedy` is what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def inflated(stream: IO[bytes], start: bytes) -> io.BufferedReader:
    """Return what a compressed stream stands for, to be read once from its beginning to its end.

    `start` is GZIP or BZIP2. Reading raises `InflationError` for a file that is damaged or ends early, and
    for one that stands for more than FREE bytes and MOST_TIMES its own. Errors of the stream are its own.
    """
    return io.BufferedReader(_Inflated(stream, start), _PAGE)


class _Counted(io.RawIOBase):
    """A stream of which is counted how much was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.size = stream, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self.size += len(data)
        return len(data)


class _Inflated(io.RawIOBase):
    """What a compressed stream stands for."""

    def __init__(self, stream: IO[bytes], start: bytes) -> None:
        self._counted = _Counted(stream)
        source = cast(BinaryIO, self._counted)
        self._opened = gzip.GzipFile(fileobj=source) if start == GZIP else bz2.BZ2File(source)
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = self._opened.readinto(buffer)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _damaged() from error
        except OSError as error:
            if error.errno is None and type(error) is OSError:  # bzip2's own
                raise _damaged() from error
            raise
        self._size += count
        if self._size > max(FREE, MOST_TIMES * self._counted.size):
            raise InflationError(
                f"the file stands for more than {MOST_TIMES} times its size",
                "give it without compression, if it is what it should be",
            )
        return count


def _damaged() -> InflationError:
    return InflationError("its compression ends early or is broken", "copy the file again")
