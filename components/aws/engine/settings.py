"""Settings of every engine that come from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from brume import variables
from brume.aws.engine.catalog import EngineError
from brume.variables import VariableError, variable

_T = TypeVar("_T")


@dataclass(frozen=True)
class CommonSettings:
    """What every engine reads; the option of `brume engine` of the same name goes first."""

    database: str = variable(
        "BRUME_DATABASE",
        "",
        "SQLAlchemy URL of the state; SQLite in the data folder if empty",
        secret=True,
    )
    keys_file: str = variable(
        "BRUME_KEYS_FILE", "", "file of the accepted keys; DATA/credentials, made if absent, if empty"
    )


def read(settings: type[_T]) -> _T:
    """Return an engine's settings. Raises `EngineError` for a variable whose value cannot be used."""
    try:
        return variables.read(settings)
    except VariableError as error:
        raise EngineError(str(error)) from error


def lines(settings: type[Any]) -> list[str]:
    """Return the variables of a settings dataclass with their present values, as lines."""
    present = read(settings)
    found = []
    for one in variables.describe(settings):
        value = getattr(present, one.field)
        default = f"; default: {one.default}" if one.default else ""
        found += [
            f"{one.name}={'(set)' if one.secret and value else value}",
            f"    {one.meaning} ({one.type}{default})",
        ]
    return found
