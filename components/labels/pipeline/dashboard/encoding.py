"""Encode cubes for the page: dictionary and delta columns, as JSON, gzip and base64."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import orjson

from brume.labels.pipeline.dashboard.cubes import Columns


def packed(content: bytes) -> str:
    """Return bytes as text that a script opens again with atob and DecompressionStream("gzip")."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def as_json(value: Any) -> bytes:
    """Return JSON; numbers that JSON has no word for are null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def encoded(cube: Columns) -> Mapping[str, Any]:
    """Return a cube's columns, each in the shortest of its forms (see `opened` in evaluate.js)."""
    found: dict[str, Any] = {}
    for name, values in cube.items():
        twin = next((other for other in found if "same" not in found[other] and cube[other] == values), None)
        found[name] = {"same": twin} if twin and len(values) > 1 else _column(values)
    return found


def _column(values: Sequence[Any]) -> Mapping[str, Any]:
    if values and all(value == values[0] for value in values) and not isinstance(values[0], list):
        return {"constant": values[0], "length": len(values)}
    if any(isinstance(value, str | list) for value in values):
        keys = [orjson.dumps(value) if isinstance(value, list) else value for value in values]
        kinds = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
        codes = {key: code for code, key in enumerate(kinds)}
        return {"values": list(kinds.values()), "codes": [codes.get(key, -1) for key in keys]}
    numbers = [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
    if len(numbers) > 8 and all(type(value) is int for value in numbers):
        return {"steps": [numbers[0], *(b - a for a, b in pairwise(numbers))]}
    return {"numbers": numbers}
