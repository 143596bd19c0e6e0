"""Counts of patients that may be shown: none under `LEAST`, and none that lets such a one be worked out.

Rule: the cell size suppression policy of the US Centers for Medicare & Medicaid Services (no cell of 1 to 10,
none that can be derived). Here a count of 0 is not shown either; that two counts are the same may be seen.
What was shown before counts: of two sets of patients, one within the other, the second is not shown when one
to ten patients are in one alone; and none is shown that gives a small set away together with any number of
others, by sums and differences (`derivation`). What follows from bounds alone, such as that a part is no
larger than the whole, is not looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from brume.records.model.graph.cooccurrence import LEAST
from brume.records.model.overview.cohorts import Cohort
from brume.records.model.overview.derivation import Derivation
from brume.records.model.overview.tables import Members


class Disclosure:
    """The sets of patients whose sizes a reader knows, of which that of all whom it may see is the first."""

    def __init__(self, everyone: Members, least: int = LEAST) -> None:
        self._least = least
        self.everyone = everyone
        self._packed = np.empty((0, len(np.packbits(everyone))), dtype=np.uint8)
        self._sizes = np.empty(0, dtype=np.int64)
        self._derivation = Derivation(int(np.count_nonzero(everyone)), least)
        self._put(everyone)
        self.added: list[tuple[Cohort, ...]] = []  # what was added, each the union of some cohorts

    def may_show(self, members: Members) -> bool:
        """Return whether the size of a set may be shown beside those that are known."""
        packed = np.packbits(members)
        size = int(np.count_nonzero(members))
        if size < self._least:
            return False
        common = np.bitwise_count(self._packed & packed).sum(axis=1, dtype=np.int64)
        nested = (common == size) | (common == self._sizes)
        apart = np.abs(self._sizes - size)
        if np.any(nested & (apart > 0) & (apart < self._least)):
            return False
        return not self._derivation.gives_away(members[self.everyone])

    def add(self, members: Members, *cohorts: Cohort) -> None:
        """Keep in mind that the size of a set, the union of some cohorts, is known."""
        packed, size = np.packbits(members), int(np.count_nonzero(members))
        same = self._packed[self._sizes == size]
        if not np.any((same == packed).all(axis=1)):
            self._put(members)
            self.added.append(cohorts)

    def _put(self, members: Members) -> None:
        self._packed = np.vstack([self._packed, np.packbits(members)])
        self._sizes = np.append(self._sizes, np.count_nonzero(members))
        self._derivation.add(members[self.everyone])

    def _together(self, sets: Iterable[tuple[str, Members]]) -> set[str]:
        """Return the names of sets whose sizes may be shown one after the other, in their order."""
        tried, kept = self._derivation.copy(), set()
        for name, members in sets:
            if self.may_show(members) and not tried.gives_away(members[self.everyone]):
                tried.add(members[self.everyone])
                kept.add(name)
        return kept

    def shown(self, cells: Mapping[str, Members]) -> set[str]:
        """Return the cells of a breakdown whose sizes may be shown beside that of all of them together.

        The cells have no patient in common. Where what is left, the total without the cells that are shown,
        would be a count that may not be shown, further cells are hidden, the smallest first (complementary
        suppression).
        """
        kept = self._together(sorted(cells.items(), key=lambda cell: -int(cell[1].sum())))
        while kept and len(kept) < len(cells):
            hidden = [name for name in cells if name not in kept]
            rest = union([cells[name] for name in hidden])
            if not rest.any() or (len(hidden) > 1 and self.may_show(rest)):
                break
            kept.discard(min(kept, key=lambda name: (int(cells[name].sum()), name)))
        return kept

    def may_show_pair(self, one: Members, other: Members) -> bool:
        """Return whether the sizes of two sets and of what they share may be shown together.

        Each field of their table of four has no patient or enough of them, and both together have enough.
        """
        both = one & other
        others = (one & ~other, other & ~one, self.everyone & ~one & ~other)
        sizes = [int(np.count_nonzero(field)) for field in others]
        fits = all(size == 0 or size >= self._least for size in sizes)
        return fits and len(self._together([("one", one), ("other", other), ("both", both)])) == 3


def union(sets: Sequence[Members]) -> Members:
    """Return who is in any of some sets."""
    found = np.zeros_like(sets[0])
    for one in sets:
        found |= one
    return found
