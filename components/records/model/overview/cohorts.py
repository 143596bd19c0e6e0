"""Cohorts: which patients fulfil conditions on concepts, age and sex."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from brume.records.model.overview.tables import Code, Members, Overview, Patient, is_within

RELATIONS = ("hasCondition", "hadCondition", "hasFinding", "takes", "underwent", "hasFamilyHistoryOf")
EVER = RELATIONS[:5]
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
    """All of `include`, none of `exclude`; ages in completed years, whoever has no date of birth is out."""

    include: tuple[Criterion, ...] = ()
    exclude: tuple[Criterion, ...] = ()
    sexes: tuple[str, ...] = ()  # none: any
    from_age: int | None = None
    to_age: int | None = None  # inclusive

    def of_sex(self, sex: str) -> Cohort:
        """Return the part of a cohort that has a sex."""
        return replace(self, sexes=(sex,) if not self.sexes or sex in self.sexes else ("none",))

    def of_age(self, first: int, last: int | None) -> Cohort:
        """Return the part of a cohort that has an age."""
        lower = max(first, self.from_age or 0)
        upper = min((age for age in (last, self.to_age) if age is not None), default=None)
        return replace(self, from_age=lower, to_age=upper)


def select(overview: Overview, cohort: Cohort, among: Members, today: date) -> Members:
    """Return who of `among` is in a cohort; ages are those of `today`, of the dead those at their death."""
    found = among.copy()
    for criterion in cohort.include:
        found &= having(overview, criterion)
    for criterion in cohort.exclude:
        found &= ~having(overview, criterion)
    limited = cohort.from_age is not None or cohort.to_age is not None
    if cohort.sexes or limited:
        for number in np.flatnonzero(found).tolist():
            one = overview.patients[number]
            found[number] = (not cohort.sexes or (one.sex or "unknown") in cohort.sexes) and (
                not limited or _has_age(one, cohort, today)
            )
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
    wanted = tuple(codes)
    return [code for code in overview.having if any(is_within(code, one) for one in wanted)]


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


def _has_age(one: Patient, cohort: Cohort, today: date) -> bool:
    years = age(one, today)
    if years is None:
        return False
    return years >= (cohort.from_age or 0) and (cohort.to_age is None or years <= cohort.to_age)


def _day(text: str) -> date | None:
    """Return the day of a date of FHIR, "" and what is none as None."""
    parts = text[:10].split("-")
    if not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    year, month, day = (*map(int, parts), 1, 1)[:3]
    if not (1 <= year <= 9999 and 1 <= month <= 12):
        return None
    return date(year, month, min(max(day, 1), calendar.monthrange(year, month)[1]))
