"""Reads files of RDF as quads: each wrong line is named, and blank nodes are the same at each reading.

A blank node is named after its file and its label, or its number among those of the file: a file that is
loaded again adds nothing. Files may be compressed by gzip or bzip2.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pyoxigraph import BlankNode, DefaultGraph, NamedNode, Quad, RdfFormat, Triple, parse

from brume import inflating

FORMATS = {
    "nquads": RdfFormat.N_QUADS,
    "ntriples": RdfFormat.N_TRIPLES,
    "turtle": RdfFormat.TURTLE,
    "rdfxml": RdfFormat.RDF_XML,
}
_BY_LINE = ("nquads", "ntriples")
_BLOCK = 1 << 20
_LINE = 16 << 20  # bytes of a line, as of the parser's buffer
_BEGINS = b"<!ENTITY"
_ENTITY = re.compile(rb"<!ENTITY\s+[^\s\"]{1,100}\s+\"[^\"&]{0,300}\"")  # one that stands for little
_LONGEST = 500  # bytes in which such a one ends: they are looked at before its beginning is passed on
_MOST_ERRORS = 10_000  # that are kept; all are counted
_MESSAGE = 200  # characters of a parser's reason


@dataclass(frozen=True)
class FileError:
    """What is wrong with a file: the line, counted from 1 (0: not known), and why."""

    line: int
    reason: str


@dataclass
class Reading:
    """What was read of a file."""

    records: int = 0
    wrong: int = 0
    errors: list[FileError] = field(default_factory=list)

    def note(self, line: int, reason: str) -> None:
        """Count an error."""
        self.wrong += 1
        if len(self.errors) < _MOST_ERRORS:
            self.errors.append(FileError(line, reason[:_MESSAGE]))


class StoppedError(Exception):
    """A file that was read to its first error; `Reading` has it."""


@dataclass(frozen=True)
class Source:
    """A file to read. `name` stands for it in the ids of blank nodes; `graph` is that of its triples.

    `tolerant` reads on after a wrong line of N-Quads or N-Triples; other formats cannot.
    """

    path: Path
    format: str
    name: str
    graph: str = ""
    base: str = ""
    tolerant: bool = False


def read(source: Source, reading: Reading) -> Iterator[Quad]:
    """Yield the quads of a file, and count what was read. Raises `StoppedError`, `OSError`."""
    with _opened(source.path) as stream:
        graph = NamedNode(source.graph) if source.graph else None
        quads = (
            _by_line(stream, source, reading)
            if source.format in _BY_LINE
            else _whole(stream, source, reading)
        )
        try:
            for quad in quads:
                reading.records += 1
                if graph is not None and isinstance(quad.graph_name, DefaultGraph):
                    quad = Quad(quad.subject, quad.predicate, quad.object, graph)
                yield quad
        except inflating.InflationError as error:
            reading.note(0, f"{error}; {error.remedy}")
            raise StoppedError from error
        except _EntityError as error:
            reading.note(0, str(error))
            raise StoppedError from error
        except MemoryError as error:  # of the parser, for a term that is longer than its buffer
            reading.note(0, f"a term is too long to be read: {error}")
            raise StoppedError from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, and what it stands for if it is compressed."""
    with path.open("rb") as raw:
        start = raw.read(3)
        raw.seek(0)
        packed = next((one for one in (inflating.GZIP, inflating.BZIP2) if start.startswith(one)), b"")
        yield inflating.inflated(raw, packed) if packed else raw


class _EntityError(ValueError):
    """RDF/XML whose entities may stand for more than any machine has."""


class _Checked(io.RawIOBase):
    """RDF/XML without entities of entities, which double with each level, and without long ones.

    The parser takes both, in a DOCTYPE anywhere in the file.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._waiting = stream, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer. Raises `_EntityError`."""
        data, more = self._waiting, b"-"
        while more and len(data) < len(buffer) + _LONGEST:
            data += (more := self._stream.read(_BLOCK))
        cut = min(len(buffer), len(data))
        at = data.find(_BEGINS)
        while 0 <= at < cut:
            if not _ENTITY.match(data, at):
                raise _EntityError("an entity of its DOCTYPE names another, or is long: write it out")
            at = data.find(_BEGINS, at + 1)
        buffer[:cut], self._waiting = data[:cut], data[cut:]
        return cut


def _whole(stream: IO[bytes], source: Source, reading: Reading) -> Iterator[Quad]:
    numbers: dict[str, BlankNode] = {}

    def numbered(node: BlankNode) -> BlankNode:
        if node.value not in numbers:
            numbers[node.value] = _blank(source.name, str(len(numbers)))
        return numbers[node.value]

    checked = io.BufferedReader(_Checked(stream), _BLOCK) if source.format == "rdfxml" else stream
    try:
        for quad in parse(checked, FORMATS[source.format], base_iri=source.base or None):
            yield _renamed(quad, numbered)
    except SyntaxError as error:
        _note(reading, error, 0)
        raise StoppedError from error


def _by_line(stream: IO[bytes], source: Source, reading: Reading) -> Iterator[Quad]:
    kind = FORMATS[source.format]

    def labelled(node: BlankNode) -> BlankNode:
        return _blank(source.name, "_:" + node.value)

    first = 1  # the number of a block's first line
    while block := stream.read(_BLOCK):
        block += stream.readline(_LINE)
        if len(block) >= _LINE and not block.endswith(b"\n"):
            line = first + block.count(b"\n")
            reading.note(line, f"the line is longer than {_LINE >> 20} MiB")
            raise StoppedError
        rename = b"_:" in block
        try:
            quads = list(parse(block, kind))
        except SyntaxError:
            quads = list(_single_lines(block, first, kind, source, reading))
        for quad in quads:
            yield _renamed(quad, labelled) if rename else quad
        if reading.wrong and not source.tolerant:
            raise StoppedError
        first += block.count(b"\n")


def _single_lines(
    block: bytes, first: int, kind: RdfFormat, source: Source, reading: Reading
) -> Iterator[Quad]:
    for place, line in enumerate(block.splitlines(keepends=True)):
        try:
            yield from parse(line, kind)
        except SyntaxError as error:
            _note(reading, error, first + place)
            if not source.tolerant:
                return


def _note(reading: Reading, error: SyntaxError, line: int) -> None:
    reason = str(error.msg).partition(": ")
    place = f"column {error.offset}: " if error.offset else ""
    reading.note(line or error.lineno or 0, place + (reason[2] or reason[0]))


def _renamed(quad: Quad, rename: Callable[[BlankNode], BlankNode]) -> Quad:
    subject, value, graph = quad.subject, quad.object, quad.graph_name
    if isinstance(subject, BlankNode):
        subject = rename(subject)
    if isinstance(value, BlankNode):
        value = rename(value)
    elif isinstance(value, Triple):
        value = _renamed_triple(value, rename)
    if isinstance(graph, BlankNode):
        graph = rename(graph)
    return Quad(subject, quad.predicate, value, graph)


def _renamed_triple(triple: Triple, rename: Callable[[BlankNode], BlankNode]) -> Triple:
    subject, value = triple.subject, triple.object
    if isinstance(subject, BlankNode):
        subject = rename(subject)
    if isinstance(value, BlankNode):
        value = rename(value)
    elif isinstance(value, Triple):
        value = _renamed_triple(value, rename)
    return Triple(subject, triple.predicate, value)


def _blank(file: str, label: str) -> BlankNode:
    return BlankNode("b" + hashlib.sha256(f"{len(file)}:{file}{label}".encode()).hexdigest()[:32])
