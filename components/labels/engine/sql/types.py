"""Types of columns as Athena names them in results, and Hive in its catalog."""

from __future__ import annotations

from typing import Any

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

_PRECISIONS = {
    "integer": 10, "bigint": 19, "smallint": 5, "tinyint": 3, "double": 17, "float": 17,
    "varchar": 2147483647, "timestamp": 3, "timestamp with time zone": 3,
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
    """Return a column of a DuckDB type as GetQueryResults describes it."""
    precision, scale = _digits(kind) if kind.id == "decimal" else (_PRECISIONS.get(athena_type(kind), 0), 0)
    return text_column(name, athena_type(kind)) | {"Precision": precision, "Scale": scale}


def text_column(name: str, kind: str = "varchar") -> dict[str, Any]:
    """Return a column of text as GetQueryResults describes it; SHOW and DESCRIBE call the type string."""
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": kind,
        "Precision": _PRECISIONS.get(kind, 0),
        "Scale": 0,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind == "varchar",
    }


def _digits(kind: Any) -> tuple[int, int]:
    parts = dict(kind.children)
    return int(parts["precision"]), int(parts["scale"])


def _item(kind: Any) -> Any:
    return dict(kind.children)["child"]
