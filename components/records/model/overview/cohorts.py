"""Cohorts: which patients fulfil conditions on concepts, age and sex."""

from __future__ import annotations

import calendar
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

import numpy as np

from brume.records.model.overview.tables import Code, Members, Overview, Patient, is_within

EVER = ("hasCondition", "hadCondition", "hasFinding", "takes", "underwent")
"""What holds or held of the patient: all but what is the family's."""
SEXES = ("female", "male", "other", "unknown")
AGES = ((0, 17), (18, 39), (40, 64), (65, 79), (80, None))
"""Groups of ages in years, for breakdowns."""


@dataclass(frozen=True)
class Criterion:
    """Any of some concepts, in any of some relations; a category of ICD-10-CM stands for its codes."""

    codes: tuple[Code, ...]
    relations: tuple[str, ...] = EVER


@dataclass(frozen=True)
class Cohort:
    """All of `include`, none of `exclude`; ages in completed years.

    Where ages are limited, patients whose age is not known are in no cohort.
    """

    include: tuple[Criterion, ...] = ()
    exclude: tuple[Criterion, ...] = ()
    sexes: tuple[str, ...] = ()  # none: any
    from_age: int | None = None
    to_age: int | None = None  # inclusive
    without_age: bool = False  # those alone whose age is not known

    def of_sex(self, sex: str) -> Cohort:
        """Return the part of a cohort that has a sex."""
        return replace(self, sexes=(sex,) if not self.sexes or sex in self.sexes else ("none",))

    def of_age(self, first: int, last: int | None) -> Cohort:
        """Return the part of a cohort that has an age."""
        lower = max(first, self.from_age or 0)
        upper = min((age for age in (last, self.to_age) if age is not None), default=None)
        return replace(self, from_age=lower, to_age=upper)

    def of_unknown_age(self) -> Cohort:
        """Return the part of a cohort whose age is not known."""
        return replace(self, without_age=True)

    def by_sex(self) -> dict[str, Cohort]:
        """Return the parts of a cohort by sex; they are the whole."""
        return {sex: self.of_sex(sex) for sex in SEXES}

    def by_age(self) -> dict[str, Cohort]:
        """Return the parts of a cohort by group of age; they are the whole."""
        parts = {f"{low}-{high}" if high else f"{low}+": self.of_age(low, high) for low, high in AGES}
        return {**parts, "unknown": self.of_unknown_age()}


def select(overview: Overview, cohort: Cohort, among: Members, today: date) -> Members:
    """Return who of `among` is in a cohort; ages are those of `today`, of the dead those at their death."""
    found = among.copy()
    for criterion in cohort.include:
        found &= having(overview, criterion)
    for criterion in cohort.exclude:
        found &= ~having(overview, criterion)
    if cohort != Cohort(cohort.include, cohort.exclude):
        for number in np.flatnonzero(found).tolist():
            found[number] = _fits(overview.patients[number], cohort, today)
    return found


def select_any(overview: Overview, cohorts: Iterable[Cohort], among: Members, today: date) -> Members:
    """Return who of `among` is in any of some cohorts."""
    found = np.zeros_like(among)
    for cohort in cohorts:
        found |= select(overview, cohort, among, today)
    return found


def having(overview: Overview, criterion: Criterion) -> Members:
    """Return the patients of whom a criterion holds."""
    found = np.zeros(len(overview.patients), dtype=bool)
    for code in within(overview, criterion.codes):
        for relation, numbers in overview.having[code].items():
            if relation in criterion.relations:
                found[numbers] = True
    return found


def within(overview: Overview, codes: Iterable[Code]) -> Sequence[Code]:
    """Return the codes of a lake's facts that are some codes or within them."""
    found: dict[Code, None] = {}
    for one in codes:
        for code in islice(overview.codes, bisect_left(overview.codes, one), None):
            if not is_within(code, one):
                break  # what is within a code comes right after it
            found[code] = None
    return list(found)


def age(one: Patient, today: date) -> int | None:
    """Return completed years of age today, or at death; None where birth or death has no date.

    Where month or day are not known, the first counts.
    """
    born, died = _day(one.born), _day(one.died)
    if born is None or (one.died and died is None):
        return None
    end = died or today
    years = end.year - born.year - ((end.month, end.day) < (born.month, born.day))
    return years if years >= 0 else None


def _fits(one: Patient, cohort: Cohort, today: date) -> bool:
    """Return whether sex and age of a patient are a cohort's."""
    if cohort.sexes and (one.sex if one.sex in SEXES else "unknown") not in cohort.sexes:
        return False
    years = age(one, today)
    if cohort.without_age and years is not None:
        return False
    if cohort.from_age is None and cohort.to_age is None:
        return True
    return (
        years is not None
        and years >= (cohort.from_age or 0)
        and (cohort.to_age is None or years <= cohort.to_age)
    )


def _day(text: str) -> date | None:
    """Return the day of a date of FHIR, "" and what is none as None."""
    parts = text[:10].split("-")
    if not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    year, month, day = (*map(int, parts), 1, 1)[:3]
    if not (1 <= year <= 9999 and 1 <= month <= 12):
        return None
    return date(year, month, min(max(day, 1), calendar.monthrange(year, month)[1]))
