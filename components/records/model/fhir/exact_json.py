"""JSON of resources whose decimals keep their digits: FHIR counts 1.10 and 1.1 as different."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

import orjson


def loads(text: str | bytes) -> Any:
    """Return the value of a JSON text; numbers with a fraction or an exponent are `Decimal`.

    Raises `ValueError` for a text that is no JSON, or nests too deep.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it nests too deep") from None


def dumps(value: Any) -> bytes:
    """Return the JSON text of a value, decimals with the digits that they came with."""
    return orjson.dumps(value, default=_written)


def _written(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is no JSON")


def _refuse(_: str) -> NoReturn:
    raise ValueError("a number that JSON does not have")
