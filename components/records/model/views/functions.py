"""The functions of FHIRPath that ViewDefinitions can use, each made of the call in the expression.

They are those that SQL on FHIR asks for (its profile ShareableViewDefinition), the experimental ones for
boundaries and texts, and `count`, `last` and `startsWith`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from brume.records.model.fhir_types import RESOURCE_TYPES
from brume.records.model.views import elements, operators, temporal
from brume.records.model.views.elements import Expression, Run, Scope
from brume.records.model.views.errors import ResourceError
from brume.records.model.views.operators import Values
from brume.records.model.views.syntax import Call, Member, Node, This

Compile = Callable[[Node], Expression]


class Function(NamedTuple):
    """A function: how few and many arguments it takes, and what makes an expression of a call.

    What makes it raises `ValueError` for arguments that cannot be.
    """

    arguments: tuple[int, int]
    make: Callable[[Call, Compile], Expression]


def _where(call: Call, compiled: Compile) -> Expression:
    base, criteria = compiled(call.base), compiled(call.arguments[0]).run
    return Expression(_filtered(base.run, criteria), base.type)


def _filtered(base: Run, criteria: Run) -> Run:
    return lambda values, scope: [
        one for one in base(values, scope) if operators.truth(criteria([one], scope), "where()")
    ]


def _exists(call: Call, compiled: Compile) -> Expression:
    base = compiled(call.base).run
    found = _filtered(base, compiled(call.arguments[0]).run) if call.arguments else base
    return Expression(lambda values, scope: operators.answer(bool(found(values, scope))), "boolean")


def _empty(call: Call, compiled: Compile) -> Expression:
    base = compiled(call.base).run
    return Expression(lambda values, scope: operators.answer(not base(values, scope)), "boolean")


def _not(call: Call, compiled: Compile) -> Expression:
    base = compiled(call.base).run

    def run(values: Values, scope: Scope) -> Values:
        found = operators.truth(base(values, scope), "not()")
        return operators.answer(None if found is None else not found)

    return Expression(run, "boolean")


def _first(call: Call, compiled: Compile) -> Expression:
    base = compiled(call.base)
    return Expression(lambda values, scope: base.run(values, scope)[:1], base.type)


def _last(call: Call, compiled: Compile) -> Expression:
    base = compiled(call.base)
    return Expression(lambda values, scope: base.run(values, scope)[-1:], base.type)


def _count(call: Call, compiled: Compile) -> Expression:
    base = compiled(call.base).run
    return Expression(lambda values, scope: [len(base(values, scope))], "integer")


def _join(call: Call, compiled: Compile) -> Expression:
    base = compiled(call.base).run
    separator = compiled(call.arguments[0]).run if call.arguments else None

    def run(values: Values, scope: Scope) -> Values:
        between = operators.single(separator(values, scope), "join()") if separator else ""
        found = base(values, scope)
        if not all(isinstance(one, str) for one in (between, *found)):
            raise ResourceError("join() takes texts, and there is something else")
        return [between.join(found)]

    return Expression(run, "string")


def _starts_with(call: Call, compiled: Compile) -> Expression:
    base, given = compiled(call.base).run, compiled(call.arguments[0]).run

    def run(values: Values, scope: Scope) -> Values:
        text = operators.single(base(values, scope), "startsWith()")
        start = operators.single(given(values, scope), "startsWith()")
        if not isinstance(text, str) or not isinstance(start, str):
            return []
        return operators.answer(text.startswith(start))

    return Expression(run, "boolean")


def _of_type(call: Call, compiled: Compile) -> Expression:
    kind = _type_name(call)
    if kind not in elements.TYPES and kind not in RESOURCE_TYPES:
        raise ValueError(f"{kind} is no type of FHIR R4")
    if isinstance(call.base, Member):
        return elements.typed_member(compiled(call.base.base).run, call.base.name, kind)
    base = compiled(call.base).run
    return Expression(
        lambda values, scope: [one for one in base(values, scope) if elements.is_of(one, kind)], kind
    )


def _type_name(call: Call) -> str:
    """Return the type that stands as the argument of a call, also as FHIR.Patient."""
    node = call.arguments[0]
    if isinstance(node, Member) and (
        isinstance(node.base, This) or node.base in (Member(This(), "FHIR"), Member(This(), "System"))
    ):
        return node.name
    raise ValueError(f"{call.name}() takes the name of a type")


def _extension(call: Call, compiled: Compile) -> Expression:
    url = compiled(call.arguments[0]).run
    if isinstance(call.base, Member):
        return elements.extensions(compiled(call.base.base).run, call.base.name, url)
    base = compiled(call.base).run

    def run(values: Values, scope: Scope) -> Values:
        wanted = url(values, scope)
        return [found for one in base(values, scope) for found in elements.with_url(one, wanted)]

    return Expression(run)


def _resource_key(call: Call, compiled: Compile) -> Expression:
    base = compiled(call.base).run
    return Expression(
        lambda values, scope: [
            one["id"] for one in base(values, scope) if isinstance(one, dict) and one.get("id")
        ],
        "string",
    )


def _reference_key(call: Call, compiled: Compile) -> Expression:
    base = compiled(call.base).run
    wanted = _type_name(call) if call.arguments else ""
    if wanted and wanted not in RESOURCE_TYPES:
        raise ValueError(f"{wanted} is no resource of FHIR R4")

    def run(values: Values, scope: Scope) -> Values:
        found = [scope.key_of(one) for one in base(values, scope)]
        return [key for kind, key in found if key and wanted in ("", kind)]

    return Expression(run, "string")


def _boundary(last: bool) -> Callable[[Call, Compile], Expression]:
    def make(call: Call, compiled: Compile) -> Expression:
        base = compiled(call.base)

        def run(values: Values, scope: Scope) -> Values:
            found = _boundary_of(operators.single(base.run(values, scope), call.name), base.type, last)
            return [] if found is None else [found]

        return Expression(run, base.type)

    return make


def _boundary_of(value: Any, kind: str | None, last: bool) -> Any:
    if isinstance(value, str):
        return temporal.boundary(value, kind, last=last)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        exponent = Decimal(value).as_tuple().exponent
        half = Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)
        return Decimal(value) + (half if last else -half)
    return None


FUNCTIONS = {
    "count": Function((0, 0), _count),
    "empty": Function((0, 0), _empty),
    "exists": Function((0, 1), _exists),
    "extension": Function((1, 1), _extension),
    "first": Function((0, 0), _first),
    "getReferenceKey": Function((0, 1), _reference_key),
    "getResourceKey": Function((0, 0), _resource_key),
    "highBoundary": Function((0, 0), _boundary(last=True)),
    "join": Function((0, 1), _join),
    "last": Function((0, 0), _last),
    "lowBoundary": Function((0, 0), _boundary(last=False)),
    "not": Function((0, 0), _not),
    "ofType": Function((1, 1), _of_type),
    "startsWith": Function((1, 1), _starts_with),
    "where": Function((1, 1), _where),
}
