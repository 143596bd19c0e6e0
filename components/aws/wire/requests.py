"""A request by its operation's input shape: parsed, checked, and all faults told at once.

Members come from the path, the query, headers, or the body, as the model places them. Every value is checked
for its type, length or range, pattern and enumeration, and every required member for being there. Sources:
Smithy's aws.protocols (restJson1, awsJson1_0, awsJson1_1) and its constraint traits.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from brume.aws.wire import constraints, timestamps

_INTEGER = re.compile(r"[-+]?[0-9]{1,20}")
_RANGES = {"integer": 31, "long": 63, "bigInteger": 127}
_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MISSING = object()
_WRONG = object()


class RequestError(ValueError):
    """A request that does not fit its shape; the message names every wrong member by its path."""


class BodyError(ValueError):
    """A body that is not the JSON that the protocol asks for."""


@dataclass(frozen=True)
class HttpRequest:
    """The parts of an HTTP request that a protocol reads; header names in lower case, query decoded."""

    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    labels: Mapping[str, str]


def read(operation: Any, request: HttpRequest, protocol: str) -> dict[str, Any]:
    """Return the parameters of `operation` as its input shape has them, bytes for blobs, datetimes in UTC.

    Raises `RequestError` with all faults, and `BodyError` for a body that is not JSON.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    reader = _Reader()
    if protocol == "rest-json":
        found = reader.rest(shape, request)
    else:
        found = reader.value(shape, _json(request.body), "")
    reader.check()
    return dict(found)


