"""FHIRPath expressions, compiled to functions on JSON."""

from __future__ import annotations

from collections.abc import Mapping

from brume.records.model.fhir_types import RESOURCE_TYPES
from brume.records.model.views import elements, operators, syntax, temporal
from brume.records.model.views.elements import Expression, Scope
from brume.records.model.views.errors import ResourceError, ViewError
from brume.records.model.views.functions import FUNCTIONS
from brume.records.model.views.operators import Values
from brume.records.model.views.syntax import Node

ROW_INDEX = "rowIndex"
_RESOURCE = "resource"
RESERVED = frozenset({ROW_INDEX, _RESOURCE, "context", "ucum"})  # no names of constants


def compile_path(text: str, constants: Mapping[str, syntax.Literal]) -> Expression:
    """Compile an expression. Raises `ViewError` for what is no FHIRPath, or what views cannot have of it."""
    parsed = syntax.parse(text)
    try:
        return _Compiler(constants).compiled(parsed)
    except ViewError:
        raise
    except ValueError as error:
        raise ViewError(f"{text!r}: {error}") from error


class _Compiler:
    def __init__(self, constants: Mapping[str, syntax.Literal]) -> None:
        self._constants = constants

    def compiled(self, node: Node) -> Expression:
        """Compile a node. Raises `ValueError`."""
        if isinstance(node, syntax.Literal):
            return _literal(node)
        if isinstance(node, syntax.This):
            return Expression(lambda values, _: values)
        if isinstance(node, syntax.Constant):
            return self._constant(node.name)
        if isinstance(node, syntax.Member):
            return self._member(node)
        if isinstance(node, syntax.Index):
            return self._indexed(node)
        if isinstance(node, syntax.Binary):
            return _binary(node.operator, self.compiled(node.left), self.compiled(node.right))
        return self._call(node)

    def _constant(self, name: str) -> Expression:
        if name == ROW_INDEX:
            return Expression(lambda _, scope: [scope.row], "integer")
        if name == _RESOURCE:
            return Expression(lambda _, scope: [scope.resource])
        if name not in self._constants:
            known = ", ".join(f"%{each}" for each in (*self._constants, ROW_INDEX, _RESOURCE))
            raise ValueError(f"there is no constant %{name}; there are {known}")
        return _literal(self._constants[name])

    def _member(self, node: syntax.Member) -> Expression:
        if isinstance(node.base, syntax.This) and node.name in RESOURCE_TYPES:
            kind = node.name
            return Expression(
                lambda values, _: [
                    one for one in values if isinstance(one, dict) and one.get("resourceType") == kind
                ]
            )
        return elements.member(self.compiled(node.base).run, node.name)

    def _indexed(self, node: syntax.Index) -> Expression:
        base, index = self.compiled(node.base), self.compiled(node.index).run

        def run(values: Values, scope: Scope) -> Values:
            at = operators.single(index(values, scope), "[ ]")
            if at is not None and type(at) is not int:
                raise ResourceError("[ ] takes a whole number, and this is something else")
            found = base.run(values, scope)
            return [found[at]] if at is not None and 0 <= at < len(found) else []

        return Expression(run, base.type)

    def _call(self, node: syntax.Call) -> Expression:
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise ValueError(f"views have no function {node.name}(); they have {', '.join(FUNCTIONS)}")
        least, most = function.arguments
        if not least <= len(node.arguments) <= most:
            count = f"{least}" if least == most else f"{least} to {most}"
            raise ValueError(f"{node.name}() takes {count} arguments, not {len(node.arguments)}")
        return function.make(node, self.compiled)


def _literal(literal: syntax.Literal) -> Expression:
    values = [literal.value]
    return Expression(lambda _, scope: values, literal.type)


def _binary(sign: str, left: Expression, right: Expression) -> Expression:
    one, other = left.run, right.run
    if sign in operators.LOGIC:
        join = operators.LOGIC[sign]

        def logic(values: Values, scope: Scope) -> Values:
            first = operators.truth(one(values, scope), sign)
            return operators.answer(join(first, operators.truth(other(values, scope), sign)))

        return Expression(logic, "boolean")
    if sign in ("=", "!="):
        dates = not temporal.TYPES.isdisjoint({left.type, right.type})

        def equality(values: Values, scope: Scope) -> Values:
            same = operators.equal(one(values, scope), other(values, scope), dates)
            return operators.answer(same if same is None or sign == "=" else not same)

        return Expression(equality, "boolean")
    if sign in operators.ORDERS:
        return Expression(
            lambda values, scope: operators.answer(
                operators.ordered(sign, one(values, scope), other(values, scope))
            ),
            "boolean",
        )
    same_type = left.type if left.type == right.type and left.type in (*elements.NUMBERS, "string") else None
    return Expression(
        lambda values, scope: operators.computed(sign, one(values, scope), other(values, scope)),
        "decimal" if sign == "/" else same_type,
    )
