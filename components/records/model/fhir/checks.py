"""The structure of a resource, as far as storing, finding and protecting it depends on it.

Profiles, cardinalities and code systems are not checked. No fault quotes a value: it may be a patient's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from brume.records.model import references
from brume.records.model.fhir import times
from brume.records.model.fhir.errors import Fault, FhirError, refused
from brume.records.model.fhir.parameters import Kind, parameters, values
from brume.records.model.fhir_types import RESOURCE_TYPES

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]*")
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:\S+")
_MOST = 20  # faults that are named


def require_type(name: str) -> None:
    """Raise `FhirError` (404) where a type of the address is none of FHIR R4."""
    if name not in RESOURCE_TYPES:
        raise refused(404, "not-supported", "FHIR R4 has no such resource type: its names are case-sensitive")


def require_id(name: str) -> None:
    """Raise `FhirError` (400) where an id of the address is none."""
    if not ID.fullmatch(name):
        raise refused(400, "value", "an id has 1 to 64 of the characters A-Z, a-z, 0-9, - and .")


def check(resource: Any, expected: str) -> dict[str, Any]:
    """Return a resource of the expected type. Raises `FhirError` (400) with all faults."""
    found = list(_faults(resource, expected))
    if found:
        if len(found) > _MOST:
            found[_MOST:] = [Fault("structure", f"and {len(found) - _MOST} more")]
        raise FhirError(400, found)
    return dict(resource)


def _faults(resource: Any, expected: str) -> Iterator[Fault]:
    if not isinstance(resource, Mapping):
        yield Fault("structure", "a resource is an object", expected)
        return
    kind = resource.get("resourceType")
    if kind != expected:
        reason = f"the address names {expected}" if kind in RESOURCE_TYPES else "it is no type of FHIR R4"
        yield Fault("structure", f"resourceType: {reason}", "resourceType")
        return
    identity = resource.get("id")
    if identity is not None and not (isinstance(identity, str) and ID.fullmatch(identity)):
        yield Fault("value", "id: 1 to 64 of the characters A-Z, a-z, 0-9, - and .", f"{kind}.id")
    for name in ("meta", "text"):
        if name in resource and not isinstance(resource[name], Mapping):
            yield Fault("structure", f"{name}: an object is expected", f"{kind}.{name}")
    contained = resource.get("contained", [])
    for number, one in enumerate(contained if isinstance(contained, list) else [contained]):
        if not isinstance(one, Mapping) or one.get("resourceType") not in RESOURCE_TYPES:
            at = f"{kind}.contained[{number}]"
            yield Fault("structure", "contained: a resource with a type of FHIR R4 is expected", at)
    yield from _of_value(resource, expected, in_list=False)
    yield from _dates(resource, expected)


def _of_value(value: Any, at: str, *, in_list: bool) -> Iterator[Fault]:
    if value is None and not in_list:
        yield Fault("structure", "null: leave the element out", at)
    elif value in ("", [], {}) and not isinstance(value, bool):
        yield Fault("structure", "empty: leave the element out", at)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _of_value(one, f"{at}[{number}]", in_list=True)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if not _NAME.fullmatch(name):
                yield Fault("structure", "an element with a name that FHIR has not", at)
            elif name == "extension" and not (
                isinstance(one, list) and all(isinstance(each, Mapping) and each.get("url") for each in one)
            ):
                yield Fault(
                    "structure", "extension: a list of objects with a url is expected", f"{at}.{name}"
                )
            else:
                yield from _of_value(one, f"{at}.{name}", in_list=False)
        if isinstance(value.get("reference"), str) and not _is_reference(value["reference"]):
            text = "reference: TYPE/ID, a URL, a URN, #ID or TYPE?identifier=SYSTEM|VALUE is expected"
            yield Fault("value", text, f"{at}.reference")


def _is_reference(text: str) -> bool:
    found = references.parse(text)
    if isinstance(found, references.Literal):
        return bool(_ABSOLUTE.fullmatch(text) or ID.fullmatch(found.id))
    return found is not None or bool(_ABSOLUTE.fullmatch(text))


def _dates(resource: Mapping[str, Any], kind: str) -> Iterator[Fault]:
    paths = {steps for one in parameters(kind).values() if one.kind is Kind.DATE for steps in one.paths}
    for steps in sorted(paths, key=str):
        for at, value in values(resource, steps, kind):
            try:
                ranges = times.of_value(value)
            except (ValueError, TypeError) as error:
                yield Fault("value", f"{steps[-1].name}: {error}", at)
                continue
            if any(low > high for low, high in ranges):
                yield Fault("value", f"{steps[-1].name}: it ends before it starts", at)
