"""Arrow's types written as Apache Hive's, for AWS Glue and Athena.

Athena knows names in lower case alone, and a type is one text in which `:`, `,`, `<` and `>` have their
meaning. A field that Athena could not read, or whose name is taken by another in lower case, is left out of
its struct and reported: it would make the whole table unreadable. Flat tables hold all attributes in maps.

Source: the Glue Data Catalog's type names and the type grammar of Hive's TypeInfoUtils.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa

from brume.labels.model.schema import COUNT, FLAG, NUMBER, TEXT, WHOLE

_NAME = re.compile(r"[A-Za-z0-9_.$-]+")
_TYPES = {TEXT: "string", NUMBER: "double", WHOLE: "bigint", COUNT: "int", FLAG: "boolean"}


def columns(schema: Iterable[pa.Field], left_out: set[str]) -> list[dict[str, str]]:
    """Return columns as Glue's Column structures; the paths of fields left out are added to `left_out`."""
    return [
        {"Name": column.name.lower(), "Type": _hive(column.type, column.name, left_out)} for column in schema
    ]


def _hive(kind: pa.DataType, path: str, left_out: set[str]) -> str:
    if pa.types.is_list(kind):
        return f"array<{_hive(kind.value_type, path, left_out)}>"
    if pa.types.is_map(kind):
        return f"map<{_hive(kind.key_type, path, left_out)},{_hive(kind.item_type, path, left_out)}>"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if not pa.types.is_struct(kind):
        return _TYPES[kind]
    parts: dict[str, str] = {}
    for part in kind:
        name, place = part.name.lower(), f"{path}.{part.name}"
        if name in parts or not _NAME.fullmatch(name):
            left_out.add(place)
        elif held := _hive(part.type, place, left_out):
            parts[name] = f"{name}:{held}"
    return f"struct<{','.join(parts.values())}>" if parts else ""
