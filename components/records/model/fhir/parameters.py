"""Search parameters: their names, kinds and paths by resource type (search_parameters.toml)."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any

from brume.records.model.fhir.inferred import INFERRED

_STEP = re.compile(r"(\w+)(?:\[(\w+)=(\w+)\])?")

# The one type that references of a parameter name, where an element may refer to others too.
_TARGETS = {
    "patient": "Patient",
    "practitioner": "Practitioner",
    "location": "Location",
    "organization": "Organization",
    "medication": "Medication",
}


class Kind(StrEnum):
    """What a parameter's values are, by the names of FHIR."""

    TOKEN = "token"  # noqa: S105 - a kind
    REFERENCE = "reference"
    DATE = "date"
    STRING = "string"
    URI = "uri"
    NUMBER = "number"
    QUANTITY = "quantity"
    COMPOSITE = "composite"


@dataclass(frozen=True)
class Step:
    """One name of a path; `only` limits it to the items that have a value under a name."""

    name: str
    only: tuple[str, str] | None = None


Path = tuple[Step, ...]


@dataclass(frozen=True)
class Parameter:
    """A search parameter; `target` is the one type that its references name ("" for any)."""

    name: str
    kind: Kind
    paths: tuple[Path, ...] = ()
    target: str = ""


@functools.cache
def parameters(resource_type: str) -> Mapping[str, Parameter]:
    """Return the search parameters of a type by name, those that all types have among them."""
    known = _definitions()
    given = known["Resource"] | known.get(resource_type, {})
    found = {"_id": Parameter("_id", Kind.TOKEN)} | {name: _read(name, text) for name, text in given.items()}
    if resource_type == "DocumentReference":
        found |= {name: Parameter(name, Kind(kind)) for name, kind in INFERRED.items()}
    return dict(sorted(found.items()))


@functools.cache
def types_with(name: str) -> tuple[str, ...]:
    """Return the resource types that have a parameter of their own by this name."""
    return tuple(sorted(kind for kind, own in _definitions().items() if name in own and kind != "Resource"))


def path(text: str) -> Path:
    """Read a path: names with dots between, each with `[NAME=VALUE]` at most."""
    return tuple(Step(one[1], (one[2], one[3]) if one[2] else None) for one in _STEP.finditer(text))


def values(resource: Any, steps: Path, at: str) -> Iterator[tuple[str, Any]]:
    """Iterate the values at a path below `at`, lists looked through, each with its FHIRPath expression."""
    if not steps:
        yield at, resource
        return
    step, rest = steps[0], steps[1:]
    found = resource.get(step.name) if isinstance(resource, Mapping) else None
    for number, one in enumerate(found if isinstance(found, list) else [found]):
        if one is None:
            continue
        if step.only and not (isinstance(one, Mapping) and one.get(step.only[0]) == step.only[1]):
            continue
        here = f"{at}.{step.name}"
        yield from values(one, rest, f"{here}[{number}]" if isinstance(found, list) else here)


@functools.cache
def _definitions() -> dict[str, dict[str, str]]:
    return tomllib.loads((files(__package__) / "search_parameters.toml").read_text(encoding="utf-8"))


def _read(name: str, text: str) -> Parameter:
    kind, *paths = text.split()
    target = _TARGETS.get(name, "") if kind == Kind.REFERENCE else ""
    return Parameter(name, Kind(kind), tuple(map(path, paths)), target)
