"""Elements of resources in JSON: by name, of a type, with the extensions of primitive ones.

Elements are found by their names, and a choice such as `value` by those of its types (`valueQuantity`): no
model of the resources is needed. Numbers with a fraction are `Decimal`s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from brume.records.model.views.operators import Values

_TEXTS = "base64Binary canonical code date dateTime id instant markdown oid string time uri url uuid"
# Of hl7.org/fhir/R4/datatypes.html#open, and those of choices that allow fewer types.
_DATATYPES = """
Address Age Annotation Attachment CodeableConcept CodeableReference Coding ContactDetail ContactPoint
Contributor Count DataRequirement Distance Dosage Duration Expression HumanName Identifier Meta Money
ParameterDefinition Period Quantity Range Ratio Reference RelatedArtifact SampledData Signature SimpleQuantity
Timing TriggerDefinition UsageContext
"""
NUMBERS = frozenset({"decimal", "integer", "integer64", "positiveInt", "unsignedInt"})
TEXTS = frozenset(_TEXTS.split())
PRIMITIVES = NUMBERS | TEXTS | {"boolean"}
TYPES = PRIMITIVES | frozenset(_DATATYPES.split())
_SUFFIXES = frozenset(name[0].upper() + name[1:] for name in TYPES)


class Scope(NamedTuple):
    """What an expression is evaluated for: a resource, the row's index, and what finds references.

    `key_of` returns type and id of what a Reference names, "" where that is not known.
    """

    resource: Mapping[str, Any]
    row: int
    key_of: Callable[[Any], tuple[str, str]]


Run = Callable[[Values, Scope], Values]


@dataclass(frozen=True)
class Expression:
    """A compiled expression; `type` is that of its values in FHIR where it follows from the expression."""

    run: Run
    type: str | None = None


def member(base: Run, name: str) -> Expression:
    """Return the elements of a name."""

    def run(values: Values, scope: Scope) -> Values:
        found: Values = []
        for one in base(values, scope):
            if type(one) is dict:
                value = one.get(name)
                if value is None:
                    value = _choice(one, name)
                if type(value) is list:
                    found += [part for part in value if part is not None]
                elif value is not None:
                    found.append(value)
        return found

    return Expression(run)


def _choice(value: Mapping[str, Any], name: str) -> Any:
    """Return the element of a choice: of `value` what valueQuantity or another type has."""
    size = len(name)
    for key in value:
        if len(key) > size and key.startswith(name) and key[size:] in _SUFFIXES:
            return value[key]
    return None


def typed_member(base: Run, name: str, kind: str) -> Expression:
    """Return the elements of a name that are of a type: those of a choice, and others by their JSON."""
    choice, others = name + kind[0].upper() + kind[1:], member(base, name).run

    def run(values: Values, scope: Scope) -> Values:
        found: Values = []
        for one in base(values, scope):
            if type(one) is dict:
                value = one.get(choice)
                if value is not None:
                    found += value if type(value) is list else [value]
                elif name in one:
                    found += [part for part in others([one], scope) if is_of(part, kind)]
        return found

    return Expression(run, kind)


def is_of(value: Any, kind: str) -> bool:
    """Return whether JSON can be a value of a type of FHIR; objects of datatypes do not state theirs."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in NUMBERS:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (kind == "decimal" and isinstance(value, Decimal))
    if kind in TEXTS:
        return isinstance(value, str)
    return isinstance(value, dict) and value.get("resourceType", kind) == kind


def extensions(base: Run, name: str, url: Run) -> Expression:
    """Return extensions of the elements of a name; those of primitive ones stand beside them (`_name`)."""
    beside = "_" + name

    def run(values: Values, scope: Scope) -> Values:
        wanted = url(values, scope)
        found: Values = []
        for one in base(values, scope):
            if type(one) is dict:
                for key in (name, beside):
                    value = one.get(key)
                    for part in value if type(value) is list else [value]:
                        found += with_url(part, wanted)
        return found

    return Expression(run)


def with_url(value: Any, wanted: Values) -> Values:
    """Return the extensions of an element whose url is the wanted one."""
    held = value.get("extension") if type(value) is dict else None
    if type(held) is not list or len(wanted) != 1:
        return []
    return [one for one in held if type(one) is dict and one.get("url") == wanted[0]]
