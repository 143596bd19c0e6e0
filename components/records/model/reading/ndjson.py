"""Read the JSON objects of a file that should have one on each line, and mend what is otherwise.

Mended: empty lines, byte-order marks, UTF-16, bytes that are no UTF-8 (read as Windows-1252), an object over
several lines or with line breaks within its texts, several objects on a line, a list instead of lines, text
before an object. Anything else is set aside with its line. An object that never ends costs only itself: the
next line that begins one, at its first character, is read as one. Memory is bounded by one object.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NoReturn, cast

import orjson

MOST = 64 << 20  # bytes of one object
DEEPEST = 100  # levels of objects and lists in one object
_LEVELS = 254  # that orjson writes at most

# Between objects: of a list of them, of JSON text sequences (RFC 7464).
_SEPARATED = re.compile(rb"[\s,\[\]\x1e]*")
_BLANK = b" \t\r\n\x1e"
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(")?|([{}\[\]])', re.DOTALL)
_TEXT_END = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*(")?', re.DOTALL)
_BEGINS = re.compile(rb'\{\s*(?:"|$)')


@dataclass(frozen=True)
class Found:
    """An object, its text, and the line that it begins in."""

    line: int
    text: str
    value: dict[str, Any]


@dataclass(frozen=True)
class Repair:
    """Something that was mended in a line."""

    line: int
    what: str


@dataclass(frozen=True)
class Fault:
    """Something that was set aside; nothing of its text is in the reason."""

    line: int
    reason: str
    remedy: str


Item = Found | Repair | Fault


def read(stream: BinaryIO) -> Iterator[Item]:
    """Iterate what a stream of bytes holds, in its order; it has `peek`, as a `BufferedReader` has."""
    start = stream.peek(4)[:4]  # type: ignore[attr-defined]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and start != codecs.BOM_UTF32_LE:
        yield Repair(1, "a file in UTF-16")
        stream = cast(BinaryIO, codecs.EncodedFile(stream, "utf-8", "utf-16", "replace"))
    reader = _Reader()
    for number, line in _lines(stream):
        if line is None:
            yield from reader.end()
            yield Fault(number, f"the line is longer than {MOST >> 20} MiB", "split the resource")
        else:
            yield from reader.line(number, line)
    yield from reader.end()


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Iterate the lines with their numbers, from 1; None for one that is too long."""
    number = 0
    while line := stream.readline(MOST + 1):
        number += 1
        if len(line) > MOST:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MOST)
            yield number, None
        else:
            yield number, line


@dataclass
class _Open:
    """An object that has begun and not ended."""

    line: int
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    depth: int = 0
    in_text: bool = False

    def take(self, line: bytes, start: int) -> int:
        """Add what a line has from `start` up to the object's end; returns where that is, or -1."""
        at = start
        if self.in_text:
            at = _end(match := _TEXT_END.match(line, at))
            self.in_text = not (match and match[1])
        while not self.in_text and (match := _TOKEN.search(line, at)):
            at = match.end()
            if match[2] is None:
                self.in_text = not match[1]
            else:
                self.depth += 1 if match[2] in b"{[" else -1
                if self.depth == 0:
                    self.pieces.append(line[start:at])
                    return at
        self.pieces.append(line[start:])
        self.size += len(line) - start
        return -1

    def is_followed_by(self, line: bytes) -> bool:
        """Return whether a line begins another object, so that this one has no end."""
        if not line.startswith(b"{"):
            return False
        one_by_one = self.pieces[0].strip() == b"{"  # printed with a line for each brace
        indented = len(self.pieces) > 1 and self.pieces[1][:1] in (b" ", b"\t")
        return not one_by_one or indented or _is_resource(line)


def _end(match: re.Match[bytes] | None) -> int:
    """Return the end of a match of an expression that matches anything."""
    assert match is not None
    return match.end()


