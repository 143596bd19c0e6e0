"""Which conditions and drugs patients have together, more or less often than by chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brume.records.model.graph.cooccurrence import LEAST
from brume.records.model.overview.cohorts import Cohort, Criterion, having
from brume.records.model.overview.disclosure import Disclosure
from brume.records.model.overview.tables import Code, Members, Overview, is_within

CONDITION, DRUG = "hasCondition", "takes"
_MOST = 400  # concepts that are compared, the most frequent ones


@dataclass(frozen=True)
class Pair:
    """Two concepts, how many patients have each and both, and lift: 1 where they are independent.

    A category of ICD-10-CM is had by those who have one of its codes.
    """

    one: Code
    other: Code
    patients: tuple[int, int]
    both: int
    lift: float


def pairs(
    overview: Overview,
    among: Members,
    disclosure: Disclosure,
    relations: tuple[str, str] = (CONDITION, CONDITION),
    focus: Code | None = None,
) -> Iterator[Pair]:
    """Yield the pairs whose counts may be shown, by falling lift, and of those the more frequent first.

    `relations` are those of the first and the second concept. What is yielded has been added to
    `disclosure`. Two conditions are compared within one system of codes, since the same one has a code in
    each, and not with a subdivision of their own. `focus` has to be one of both.
    """
    firsts, one = _frequent(overview, among, relations[0])
    same = relations[0] == relations[1]
    seconds, other = (firsts, one) if same else _frequent(overview, among, relations[1])
    if not firsts or not seconds:
        return
    both = np.rint(one.astype(np.float32) @ other.astype(np.float32).T).astype(np.int64)
    sizes = (one.sum(axis=1), other.sum(axis=1))
    lift = both * np.count_nonzero(among) / np.outer(*sizes)
    rows, columns = np.nonzero((np.triu(both, 1) if same else both) >= LEAST)
    for row, column in sorted(
        zip(rows.tolist(), columns.tolist(), strict=True),
        key=lambda place: (-lift[place], -both[place], place),
    ):
        first, second = firsts[row], seconds[column]
        if focus is not None and not (is_within(first, focus) or is_within(second, focus)):
            continue
        if same and (first[0] != second[0] or is_within(first, second) or is_within(second, first)):
            continue
        if disclosure.may_show_pair(one[row], other[column]):
            criteria = (Criterion((first,), relations[:1]), Criterion((second,), relations[1:]))
            disclosure.add(one[row], Cohort(criteria[:1]))
            disclosure.add(other[column], Cohort(criteria[1:]))
            disclosure.add(one[row] & other[column], Cohort(criteria))
            counts = (int(sizes[0][row]), int(sizes[1][column]))
            yield Pair(first, second, counts, int(both[row, column]), float(lift[row, column]))


def _frequent(overview: Overview, among: Members, relation: str) -> tuple[list[Code], NDArray[np.bool_]]:
    """Return the concepts that enough patients have, and who has each: a row of flags for each concept."""
    found: dict[Code, Members] = {}
    for code, relations in overview.having.items():
        if relation in relations:
            members = having(overview, Criterion((code,), (relation,))) & among
            if np.count_nonzero(members) >= LEAST:
                found[code] = members
    kept = sorted(found, key=lambda code: (-int(np.count_nonzero(found[code])), code))[:_MOST]
    return kept, np.array([found[code] for code in kept], dtype=bool)
