"""Values and types as Athena writes them in results.

Types are those of ColumnInfo; values are texts, NULL is None. Source: the result files and answers of Athena
engine version 3: arrays `[a, b]`, rows `{k=v}`, maps `{k=v}`, times with milliseconds, doubles as Java does.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Print = Callable[[Any], str]

_NAMES = {
    "boolean": "boolean", "tinyint": "tinyint", "smallint": "smallint", "integer": "integer",
    "bigint": "bigint", "utinyint": "smallint", "usmallint": "integer", "uinteger": "bigint",
    "ubigint": "bigint", "hugeint": "bigint", "uhugeint": "bigint",
    "float": "float", "double": "double", "varchar": "varchar", "date": "date",
    "time": "time", "timestamp": "timestamp", "timestamp_s": "timestamp", "timestamp_ms": "timestamp",
    "timestamp_ns": "timestamp", "timestamp with time zone": "timestamp with time zone", "blob": "varbinary",
    "decimal": "decimal", "list": "array", "array": "array", "map": "map", "struct": "row", "tuple": "row",
    "interval": "interval day to second", "uuid": "uuid", "json": "json",
}  # fmt: skip
_HIVE = {
    "boolean": "boolean", "tinyint": "tinyint", "smallint": "smallint", "integer": "int", "bigint": "bigint",
    "float": "float", "double": "double", "varchar": "string", "date": "date", "timestamp": "timestamp",
    "timestamp with time zone": "timestamp", "varbinary": "binary",
}  # fmt: skip


def athena_type(kind: Any) -> str:
    """Return Athena's name of a DuckDB type; "varchar" for one that it has not."""
    return "json" if str(kind) == "JSON" else _NAMES.get(kind.id, "varchar")


def hive_type(kind: Any) -> str:
    """Return the type of a column as Glue and DESCRIBE write it: array<struct<name:string>>."""
    name = athena_type(kind)
    if name == "array":
        return f"array<{hive_type(_item(kind))}>"
    if name == "map":
        key, value = (part for _, part in kind.children)
        return f"map<{hive_type(key)},{hive_type(value)}>"
    if name == "row":
        return f"struct<{','.join(f'{field}:{hive_type(part)}' for field, part in kind.children)}>"
    if name == "decimal":
        return f"decimal({_digits(kind)[0]},{_digits(kind)[1]})"
    return _HIVE.get(name, "string")


def column_info(name: str, kind: Any) -> dict[str, Any]:
    """Return a column as GetQueryResults describes it."""
    sizes = {
        "boolean": 0,
        "integer": 10,
        "bigint": 19,
        "smallint": 5,
        "tinyint": 3,
        "double": 17,
        "float": 17,
    }
    sizes |= {"varchar": 2147483647, "timestamp": 3, "timestamp with time zone": 3}
    precision, scale = _digits(kind) if kind.id == "decimal" else (sizes.get(athena_type(kind), 0), 0)
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": athena_type(kind),
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": athena_type(kind) == "varchar",
    }


def _digits(kind: Any) -> tuple[int, int]:
    parts = dict(kind.children)
    return int(parts["precision"]), int(parts["scale"])


def _item(kind: Any) -> Any:
    return dict(kind.children)["child"]


def printer(kind: Any) -> Print:
    """Return what prints a value, not NULL, of a DuckDB type."""
    name = kind.id
    if name in ("list", "array"):
        item = nullable(printer(_item(kind)))
        return lambda value: f"[{', '.join(map(item, value))}]"
    if name in ("struct", "tuple"):
        fields = [(field, nullable(printer(part))) for field, part in kind.children]
        return lambda value: _row(fields, value)
    if name == "map":
        key, item = (nullable(printer(part)) for _, part in kind.children)
        return lambda value: _map(key, item, value)
    return _PRINT.get(name, str)


def nullable(print_: Print) -> Print:
    """Return what prints a value within another, where NULL is a word."""
    return lambda value: "null" if value is None else print_(value)


def _row(fields: list[tuple[str, Print]], value: Any) -> str:
    values = list(value.values()) if isinstance(value, Mapping) else list(value)
    named = [_field(name, place) for place, (name, _) in enumerate(fields)]
    shown = (f"{name}={print_(item)}" for name, (_, print_), item in zip(named, fields, values, strict=True))
    return f"{{{', '.join(shown)}}}"


def _field(name: str, place: int) -> str:
    return f"field{place}" if name in ("", f"_{place}") else name


def _map(key: Print, item: Print, value: Any) -> str:
    # Keys that Python cannot hold in a dict come as two lists.
    listed = set(value) == {"key", "value"} and isinstance(value["key"], list)
    pairs = zip(value["key"], value["value"], strict=True) if listed else value.items()
    return f"{{{', '.join(f'{key(name)}={item(one)}' for name, one in pairs)}}}"


def double(value: float) -> str:
    """Return a double as Java's Double.toString does: 1.0, 1.0E10, NaN, Infinity."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return _java(repr(value), value)


def real(value: float) -> str:
    """Return a float of 32 bits by its shortest digits."""
    if not math.isfinite(value):
        return double(value)
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == value:
            break
    return _java(repr(float(text)), float(text))


def _java(text: str, value: float) -> str:
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e7:
        return text if "e" not in text else f"{value:.20f}".rstrip("0")
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    written = "".join(map(str, digits))
    power = len(written) - 1 + int(exponent)
    return f"{'-' if sign else ''}{written[0]}.{written[1:] or '0'}E{power}"


def _time(value: dt.datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"


def _zoned(value: dt.datetime) -> str:
    return f"{_time(value.astimezone(dt.UTC))} UTC"


def _interval(value: dt.timedelta) -> str:
    sign, left = ("-", -value) if value < dt.timedelta() else ("", value)
    minutes, seconds = divmod(left.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{left.days} {hours:02d}:{minutes:02d}:{seconds:02d}.{left.microseconds // 1000:03d}"


_PRINT: dict[str, Print] = {
    "boolean": lambda value: "true" if value else "false",
    "double": double,
    "float": real,
    "decimal": lambda value: format(value, "f"),
    "timestamp": _time,
    "timestamp_s": _time,
    "timestamp_ms": _time,
    "timestamp_ns": _time,
    "timestamp with time zone": _zoned,
    "time": lambda value: f"{value:%H:%M:%S}.{value.microsecond // 1000:03d}",
    "blob": lambda value: bytes(value).hex(" "),
    "interval": _interval,
}
