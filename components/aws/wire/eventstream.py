"""Frames of application/vnd.amazon.eventstream: typed headers, a payload, two checksums.

A frame is its length and that of its headers (4 bytes each), the CRC-32 of these eight bytes, the headers,
the payload, and the CRC-32 of everything before. Source: "Amazon event stream specification" of Smithy.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from brume.aws.engine.service import ServiceError

TYPE = "application/vnd.amazon.eventstream"
LIMIT = 1 << 20  # bytes of one frame that are taken from a client
_HEADERS = 128 << 10  # bytes of all headers of a frame, by the specification
_PRELUDE = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = {2: ">b", 3: ">h", 4: ">i", 5: ">q"}  # types of whole numbers

Header = bool | int | bytes | str | datetime | uuid.UUID


class Long(int):
    """A whole number that is written with eight bytes, whatever its value."""


@dataclass(frozen=True)
class Message:
    """One frame. Header values: bool, int, bytes, str, datetime (UTC, milliseconds), UUID."""

    headers: Mapping[str, Header]
    payload: bytes = b""

    def text(self, name: str) -> str:
        """Return a header that is a string; "" when it is absent or of another type."""
        value = self.headers.get(name, "")
        return value if isinstance(value, str) else ""


def encode(headers: Mapping[str, Header], payload: bytes = b"") -> bytes:
    """Return a frame. Raises `ValueError` for headers that a frame cannot hold."""
    packed = encode_headers(headers)
    if len(packed) > _HEADERS:
        raise ValueError(f"the headers of an event have at most {_HEADERS} bytes, and these {len(packed)}")
    lengths = struct.pack(">II", _PRELUDE + len(packed) + len(payload) + 4, len(packed))
    frame = lengths + zlib.crc32(lengths).to_bytes(4, "big") + packed + payload
    return frame + zlib.crc32(frame).to_bytes(4, "big")


def encode_headers(headers: Mapping[str, Header]) -> bytes:
    """Return the headers as a frame holds them. Raises `ValueError` for a name or value that is too long."""
    packed = bytearray()
    for name, value in headers.items():
        raw = name.encode()
        if not 0 < len(raw) < 256:
            raise ValueError(f"the name of a header has 1 to 255 bytes: {name[:80]!r}")
        packed += bytes((len(raw),)) + raw + _encode_value(name, value)
    return bytes(packed)


def _encode_value(name: str, value: Header) -> bytes:
    if isinstance(value, bool):
        return b"\x00" if value else b"\x01"
    if isinstance(value, int):
        short = not isinstance(value, Long) and -(1 << 31) <= value < 1 << 31
        try:
            return struct.pack(">Bi", 4, value) if short else struct.pack(">Bq", 5, value)
        except struct.error:
            raise ValueError(f"header {name} does not fit into 64 bits") from None
    if isinstance(value, datetime):
        return struct.pack(">Bq", 8, (value - _EPOCH) // timedelta(milliseconds=1))
    if isinstance(value, uuid.UUID):
        return b"\x09" + value.bytes
    raw = value.encode() if isinstance(value, str) else bytes(value)
    if len(raw) > 32767:
        raise ValueError(f"header {name} has at most 32,767 bytes, and {len(raw)} were given")
    return struct.pack(">BH", 7 if isinstance(value, str) else 6, len(raw)) + raw


class Decoder:
    """Cuts frames of at most `limit` bytes out of bytes as they come.

    Its `ServiceError` has the code `code`: give it that of the service for a wrong request.
    """

    def __init__(self, *, limit: int = LIMIT, code: str = "SerializationException") -> None:
        self._limit, self._code = limit, code
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Iterate the messages that are complete. Raises `ServiceError` for what is no frame, after them."""
        self._data += data
        while len(self._data) >= _PRELUDE:
            size = self._size()
            if len(self._data) < size:
                return
            message = self._message(bytes(self._data[:size]))
            del self._data[:size]
            yield message

    def close(self) -> None:
        """Raise `ServiceError` when the bytes ended inside a frame."""
        if self._data:
            raise self._wrong(f"it ends inside a frame, {len(self._data)} bytes after its start")

    def _size(self) -> int:
        size, headers = struct.unpack_from(">II", self._data)
        if zlib.crc32(self._data[:8]) != int.from_bytes(self._data[8:_PRELUDE], "big"):
            raise self._wrong("the checksum of a frame's first bytes is wrong")
        if size > self._limit:
            raise self._wrong(
                f"a frame has {size} bytes, and at most {self._limit} are taken: send less at once"
            )
        if headers > _HEADERS or size < _PRELUDE + headers + 4:
            raise self._wrong(f"a frame of {size} bytes cannot have {headers} bytes of headers")
        return int(size)

    def _message(self, frame: bytes) -> Message:
        if zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big"):
            raise self._wrong("the checksum of a frame is wrong")
        end = _PRELUDE + int.from_bytes(frame[4:8], "big")
        try:
            headers = _decode_headers(frame[_PRELUDE:end])
        except (struct.error, IndexError, ValueError, OverflowError) as error:
            raise self._wrong(f"the headers of a frame cannot be read: {error}") from None
        return Message(headers, frame[end:-4])

    def _wrong(self, why: str) -> ServiceError:
        return ServiceError(self._code, f"The event stream cannot be read: {why}")


def _decode_headers(data: bytes) -> dict[str, Header]:
    headers: dict[str, Header] = {}
    position = 0
    while position < len(data):
        end = position + 1 + data[position]
        name = data[position + 1 : end].decode()
        if name in headers or not name or end >= len(data):
            raise ValueError(f"header {name!r} is there twice, has no name or no value")
        headers[name], position = _decode_value(data, data[end], end + 1)
    return headers


def _decode_value(data: bytes, kind: int, start: int) -> tuple[Header, int]:
    if kind in (0, 1):
        return kind == 0, start
    if kind in _WHOLE:
        (value,) = struct.unpack_from(_WHOLE[kind], data, start)
        return (Long(value) if kind == 5 else value), start + struct.calcsize(_WHOLE[kind])
    if kind in (6, 7):
        (size,) = struct.unpack_from(">H", data, start)
        raw = data[start + 2 : start + 2 + size]
        if len(raw) != size:
            raise ValueError("a value is cut off")
        return (raw if kind == 6 else raw.decode()), start + 2 + size
    if kind == 8:
        (milliseconds,) = struct.unpack_from(">q", data, start)
        return _EPOCH + timedelta(milliseconds=milliseconds), start + 8
    if kind == 9:
        return uuid.UUID(bytes=data[start : start + 16]), start + 16
    raise ValueError(f"there is no type {kind} of a value")
