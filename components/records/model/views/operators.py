"""The operators of FHIRPath on lists of values, where an empty list is "not known"."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from brume.records.model.views import temporal
from brume.records.model.views.errors import ResourceError

Values = list[Any]
# They are never changed.
TRUE: Values = [True]
FALSE: Values = [False]
UNKNOWN: Values = []
ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    ">": lambda order: order > 0,
    "<=": lambda order: order <= 0,
    ">=": lambda order: order >= 0,
}


def single(values: Values, what: str) -> Any:
    """Return the value of a list that has one, None of an empty one. Raises `ResourceError`."""
    if len(values) > 1:
        raise ResourceError(f"{what} takes one value and there are {len(values)}: use first() or where()")
    return values[0] if values else None


def truth(values: Values, what: str) -> bool | None:
    """Return what a list means as a condition: a value that is no boolean is there, which is true."""
    found = single(values, what)
    return found if found is None or isinstance(found, bool) else True


def answer(found: bool | None) -> Values:
    """Return a condition as a list."""
    return UNKNOWN if found is None else TRUE if found else FALSE


def conjunction(left: bool | None, right: bool | None) -> bool | None:
    """Return left and right."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def disjunction(left: bool | None, right: bool | None) -> bool | None:
    """Return left or right."""
    if left or right:
        return True
    return None if left is None or right is None else False


def exclusion(left: bool | None, right: bool | None) -> bool | None:
    """Return whether one of both holds, and not the other."""
    return None if left is None or right is None else left is not right


LOGIC = {"and": conjunction, "or": disjunction, "xor": exclusion}


def equal(left: Values, right: Values, dates: bool) -> bool | None:
    """Return whether two lists have the same values in the same order.

    `dates` says that one of both is known to hold dates or times.
    """
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    found: bool | None = True
    for one, other in zip(left, right, strict=True):
        found = conjunction(found, _same(one, other, dates))
    return found


def _same(left: Any, right: Any, dates: bool) -> bool | None:
    if isinstance(left, str) and isinstance(right, str):
        if left != right and (dates or (temporal.is_day(left) and temporal.is_day(right))):
            one, other = temporal.moment(left), temporal.moment(right)
            if one is not None and other is not None:
                order = temporal.compare(one, other)
                return None if order is None else order == 0
        return left == right
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def ordered(operator: str, left: Values, right: Values) -> bool | None:
    """Return whether an order holds between two values. Raises `ResourceError` where they have none."""
    one, other = single(left, operator), single(right, operator)
    if one is None or other is None:
        return None
    if isinstance(one, str) and isinstance(other, str):
        before, after = temporal.moment(one), temporal.moment(other)
        if before is not None and after is not None:
            order = temporal.compare(before, after)
            return None if order is None else ORDERS[operator](order)
    elif not (_is_number(one) and _is_number(other)):
        raise ResourceError(f"{operator} compares numbers, texts or dates, and these are something else")
    return ORDERS[operator]((one > other) - (one < other))


def computed(operator: str, left: Values, right: Values) -> Values:
    """Return the result of + - * / on two numbers, or of + on two texts; nothing is divided by 0."""
    one, other = single(left, operator), single(right, operator)
    if one is None or other is None:
        return UNKNOWN
    if operator == "+" and isinstance(one, str) and isinstance(other, str):
        return [one + other]
    if not (_is_number(one) and _is_number(other)):
        raise ResourceError(f"{operator} takes two numbers, and these are something else")
    if operator == "+":
        return [one + other]
    if operator == "-":
        return [one - other]
    if operator == "*":
        return [one * other]
    return [Decimal(one) / Decimal(other)] if other else UNKNOWN


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
