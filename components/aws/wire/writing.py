"""Values of an engine's output, written by the shapes of a model for JSON and for CBOR."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import cbor2

from brume.aws.wire import timestamps


class OutputError(TypeError):
    """What an engine's method returned does not fit the output shape: a fault of the engine."""


def require_known(shape: Any, given: Mapping[str, Any], path: str) -> None:
    """Raise `OutputError` for members that `shape` does not have."""
    unknown = [name for name in given if name not in shape.members]
    if unknown:
        raise OutputError(f"{path} has no member {', '.join(map(str, unknown))}")


def to_bytes(value: Any, path: str) -> bytes:
    """Return a blob. Raises `OutputError` for what is not bytes."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise OutputError(f"{path} must be bytes, not {type(value).__name__}")


def scalar_text(shape: Any, value: Any, path: str, times: str) -> str:
    """Return a scalar as text, as headers and XML have it; `times` is the format of timestamps."""
    kind = shape.type_name
    try:
        if kind == "timestamp":
            return str(timestamps.write(value, shape.serialization.get("timestampFormat", times)))
        if kind == "boolean":
            return "true" if value else "false"
        if kind == "blob":
            return base64.b64encode(to_bytes(value, path)).decode()
        if kind in ("integer", "long", "bigInteger"):
            return str(int(value))
        if kind in ("float", "double", "bigDecimal"):
            return str(special_float(float(value)))
    except (TypeError, ValueError) as error:
        raise OutputError(f"{path} is no {kind}: {type(value).__name__} ({error})") from error
    if not isinstance(value, str):
        raise OutputError(f"{path} must be a string, not {type(value).__name__}")
    return value


def special_float(number: float) -> float | str:
    """Return a number as JSON and XML write it: NaN and the infinities are words."""
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else ("Infinity" if number > 0 else "-Infinity")


class Writer:
    """Makes of an output what JSON holds."""

    def key(self, name: str, member: Any) -> str:
        """Return the name that a member has in the format."""
        return str(member.serialization.get("name", name))

    def value(self, shape: Any, value: Any, path: str) -> Any:
        """Return what the format holds for `value`. Raises `OutputError` for a value of another type."""
        kind = shape.type_name
        try:
            if kind == "structure":
                if getattr(shape, "is_document_type", False):
                    return value
                require_known(shape, value, path)
                return {
                    self.key(name, shape.members[name]): self.value(
                        shape.members[name], item, f"{path}.{name}"
                    )
                    for name, item in value.items()
                    if item is not None and not shape.members[name].serialization.get("eventstream")
                }
            if kind == "list":
                if isinstance(value, (str, bytes)):
                    raise OutputError(f"{path} must be a list, not {type(value).__name__}")
                return [
                    self.value(shape.member, item, f"{path}[{index}]") for index, item in enumerate(value)
                ]
            if kind == "map":
                return {
                    str(key): self.value(shape.value, item, f"{path}.{key}") for key, item in value.items()
                }
            return self.scalar(shape, value, path)
        except (AttributeError, ValueError) as error:
            raise OutputError(f"{path} is no {kind}: {type(value).__name__} ({error})") from error

    def scalar(self, shape: Any, value: Any, path: str) -> Any:
        """Return what the format holds for a scalar."""
        kind = shape.type_name
        if kind == "blob":
            return base64.b64encode(to_bytes(value, path)).decode()
        if kind == "timestamp":
            return timestamps.write(value, shape.serialization.get("timestampFormat", timestamps.UNIX))
        if kind in ("integer", "long", "bigInteger"):
            return int(value)
        if kind in ("float", "double", "bigDecimal"):
            return special_float(float(value))
        if kind == "boolean":
            return bool(value)
        if not isinstance(value, str):
            raise OutputError(f"{path} must be a string, not {type(value).__name__}")
        return str(value)


class CborWriter(Writer):
    """Makes of an output what CBOR holds."""

    def key(self, name: str, member: Any) -> str:
        """Return the member's name: other names are for JSON."""
        return name

    def scalar(self, shape: Any, value: Any, path: str) -> Any:
        """Return what CBOR holds for a scalar."""
        kind = shape.type_name
        if kind == "blob":
            return to_bytes(value, path)
        if kind == "timestamp":
            return cbor2.CBORTag(1, timestamps.write(value, timestamps.UNIX))
        if kind in ("float", "double", "bigDecimal"):
            return float(value)
        return super().scalar(shape, value, path)
