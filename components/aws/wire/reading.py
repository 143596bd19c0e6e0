"""Values read by the shapes of a service's model: checked, and all faults named at once.

Every value is checked for its type, length or range, pattern and enumeration, and every required member for
being there. Each protocol has a reader of its own for what its format does differently. Sources: Smithy's
constraint traits and aws.protocols.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from brume.aws.wire import constraints, timestamps
from brume.aws.wire.requests import RequestError

_INTEGER = re.compile(r"[-+]?[0-9]{1,20}")
_RANGES = {"integer": 31, "long": 63, "bigInteger": 127}
_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_WRONG = object()


def check(shape: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters that are Python values already (bytes, datetimes) as those of a request are.

    Returns them without the members that are None. Raises `RequestError` with all faults.
    """
    return PlainReader().read(shape, value)


class Reader:
    """Collects the faults while it walks the shapes; for values as JSON has them."""

    def __init__(self) -> None:
        self._faults: list[str] = []
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

    def read(self, shape: Any, value: Any) -> dict[str, Any]:
        """Return the members of the structure `shape`. Raises `RequestError` with all faults."""
        found = self.value(shape, value, "")
        self.check()
        return dict(found)

    def check(self) -> None:
        """Raise `RequestError` when faults were found."""
        if self._faults:
            count = len(self._faults)
            listed = self._faults[:20] + ([f"and {count - 20} more"] if count > 20 else [])
            raise RequestError(
                f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(listed)}"
            )

    def fault(self, path: str, message: str) -> Any:
        """Note a fault of the value at `path`; returns the mark of a wrong value."""
        self._faults.append(f"{path or 'the request'} {message}")
        return _WRONG

    @staticmethod
    def is_wrong(value: Any) -> bool:
        """Whether a value that was read is the mark after a fault."""
        return value is _WRONG

    def key(self, name: str, member: Any) -> str:
        """Return the name that a member has in the format."""
        return str(member.serialization.get("name", name))

    def value(self, shape: Any, value: Any, path: str) -> Any:
        """Return `value` as `shape` has it, or a mark after a fault."""
        return self._kinds[shape.type_name](shape, value, path)

    def text(self, member: Any, text: str, path: str) -> Any:
        """Read a scalar from text; a timestamp may have any of the three formats."""
        kind = member.type_name
        if kind == "boolean":
            return text == "true" if text in ("true", "false") else self.fault(path, "must be true or false")
        if kind in _RANGES:
            return (
                self._integer(member, int(text), path) if _INTEGER.fullmatch(text) else self._no_number(path)
            )
        if kind in ("float", "double", "bigDecimal"):
            try:
                return self._float(member, text if text in _SPECIAL_FLOATS else float(text), path)
            except ValueError:
                return self.fault(path, "must be a number")
        return self.value(member, text, path)

    def limits(self, shape: Any, value: Any, path: str) -> Any:
        """Return a value of the right type, or the mark of a wrong one after noting what is wrong."""
        wrong = constraints.broken(shape, value)
        return self.fault(path, wrong) if wrong else value

    def items(self, shape: Any, items: Sequence[Any], path: str, read_one: Callable[[Any, str], Any]) -> Any:
        """Read the items of a list, each by `read_one(item, path)`."""
        found = []
        for index, item in enumerate(items):
            at = f"{path}[{index}]"
            found.append(self.fault(at, "must not be null") if item is None else read_one(item, at))
        return self.limits(shape, found, path)

    def _no_number(self, path: str) -> Any:
        return self.fault(path, "must be a whole number")

    def _structure(self, shape: Any, value: Any, path: str) -> Any:
        if getattr(shape, "is_document_type", False):
            return value
        if not isinstance(value, Mapping):
            return self.fault(path, "must be an object")
        found = {}
        for name, member in shape.members.items():
            if member.serialization.get("eventstream"):
                continue  # it comes after the members
            key = self.key(name, member)
            at = f"{path}.{name}" if path else name
            if value.get(key) is not None:
                found[name] = self.value(member, value[key], at)
            elif name in shape.required_members:
                self.fault(at, "is required")
        if getattr(shape, "is_tagged_union", False) and len(found) != 1:
            return self.fault(path, f"must have exactly one of {', '.join(shape.members)}")
        return found

    def _list(self, shape: Any, value: Any, path: str) -> Any:
        if not isinstance(value, (list, tuple)):
            return self.fault(path, "must be a list")
        return self.items(shape, value, path, lambda item, at: self.value(shape.member, item, at))

    def _map(self, shape: Any, value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            return self.fault(path, "must be an object")
        found = {}
        for key, item in value.items():
            at = f"{path}.{key}"
            name = self.value(shape.key, key, f"{path}, key {key!r},")
            found[name] = (
                self.fault(at, "must not be null") if item is None else self.value(shape.value, item, at)
            )
        return self.limits(shape, found, path)

    def _string(self, shape: Any, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self.fault(path, "must be a string")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return self.fault(path, "has half of a surrogate pair")
        return self.limits(shape, value, path)

    def _blob(self, shape: Any, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return self.fault(path, "must be a string in base64")
        try:
            return self.limits(shape, base64.b64decode(value, validate=True), path)
        except (binascii.Error, ValueError):
            return self.fault(path, "is not base64")

    def _boolean(self, _shape: Any, value: Any, path: str) -> Any:
        return value if isinstance(value, bool) else self.fault(path, "must be true or false")

    def _timestamp(self, _shape: Any, value: Any, path: str) -> Any:
        try:
            return timestamps.parse(value)
        except ValueError:
            return self.fault(path, "is not a timestamp: give seconds since 1970, or 2030-01-31T12:00:00Z")

    def _integer(self, shape: Any, value: Any, path: str) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return self._no_number(path)
        if not -(1 << _RANGES[shape.type_name]) <= value < 1 << _RANGES[shape.type_name]:
            return self.fault(path, f"does not fit into {_RANGES[shape.type_name] + 1} bits")
        return self.limits(shape, value, path)

    def _float(self, shape: Any, value: Any, path: str) -> Any:
        if isinstance(value, str) and value in _SPECIAL_FLOATS:
            return _SPECIAL_FLOATS[value]
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return self.fault(path, "must be a number")
        try:
            return self.limits(shape, float(value), path)
        except OverflowError:
            return self.fault(path, "is too large")


class CborReader(Reader):
    """Reads values as CBOR has them: bytes and times are types of its own; members have the model's names."""

    def key(self, name: str, member: Any) -> str:
        """Return the member's name: other names are for JSON."""
        return name

    def _blob(self, shape: Any, value: Any, path: str) -> Any:
        if not isinstance(value, bytes):
            return self.fault(path, "must be a byte string")
        return self.limits(shape, value, path)

    def _timestamp(self, _shape: Any, value: Any, path: str) -> Any:
        if not isinstance(value, datetime):
            return self.fault(path, "must be a time: seconds since 1970 with tag 1")
        return value


class PlainReader(CborReader):
    """Reads Python values: blobs may be in base64, times have any of the formats; no unknown members."""

    def _structure(self, shape: Any, value: Any, path: str) -> Any:
        found = super()._structure(shape, value, path)
        if isinstance(value, Mapping) and not getattr(shape, "is_document_type", False):
            for name in value.keys() - shape.members.keys():
                self.fault(f"{path}.{name}" if path else name, "is not known")
        return found

    def _blob(self, shape: Any, value: Any, path: str) -> Any:
        if isinstance(value, bytes):
            return self.limits(shape, value, path)
        return Reader._blob(self, shape, value, path)

    def _timestamp(self, shape: Any, value: Any, path: str) -> Any:
        return Reader._timestamp(self, shape, value, path)
