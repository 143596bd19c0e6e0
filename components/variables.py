"""Settings from environment variables: typed dataclasses, from which the tables in docs/ are generated.

    @dataclass(frozen=True)
    class QuerySettings:
        lake: str = variable("BRUME_LAKE", "", "the lake that queries read: a folder or an s3:// prefix")
        seconds: int = variable("BRUME_SQL_SECONDS", 300, "of one query", parse=number)

    settings = read(QuerySettings)

An empty variable counts as absent.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

_T = TypeVar("_T")
_KEY = "variable"
_UNITS = {"": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|[KMGT]i|[MGT])?")


class VariableError(ValueError):
    """A variable whose value cannot be used; the message names it and what it takes."""


@dataclass(frozen=True)
class Variable:
    """One environment variable: its name, type, default as text, meaning, and the field that it sets."""

    name: str
    type: str
    default: str
    meaning: str
    field: str
    secret: bool


def variable(
    name: str,
    default: Any,
    meaning: str,
    *,
    parse: Callable[[str], Any] = str,
    shown: str | None = None,
    secret: bool = False,
) -> Any:
    """Return a field of a settings dataclass that is read from the variable `name`.

    `parse` turns its text into the value, and raises `ValueError` with what the variable takes; `shown` is
    the default as it is documented, where it depends on the machine. The value of a `secret` one is not
    printed.
    """
    text = shown if shown is not None else str(default)
    about = {"name": name, "parse": parse, "shown": text, "meaning": meaning, "secret": secret}
    return dataclasses.field(default=default, metadata={_KEY: about})


def read(settings: type[_T], environment: Mapping[str, str] | None = None) -> _T:
    """Return the settings that the environment holds. Raises `VariableError` for a value of another form."""
    given = os.environ if environment is None else environment
    values = {}
    for field, about in _fields(settings):
        text = given.get(about["name"], "").strip()
        if text:
            try:
                values[field] = about["parse"](text)
            except ValueError as error:
                raise VariableError(f"{about['name']}={text} {error}") from error
    return settings(**values)


def describe(settings: type[Any]) -> list[Variable]:
    """Return the variables of a settings dataclass, in its order."""
    return [
        Variable(
            about["name"],
            getattr(about["parse"], "type_name", "text"),
            about["shown"],
            about["meaning"],
            field,
            about["secret"],
        )
        for field, about in _fields(settings)
    ]


def names(settings: type[Any]) -> dict[str, str]:
    """Return the names of the variables by the fields that they set."""
    return {field: about["name"] for field, about in _fields(settings)}


def _fields(settings: type[Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(field.name, field.metadata[_KEY]) for field in dataclasses.fields(settings)]


def _typed(name: str) -> Callable[[Callable[[str], _T]], Callable[[str], _T]]:
    def mark(parse: Callable[[str], _T]) -> Callable[[str], _T]:
        parse.type_name = name  # type: ignore[attr-defined]
        return parse

    return mark


@_typed("number")
def number(text: str) -> int:
    """Read a number above 0."""
    if not re.fullmatch(r"\d+", text) or int(text) == 0:
        raise ValueError("must be a number above 0")
    return int(text)


@_typed("bytes, also with KB, MB, GB, TB")
def size(text: str) -> int:
    """Read a number of bytes above 0, also with a unit: 300, 2GB."""
    found = re.fullmatch(r"(\d+)\s*([KMGT]B)?", text, re.IGNORECASE)
    value = int(found[1]) * _UNITS[(found[2] or "").upper()] if found else 0
    if value <= 0:
        raise ValueError("must be a number above 0, of bytes also with KB, MB, GB, TB: 2GB")
    return value


@_typed("quantity of Kubernetes")
def quantity(text: str) -> str:
    """Check a quantity of Kubernetes: 2, 500m, 8Gi."""
    if not _QUANTITY.fullmatch(text):
        raise ValueError("must be a quantity as Kubernetes has them: 2 or 500m, 8Gi")
    return text
