"""A search request, read: what it looks for, in which order, and what comes with it.

Source: hl7.org/fhir/R4/search.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from brume.records.model.fhir.criteria import MOST as VALUES
from brume.records.model.fhir.criteria import Value, read_values
from brume.records.model.fhir.errors import FhirError, refused
from brume.records.model.fhir.parameters import Kind, Parameter, parameters, types_with
from brume.records.model.fhir_types import RESOURCE_TYPES

DEFAULT_COUNT, MOST = 100, 1000
PARAMETERS, INCLUDES, ORDERS = 100, 20, 8
"""The most parameters, included types and orders of a search: one more costs as much again."""
PAGE = "page"
"""The parameter that continues a search, as in HealthLake's links."""
HAS = "_has"
RESULT = ("_count", "_elements", "_format", "_include", "_revinclude", "_sort", "_summary", "_total", PAGE)
"""What shapes the result of every search."""
MODIFIERS = {
    Kind.TOKEN: ("missing", "not"),
    Kind.REFERENCE: ("identifier", "missing"),  # and the name of a type
    Kind.STRING: ("contains", "exact", "missing"),
    Kind.DATE: ("missing",),
    Kind.URI: ("missing",),
    Kind.NUMBER: ("missing",),
    Kind.QUANTITY: ("missing",),
    Kind.COMPOSITE: ("missing",),
}
_JSON = ("json", "application/json", "application/fhir+json", "text/json")
_BOOLEAN = {"true": True, "false": False}


@dataclass(frozen=True)
class Criterion:
    """What a resource must have: one of the values of a parameter, or of the resource that it refers to.

    `types` are the types that a reference must name (() for any). `then` is the criterion of those; with the
    modifier "has" it is that of resources of `types` which refer to what is searched.
    """

    parameter: Parameter
    modifier: str = ""
    values: tuple[Value, ...] = ()
    types: tuple[str, ...] = ()
    then: Criterion | None = None


@dataclass(frozen=True)
class Include:
    """Resources that come with the matches: the targets of a reference, or (reverse) what refers to them."""

    source: str
    parameter: Parameter
    target: str = ""  # "" for any


@dataclass(frozen=True)
class Search:
    """A search of one type. `given` is what was applied, `ignored` names what was not."""

    type: str
    criteria: tuple[Criterion, ...] = ()
    sort: tuple[tuple[Parameter, bool], ...] = ()  # with whether it is descending
    includes: tuple[Include, ...] = ()
    reverse: tuple[Include, ...] = ()
    count: int = DEFAULT_COUNT
    total: bool = True
    only_count: bool = False
    page: str = ""
    elements: tuple[str, ...] = ()  # that are shown, () for all
    given: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()


def read(resource_type: str, pairs: Sequence[tuple[str, str]], *, lenient: bool = False) -> Search:
    """Read the parameters of a search. Raises `FhirError` (400) for what is not understood.

    A parameter that the type does not have is an error too unless `lenient`, which ignores it.
    """
    search = Search(resource_type)
    if len(pairs) > PARAMETERS:
        raise _costly(f"a search has at most {PARAMETERS} parameters")
    for full, value in pairs:
        name = full.rstrip(";")  # as in an example of HealthLake's guide
        base, _, modifier = name.partition(":")
        try:
            search = _add(search, name, base, modifier, value)
        except FhirError as error:
            if not lenient or error.status != 400 or error.faults[0].code != "not-supported":
                raise
            search = replace(search, ignored=(*search.ignored, name))
            continue
        if base != PAGE:
            search = replace(search, given=(*search.given, (name, value)))
    if len(search.includes) + len(search.reverse) > INCLUDES:
        raise _costly(f"_include and _revinclude: at most {INCLUDES} are taken")
    if sum(_values(one) for one in search.criteria) > VALUES:
        raise _costly(f"a search has at most {VALUES} values")
    return search


def _values(one: Criterion) -> int:
    return len(one.values) + (_values(one.then) if one.then else 0)


def _add(search: Search, name: str, base: str, modifier: str, value: str) -> Search:
    if base == "_elements":
        names = tuple(filter(None, value.split(",")))
        return replace(search, elements=(*search.elements, *names))
    if base not in RESULT:
        if not value:
            return search  # as spaces of a form
        return replace(search, criteria=(*search.criteria, criterion(search.type, name, value)))
    if modifier:
        raise _unknown(f"{base}:{modifier} is not done here")
    if base == "_count":
        if not value.isdecimal() or len(value) > 9:
            raise refused(400, "value", "_count is a whole number, 0 or more")
        count = int(value)
        return replace(search, count=min(count, MOST), only_count=search.only_count or count == 0)
    if base == "_sort":
        if value.count(",") >= ORDERS:
            raise _costly(f"_sort: at most {ORDERS} parameters are taken")
        return replace(search, sort=tuple(_order(search.type, one) for one in value.split(",")))
    if base in ("_include", "_revinclude"):
        include = _include(base, search.type, value)
        if base == "_include":
            return replace(search, includes=(*search.includes, include))
        return replace(search, reverse=(*search.reverse, include))
    if base == "_summary":
        if value not in ("count", "false"):
            raise _unknown("_summary: there are count and false")
        return replace(search, only_count=search.only_count or value == "count")
    if base == "_total":
        if value not in ("none", "estimate", "accurate"):
            raise refused(400, "value", "_total: there are none, estimate and accurate")
        return replace(search, total=value != "none")
    if base == "_format":
        if value not in _JSON:
            raise refused(406, "not-supported", "_format: this server writes JSON alone")
        return search
    return replace(search, page=value)


