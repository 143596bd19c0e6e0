"""Conditions on the attributes of documents, as a tree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from brume.records.model.search.document import Value


class Comparison(StrEnum):
    """What is compared, by Kendra's names."""

    EQUALS = "EqualsTo"
    CONTAINS_ALL = "ContainsAll"
    CONTAINS_ANY = "ContainsAny"
    GREATER = "GreaterThan"
    GREATER_OR_EQUAL = "GreaterThanOrEquals"
    LESS = "LessThan"
    LESS_OR_EQUAL = "LessThanOrEquals"


@dataclass(frozen=True)
class Compare:
    """The value of an attribute compared with another: a document that lacks it does not fit."""

    key: str
    comparison: Comparison
    value: Value


@dataclass(frozen=True)
class All:
    """Every part holds; with no parts it holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Some:
    """One part at least holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = Compare | All | Some | Not
