"""What a DICOM file's header says of the slide that it is a part of.

The format: DICOM PS3.10 chapter 7 (the file), PS3.5 chapter 7 (its elements); whole-slide images: PS3.3
A.32.8. Only the elements up to the series are read, so that a file in an object store is not fetched.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_IMPLICIT, _DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
_TRANSFER_SYNTAX = (0x0002, 0x0010)
_IMAGE_TYPE, _CLASS, _SERIES = (0x0008, 0x0008), (0x0008, 0x0016), (0x0020, 0x000E)
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_UNDEFINED = 0xFFFFFFFF
# Value representations whose length takes four bytes, after two reserved ones.
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
# No element before the series is as long; one that claims to be is no DICOM element.
_LONGEST = 64 * 2**20


class DicomError(ValueError):
    """A file that is no DICOM file, or not a whole one; the message gives the reason."""


@dataclass(frozen=True)
class Instance:
    """One DICOM file: the UID of its series, whether it is of a slide, and which image of it.

    ``kind`` is VOLUME for a level of the pyramid, else LABEL, OVERVIEW or THUMBNAIL.
    """

    series: str
    whole_slide: bool
    kind: str


def read_instance(stream: BinaryIO) -> Instance:
    """Read the header of a DICOM file from its start. Raises `DicomError`."""
    if stream.read(132)[128:] != b"DICM":
        raise DicomError("no DICOM file")
    group = _Elements(stream, explicit=True)
    (length,) = struct.unpack("<I", group.value(group.header()[1])[:4].ljust(4, b"\0"))
    meta = io.BytesIO(group.value(length))
    inner, syntax = _Elements(meta, explicit=True), ""
    while meta.tell() < length:
        tag, size = inner.header()
        value = inner.value(size)
        if tag == _TRANSFER_SYNTAX:
            syntax = _text(value)
    if syntax in (_DEFLATED, _BIG_ENDIAN):
        raise DicomError(f"its transfer syntax {syntax} is not read")
    elements = _Elements(stream, explicit=syntax != _IMPLICIT)
    found: dict[tuple[int, int], str] = {}
    tag = (0, 0)
    while tag < _SERIES:
        tag, length = elements.header()
        if tag in (_IMAGE_TYPE, _CLASS, _SERIES):
            found[tag] = _text(elements.value(length))
        elif tag < _SERIES:
            elements.skip(length)
    whole_slide = found.get(_CLASS) == WHOLE_SLIDE
    if whole_slide and not found.get(_SERIES):
        raise DicomError("damaged: its header names no series")
    kinds = found.get(_IMAGE_TYPE, "").split("\\")
    return Instance(found.get(_SERIES, ""), whole_slide, kinds[2] if len(kinds) > 2 else "")


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")


class _Elements:
    """Reads the elements of a data set one after the other."""

    def __init__(self, stream: BinaryIO, explicit: bool) -> None:
        self._stream, self._explicit = stream, explicit

    def header(self) -> tuple[tuple[int, int], int]:
        """Return the next element's tag and the length of its value in bytes."""
        group, element = struct.unpack("<HH", self._read(4))
        if not self._explicit or group == _ITEM[0]:
            return (group, element), struct.unpack("<I", self._read(4))[0]
        kind = self._read(2)
        if kind in _LONG:
            return (group, element), struct.unpack("<2xI", self._read(6))[0]
        return (group, element), struct.unpack("<H", self._read(2))[0]

    def value(self, length: int) -> bytes:
        """Return the value after a header."""
        if length > _LONGEST:
            raise DicomError("damaged: an element of its header has no length")
        return self._read(length)

    def skip(self, length: int) -> None:
        """Pass over the value after a header, a sequence of unknown length among them."""
        if length != _UNDEFINED:
            self.value(length)
            return
        while (found := self.header())[0] != _SEQUENCE_END:
            if found[0] != _ITEM:
                raise DicomError("damaged: a sequence of its header has no end")
            if found[1] != _UNDEFINED:
                self.value(found[1])
                continue
            while (inner := self.header())[0] != _ITEM_END:
                self.skip(inner[1])

    def _read(self, count: int) -> bytes:
        data = self._stream.read(count)
        if len(data) < count:
            raise DicomError("no whole DICOM file: it ends in its header")
        return data