def criterion(resource_type: str, name: str, text: str, *, chained: bool = False) -> Criterion:
    """Read one criterion, `name` with its modifier or chain. Raises `FhirError` (400)."""
    first, dot, rest = name.partition(".")
    base, _, modifier = first.partition(":")
    if base == HAS and not chained:
        return _has(name, text)
    found = parameters(resource_type).get(base)
    if found is None:
        raise _unknown(f"{base} is not a search parameter of {resource_type} here", resource_type)
    if dot:
        if chained:
            raise _unknown(f"{name}: chains of one reference are done here")
        return _chain(resource_type, found, modifier, rest, text)
    types: tuple[str, ...] = (found.target,) if found.target else ()
    if found.kind is Kind.REFERENCE and modifier in RESOURCE_TYPES:
        types, modifier = (modifier,), ""
    if modifier and modifier not in MODIFIERS[found.kind]:
        allowed = ", ".join(MODIFIERS[found.kind])
        raise refused(400, "not-supported", f"{base}: the modifiers of a {found.kind} here are {allowed}")
    if modifier == "missing":
        if text not in _BOOLEAN:
            raise refused(400, "value", f"{name} is true or false")
        return Criterion(found, "missing" if _BOOLEAN[text] else "present")
    kind = Kind.TOKEN if modifier == "identifier" else found.kind
    return Criterion(found, modifier, tuple(read_values(kind, base, text)), types)


def _chain(resource_type: str, found: Parameter, modifier: str, rest: str, text: str) -> Criterion:
    name = found.name
    if found.kind is not Kind.REFERENCE:
        raise refused(400, "value", f"{name} is no reference: it cannot be chained")
    inner = rest.partition(":")[0].partition(".")[0]
    if modifier:
        if modifier not in RESOURCE_TYPES:
            raise refused(400, "value", f"{name}: what follows the colon of a chain is a resource type")
        types: tuple[str, ...] = (modifier,)
    elif found.target:
        types = (found.target,)
    else:
        types = types_with(inner) or ("Patient",)
    kinds = {parameters(one)[inner].kind for one in types if inner in parameters(one)}
    if len(kinds) > 1:
        example = f"{name}:{types[0]}.{inner}"
        raise refused(400, "value", f"{name}.{inner}: name the type that is referred to, as in {example}")
    then = criterion(types[0], rest, text, chained=True)
    return Criterion(found, types=types if (modifier or found.target) else (), then=then)


def _has(name: str, text: str) -> Criterion:
    """Read `_has:TYPE:REFERENCE:NAME`, NAME with its modifier."""
    _, source, reference, *rest = [*name.split(":", 3), "", ""]
    found = parameters(source).get(reference) if source in RESOURCE_TYPES else None
    if found is None or found.kind is not Kind.REFERENCE or not rest[0]:
        raise refused(400, "value", f"{HAS} is {HAS}:TYPE:REFERENCE:NAME, as in {HAS}:Condition:patient:code")
    return Criterion(found, "has", types=(source,), then=criterion(source, rest[0], text, chained=True))


def _order(resource_type: str, text: str) -> tuple[Parameter, bool]:
    name = text.removeprefix("-")
    found = parameters(resource_type).get(name)
    if found is None or found.kind is Kind.COMPOSITE:
        raise refused(400, "value", f"_sort: {resource_type} is not sorted by such a parameter here")
    return found, text.startswith("-")


def _include(name: str, searched: str, text: str) -> Include:
    source, *rest = text.split(":")
    found = parameters(source).get(rest[0]) if source in RESOURCE_TYPES and rest else None
    if found is None or found.kind is not Kind.REFERENCE or len(rest) > 2:
        raise refused(400, "value", f"{name} is TYPE:PARAMETER or TYPE:PARAMETER:TYPE, of a reference")
    target = rest[1] if len(rest) == 2 else found.target
    if target and target not in RESOURCE_TYPES:
        raise refused(400, "value", f"{name}: its third part is a resource type")
    if name == "_include" and source != searched:
        raise refused(400, "value", f"_include begins with the type that is searched: {searched}")
    return Include(source, found, target)


def _costly(text: str) -> FhirError:
    return refused(400, "too-costly", f"{text}: ask in parts")


def _unknown(text: str, resource_type: str = "") -> FhirError:
    names = f"; there are {', '.join([*parameters(resource_type), HAS, *RESULT])}" if resource_type else ""
    return refused(400, "not-supported", text + names)