def _is_resource(line: bytes) -> bool:
    try:
        value = orjson.loads(line)
    except ValueError:
        return False
    return isinstance(value, dict) and "resourceType" in value


class _Reader:
    """Takes one line after the other."""

    def __init__(self) -> None:
        self._open: _Open | None = None
        self._skips = False  # what follows an object that was too long

    def line(self, number: int, line: bytes) -> Iterator[Item]:
        """Take a line; yields what ends in it."""
        if line.startswith(codecs.BOM_UTF8):
            yield Repair(number, "a byte-order mark")
            line = line[len(codecs.BOM_UTF8) :]
        if self._open and self._open.is_followed_by(line):
            yield from self.end()
        if self._skips and not line.startswith(b"{"):
            return
        self._skips = False
        yield from self._objects(number, line) if self._open else self._begin(number, line)

    def end(self) -> Iterator[Item]:
        """Set aside what has not ended."""
        if self._open:
            yield Fault(self._open.line, "a resource begins here and has no end", "export the file again")
        self._open = None

    def _begin(self, number: int, line: bytes) -> Iterator[Item]:
        if not line.strip(_BLANK):
            yield Repair(number, "an empty line")
            return
        text = line.strip(_BLANK)
        try:
            value = orjson.loads(text)
        except ValueError:
            value = None
        if isinstance(value, dict):
            yield _found(number, text.decode(), value)
        else:
            yield from self._objects(number, line)

    def _objects(self, number: int, line: bytes) -> Iterator[Item]:
        """Yield the objects of a line that is not one object, and what is between them."""
        at = count = 0
        while True:
            if self._open is None:
                begin = _end(_SEPARATED.match(line, at))
                if begin == len(line):
                    if not count:
                        yield Repair(number, "brackets and commas of a list")
                    return
                match = _BEGINS.search(line, begin)
                if match is None:
                    yield Fault(number, "the line is no JSON object", "leave out what is no resource")
                    return
                if match.start() > begin:
                    yield Repair(number, "text before a resource")
                if count:
                    yield Repair(number, "several resources on a line")
                self._open, at = _Open(number), match.start()
            count += 1
            current = self._open
            at = current.take(line, at)
            if at < 0:
                if current.size > MOST:
                    self._open, self._skips = None, True
                    reason = f"a resource begins here and is longer than {MOST >> 20} MiB"
                    yield Fault(current.line, reason, "split it, or mend its brackets and quotes")
                return
            self._open = None
            if number > current.line:
                yield Repair(current.line, "a resource over several lines")
            yield from _parse(current.line, b"".join(current.pieces).strip())


def _parse(line: int, data: bytes) -> Iterator[Item]:
    """Yield the object of a text whose brackets fit."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
        yield Repair(line, "bytes that are no UTF-8, read as Windows-1252")
    try:
        yield _found(line, text, orjson.loads(text))
        return
    except ValueError:
        pass
    try:
        lenient = json.loads(text, strict=False, parse_constant=_refuse)
        clean = json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace")  # no half surrogates
        value = orjson.loads(clean)
    except (ValueError, RecursionError):
        yield Fault(line, "a resource begins here and is no valid JSON", "export the resource again")
        return
    yield Repair(line, "characters within a text that JSON does not allow")
    yield _found(line, clean.decode(), value)


def _found(line: int, text: str, value: dict[str, Any]) -> Found | Fault:
    """Return an object, or the fault of one that nests deeper than what goes through it by recursion may."""
    if text.count("{") + text.count("[") > DEEPEST:
        nested: Any = value
        for _ in range(_LEVELS - DEEPEST):
            nested = [nested]
        try:
            orjson.dumps(nested)
        except TypeError:
            return Fault(line, f"a resource begins here and nests over {DEEPEST} levels deep", "flatten it")
    return Found(line, text, value)


def _refuse(_: str) -> NoReturn:
    raise ValueError("a number that JSON does not have")
