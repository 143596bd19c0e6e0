"""The search keys of a resource, by the search parameters of its type."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from brume.records.model import references
from brume.records.model.fhir import times
from brume.records.model.fhir.inferred import INFERRED, inferred
from brume.records.model.fhir.key import LONGEST, Key
from brume.records.model.fhir.parameters import Kind, Parameter, parameters, values

REFERENCES = "_references"
"""The parameter, of no type, with all that a resource refers to."""
UPDATED = "_lastUpdated"
IDENTIFIER = ":identifier"  # behind a parameter's name
_PARTS = (
    *("text", "family", "given", "prefix", "suffix"),
    *("line", "city", "district", "state", "country", "postalCode"),
)


def keys(resource: Mapping[str, Any]) -> list[Key]:
    """Return the keys of a resource, each once; values that are not of their kind have none."""
    kind = str(resource.get("resourceType"))
    found: dict[Key, None] = {}
    for parameter in parameters(kind).values():
        for path in parameter.paths if parameter.name != UPDATED else ():  # which the store itself knows
            for _, value in values(resource, path, kind):
                found |= dict.fromkeys(of_value(parameter, value))
    found |= dict.fromkeys(_inferred(resource))
    for value in referred(resource):
        found |= dict.fromkeys(of_value(Parameter(REFERENCES, Kind.REFERENCE), value))
    return list(found)


def of_value(parameter: Parameter, value: Any) -> list[Key]:
    """Return the keys of one value of a parameter, none where it is not of the parameter's kind."""
    try:
        return list(_OF[parameter.kind](parameter, value))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return []


def normal(text: str) -> str:
    """Return a text without case, accents and surplus spaces, as strings are compared."""
    plain = unicodedata.normalize("NFKD", text)
    kept = "".join(one for one in plain if not unicodedata.combining(one))
    return " ".join(kept.casefold().split())[:LONGEST]


def referred(value: Any) -> Iterator[Mapping[str, Any]]:
    """Iterate the References anywhere in a value."""
    if isinstance(value, Mapping):
        if isinstance(value.get("reference"), str):
            yield value
        for one in value.values():
            yield from referred(one)
    elif isinstance(value, list):
        for one in value:
            yield from referred(one)


def _token(parameter: Parameter, value: Any) -> Iterator[Key]:
    name = parameter.name
    if isinstance(value, bool):
        yield Key(name, "true" if value else "false")
    elif isinstance(value, str):
        yield Key(name, value[:LONGEST])
    elif isinstance(value.get("coding"), list) or ("text" in value and "system" not in value):
        for coding in value.get("coding") or ():
            yield from _token(parameter, coding)
    elif "code" in value:
        yield Key(name, str(value["code"])[:LONGEST], str(value.get("system", "")))
    elif "value" in value:
        yield Key(name, str(value["value"])[:LONGEST], str(value.get("system", "")))


def _reference(parameter: Parameter, value: Any) -> Iterator[Key]:
    found = references.parse(value)
    if isinstance(found, references.Literal):
        if parameter.target in ("", found.type):
            yield Key(parameter.name, found.id[:LONGEST], found.type)
    elif isinstance(found, references.ByIdentifier):
        if not parameter.target or found.type in ("", parameter.target):
            yield Key(parameter.name + IDENTIFIER, found.value[:LONGEST], found.system or "")
    elif found is None and not parameter.target and isinstance(value.get("reference"), str):
        yield Key(parameter.name, value["reference"][:LONGEST])
    identifier = value.get("identifier") if "reference" in value else None
    if isinstance(identifier, Mapping) and isinstance(identifier.get("value"), str):
        yield Key(
            parameter.name + IDENTIFIER, identifier["value"][:LONGEST], str(identifier.get("system", ""))
        )


def _date(parameter: Parameter, value: Any) -> Iterator[Key]:
    for low, high in times.of_value(value):
        yield Key(parameter.name, low=low, high=high)


def _string(parameter: Parameter, value: Any) -> Iterator[Key]:
    if isinstance(value, str):
        yield Key(parameter.name, normal(value), value[:LONGEST])
    elif isinstance(value, Mapping):
        for part in _PARTS:
            given = value.get(part)
            for text in given if isinstance(given, list) else [given]:
                if isinstance(text, str):
                    yield Key(parameter.name, normal(text), text[:LONGEST])


def _uri(parameter: Parameter, value: Any) -> Iterator[Key]:
    if isinstance(value, str):
        yield Key(parameter.name, value=value[:LONGEST])


def _number(parameter: Parameter, value: Any) -> Iterator[Key]:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        yield Key(parameter.name, low=float(value))


def _quantity(parameter: Parameter, value: Any) -> Iterator[Key]:
    number = float(value["value"])
    if "currency" in value:  # Money
        yield Key(parameter.name, str(value["currency"]), "urn:iso:std:iso:4217", number)
        return
    unit, code = str(value.get("unit", "")), str(value.get("code", ""))
    yield Key(parameter.name, code[:LONGEST], str(value.get("system", "")), number)
    if unit not in ("", code):
        yield Key(parameter.name, unit[:LONGEST], "", number)


_OF: Mapping[Kind, Callable[[Parameter, Any], Iterator[Key]]] = {
    Kind.TOKEN: _token,
    Kind.REFERENCE: _reference,
    Kind.DATE: _date,
    Kind.STRING: _string,
    Kind.URI: _uri,
    Kind.NUMBER: _number,
    Kind.QUANTITY: _quantity,
}


def _inferred(resource: Mapping[str, Any]) -> Iterator[Key]:
    if resource.get("resourceType") != "DocumentReference":
        return
    try:
        found = list(inferred(resource))
    except (TypeError, KeyError, AttributeError, IndexError):  # an extension of another form
        return
    for name, value, second in found:
        if INFERRED[name] != Kind.COMPOSITE:
            yield from of_value(Parameter(name, Kind(INFERRED[name])), value)
        elif isinstance(value, str):
            text = normal(value)
            if isinstance(second, str):
                yield Key(name, text, second[:LONGEST])
            else:
                yield Key(name, text, low=float(second))
