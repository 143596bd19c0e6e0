"""The two formats of bodies and events that hold a tree of values: JSON and CBOR."""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from typing import Any

import cbor2

from brume.aws.wire.reading import CborReader, Reader
from brume.aws.wire.requests import BodyError
from brume.aws.wire.writing import CborWriter, Writer


class Format(ABC):
    """One format: `media` is its content type."""

    media: str
    writer: Writer

    @abstractmethod
    def reader(self) -> Reader:
        """Return a new reader of values."""

    @abstractmethod
    def loads(self, body: bytes) -> Any:
        """Return the values of a body, an empty structure for an empty one. Raises `BodyError`."""

    @abstractmethod
    def dumps(self, values: Any) -> bytes:
        """Return the bytes of what the writer made."""

    def write(self, shape: Any, value: Any, path: str) -> bytes:
        """Return the bytes of a value. Raises `OutputError` when it does not fit its shape."""
        return self.dumps(self.writer.value(shape, value, path))


class Json(Format):
    """JSON in UTF-8."""

    media = "application/json"
    writer = Writer()

    def reader(self) -> Reader:
        """Return a new reader of values."""
        return Reader()

    def loads(self, body: bytes) -> Any:
        """Return the values of a body, an empty structure for an empty one. Raises `BodyError`."""
        if not body.strip():
            return {}
        try:
            return json.loads(body.decode(), parse_constant=_no_constant)
        except UnicodeDecodeError:
            raise BodyError("the body is not JSON in UTF-8") from None
        except (ValueError, RecursionError) as error:
            raise BodyError(f"the body is not JSON: {error}") from None

    def dumps(self, values: Any) -> bytes:
        """Return JSON without spaces."""
        return json.dumps(values, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


class Cbor(Format):
    """CBOR (RFC 8949) as Smithy's rpcv2Cbor restricts it: of the tags only 1, a time."""

    media = "application/cbor"
    writer = CborWriter()

    def reader(self) -> Reader:
        """Return a new reader of values."""
        return CborReader()

    def loads(self, body: bytes) -> Any:
        """Return the values of a body, an empty structure for an empty one. Raises `BodyError`."""
        if not body:
            return {}
        stream = io.BytesIO(body)
        try:
            values = cbor2.load(
                stream, strict_hashable_types=True, semantic_decoders={28: _no_reference, 29: _no_reference}
            )
        except (cbor2.CBORDecodeError, ValueError, RecursionError, OverflowError, TypeError) as error:
            raise BodyError(f"the body is not CBOR: {error}") from None
        if stream.read(1):
            raise BodyError("the body is not CBOR: there are bytes after its one value")
        return values

    def dumps(self, values: Any) -> bytes:
        """Return CBOR with definite lengths."""
        return cbor2.dumps(values)


def _no_reference(*_arguments: Any) -> Any:
    raise ValueError("a reference to another value")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


JSON, CBOR = Json(), Cbor()