def check(shape: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters that are Python values already (bytes, datetimes) as `read` does what came by HTTP.

    Returns them without the members that are None. Raises `RequestError` with all faults.
    """
    reader = _Reader(plain=True)
    found = reader.value(shape, value, "")
    reader.check()
    return dict(found)


def _json(body: bytes) -> Any:
    if not body.strip():
        return {}
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise BodyError("the body is not JSON in UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise BodyError(f"the body is not JSON: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class _Reader:
    """Collects the faults while it walks the shapes. With `plain`, scalars are Python values already."""

    def __init__(self, *, plain: bool = False) -> None:
        self._faults: list[str] = []
        self._plain = plain
        self._kinds: dict[str, Callable[[Any, Any, str], Any]] = {
            "structure": self._structure,
            "list": self._list,
            "map": self._map,
            "string": self._string,
            "character": self._string,
            "blob": self._blob,
            "boolean": self._boolean,
            "timestamp": self._timestamp,
            "integer": self._integer,
            "long": self._integer,
            "bigInteger": self._integer,
            "float": self._float,
            "double": self._float,
            "bigDecimal": self._float,
        }

    def check(self) -> None:
        """Raise `RequestError` when faults were found."""
        if self._faults:
            count = len(self._faults)
            listed = self._faults[:20] + ([f"and {count - 20} more"] if count > 20 else [])
            raise RequestError(
                f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(listed)}"
            )

    def _fault(self, path: str, message: str) -> Any:
        self._faults.append(f"{path or 'the request'} {message}")
        return _WRONG

    # Where members come from.

    def rest(self, shape: Any, request: HttpRequest) -> dict[str, Any]:
        """Read the members of a rest-json input from where the model places each."""
        payload = shape.serialization.get("payload")
        unplaced = {
            name: member for name, member in shape.members.items() if "location" not in member.serialization
        }
        body: Any = {}
        if payload is None and unplaced:
            body = _json(request.body)
            if not isinstance(body, dict):
                raise BodyError("the body must be a JSON object")
        found = {}
        for name, member in shape.members.items():
            if name == payload:
                value = self._payload(member, request, name)
            elif name in unplaced:
                key = member.serialization.get("name", name)
                given = body.get(key)
                value = _MISSING if given is None else self.value(member, given, name)
            else:
                value = self._placed(member, request, name)
            if value is not _MISSING and value is not _WRONG:
                found[name] = value
            elif value is _MISSING and name in shape.required_members:
                self._fault(name, "is required")
        return found

    def _payload(self, member: Any, request: HttpRequest, name: str) -> Any:
        if member.type_name == "blob":
            return self._limits(member, request.body, name) if request.body else _MISSING
        if member.type_name == "string":
            if not request.body:
                return _MISSING
            try:
                return self._limits(member, request.body.decode(), name)
            except UnicodeDecodeError:
                return self._fault(name, "is not UTF-8")
        return self.value(member, _json(request.body), name) if request.body.strip() else _MISSING

    def _placed(self, member: Any, request: HttpRequest, name: str) -> Any:
        """Read a member from the path, the query or the headers."""
        where = member.serialization["location"]
        key = member.serialization.get("name", name)
        if where == "uri":
            try:
                return self._text(member, unquote(request.labels[key], errors="strict"), name, timestamps.ISO)
            except UnicodeDecodeError:
                return self._fault(name, "is not UTF-8")
        if where == "querystring":
            return self._queried(member, request.query, name, key)
        if where == "headers":
            prefix = key.lower()
            entries = {
                header[len(prefix) :]: text
                for header, text in request.headers.items()
                if header.startswith(prefix)
            }
            return self.value(member, entries, name) if entries else _MISSING
        text = request.headers.get(key.lower())
        return _MISSING if text is None else self._header(member, text, name)

    def _queried(self, member: Any, query: Sequence[tuple[str, str]], name: str, key: str) -> Any:
        if member.type_name == "map":
            return self._query_map(member, query, name)
        texts = [text for other, text in query if other == key]
        if not texts:
            return _MISSING
        if member.type_name != "list":
            return self._text(member, texts[0], name, timestamps.ISO)
        return self._items(
            member, texts, name, lambda text, at: self._text(member.member, text, at, timestamps.ISO)
        )

    def _query_map(self, member: Any, query: Iterable[tuple[str, str]], name: str) -> Any:
        """Every parameter is an entry: the model places such a map beside no other parameter of the query."""
        entries: dict[str, Any] = {}
        for key, text in query:
            if member.value.type_name == "list":
                entries.setdefault(key, []).append(text)
            else:
                entries.setdefault(key, text)
        return self.value(member, entries, name) if entries else _MISSING

    def _header(self, member: Any, text: str, name: str) -> Any:
        if member.type_name == "list":
            fields = next(
                csv.reader(io.StringIO(text), skipinitialspace=True, escapechar="\\", doublequote=False), []
            )
            if member.member.type_name == "timestamp":  # a date of this form has a comma of its own
                fields = [", ".join(pair) for pair in zip(fields[::2], fields[1::2], strict=False)]
            return self._items(
                member, fields, name, lambda field, at: self._text(member.member, field, at, timestamps.HTTP)
            )
        if member.serialization.get("jsonvalue"):
            try:
                return json.loads(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):
                return self._fault(name, "is not JSON in base64")
        return self._text(member, text, name, timestamps.HTTP)

    def _text(self, member: Any, text: str, path: str, form: str) -> Any:
        """Read a scalar from text; a timestamp may have any of the three formats."""
        kind = member.type_name
        if kind == "boolean":
            return text == "true" if text in ("true", "false") else self._fault(path, "must be true or false")
        if kind in _RANGES:
            return (
                self._integer(member, int(text), path) if _INTEGER.fullmatch(text) else self._no_number(path)
            )
        if kind in ("float", "double", "bigDecimal"):
            try:
                return self._float(member, text if text in _SPECIAL_FLOATS else float(text), path)
            except ValueError:
                return self._fault(path, "must be a number")
        return self.value(member, text, path)

    def _no_number(self, path: str) -> Any:
        return self._fault(path, "must be a whole number")

    # What values may be.

    def value(self, shape: Any, value: Any, path: str) -> Any:
        """Return `value` as `shape` has it, or a mark after a fault."""
        return self._kinds[shape.type_name](shape, value, path)

    def _structure(self, shape: Any, value: Any, path: str) -> Any:
        if getattr(shape, "is_document_type", False):
            return value
        if not isinstance(value, Mapping):
            return self._fault(path, "must be an object")
        found = {}
        for name, member in shape.members.items():
            key = name if self._plain else member.serialization.get("name", name)
            at = f"{path}.{name}" if path else name
            if value.get(key) is not None:
                found[name] = self.value(member, value[key], at)
            elif name in shape.required_members:
                self._fault(at, "is required")
        if self._plain:
            for name in value.keys() - shape.members.keys():
                self._fault(f"{path}.{name}" if path else name, "is not known")
        if getattr(shape, "is_tagged_union", False) and len(found) != 1:
            return self._fault(path, f"must have exactly one of {', '.join(shape.members)}")
        return found

    def _list(self, shape: Any, value: Any, path: str) -> Any:
        if not isinstance(value, (list, tuple)):
            return self._fault(path, "must be a list")
        return self._items(shape, value, path, lambda item, at: self.value(shape.member, item, at))

    def _items(self, shape: Any, items: Sequence[Any], path: str, read_one: Callable[[Any, str], Any]) -> Any:
        found = []
        for index, item in enumerate(items):
            at = f"{path}[{index}]"
            found.append(self._fault(at, "must not be null") if item is None else read_one(item, at))
        return self._limits(shape, found, path)

    def _map(self, shape: Any, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            return self._fault(path, "must be an object")
        found = {}
        for key, item in value.items():
            at = f"{path}.{key}"
            name = self.value(shape.key, key, f"{path}, key {key!r},")
            found[name] = (
                self._fault(at, "must not be null") if item is None else self.value(shape.value, item, at)
            )
        return self._limits(shape, found, path)

    def _string(self, shape: Any, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self._fault(path, "must be a string")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return self._fault(path, "has half of a surrogate pair")
        return self._limits(shape, value, path)

    def _blob(self, shape: Any, value: Any, path: str) -> Any:
        if self._plain and isinstance(value, bytes):
            return self._limits(shape, value, path)
        if not isinstance(value, str):
            return self._fault(path, "must be a string in base64")
        try:
            return self._limits(shape, base64.b64decode(value, validate=True), path)
        except (binascii.Error, ValueError):
            return self._fault(path, "is not base64")

    def _boolean(self, _shape: Any, value: Any, path: str) -> Any:
        return value if isinstance(value, bool) else self._fault(path, "must be true or false")

    def _timestamp(self, _shape: Any, value: Any, path: str) -> Any:
        try:
            return timestamps.parse(value)
        except ValueError:
            return self._fault(path, "is not a timestamp: give seconds since 1970, or 2030-01-31T12:00:00Z")

    def _integer(self, shape: Any, value: Any, path: str) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return self._no_number(path)
        if not -(1 << _RANGES[shape.type_name]) <= value < 1 << _RANGES[shape.type_name]:
            return self._fault(path, f"does not fit into {_RANGES[shape.type_name] + 1} bits")
        return self._limits(shape, value, path)

    def _float(self, shape: Any, value: Any, path: str) -> Any:
        if isinstance(value, str) and value in _SPECIAL_FLOATS:
            return _SPECIAL_FLOATS[value]
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return self._fault(path, "must be a number")
        try:
            return self._limits(shape, float(value), path)
        except OverflowError:
            return self._fault(path, "is too large")

    def _limits(self, shape: Any, value: Any, path: str) -> Any:
        wrong = constraints.broken(shape, value)
        return self._fault(path, wrong) if wrong else value
