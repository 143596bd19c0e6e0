"""Whether counts of patients together give away a small set, by sums and differences of any number of them.

A count is the sum of a vector of flags, one for each patient. What can be worked out exactly from counts are
the sums of vectors in the space that theirs span (the audit of linear queries: Chin and Ozsoyoglu, "Auditing
and inference control in statistical databases", 1982). A vector v is in it exactly when every vector that is
orthogonal to the space is orthogonal to v; one random such vector decides that but for chance. Looked at are
the sets of one to `least` - 1 patients that are alike in all counts, and the parts that two counted sets have
in common or alone.
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from brume.records.model.overview.tables import Members

_NOTHING = 1e-7  # below which a number is rounding
_ROWS = 64


class Derivation:
    """The space that the counted sets span."""

    def __init__(self, patients: int, least: int) -> None:
        """Begin without counts; sets of fewer than `least` patients are small."""
        self._least = least
        self._generator = np.random.default_rng()
        self._base = np.empty((_ROWS, patients))  # orthonormal, in its first rows
        self._rank = 0
        self._orthogonal = self._generator.standard_normal(patients)
        self._alike = np.zeros(patients, dtype=np.uint64)  # the same for patients that are alike
        self._sets: list[Members] = []
        self._small: list[NDArray[np.int64]] = []

    def copy(self) -> Derivation:
        """Return a copy to try sets with; it is used before anything is added to this one."""
        made = copy.copy(self)
        made._sets, made._small = list(self._sets), list(self._small)
        return made

    def gives_away(self, members: Members) -> bool:
        """Return whether the size of a set, with those that are known, gives away a small one."""
        new = self._new(members)
        if new is None:
            return False
        left = self._orthogonal - (new @ self._orthogonal) * new
        _, place, sizes = np.unique(self._refined(members), return_inverse=True, return_counts=True)
        sums = np.bincount(place, weights=left)
        if np.any(np.abs(sums[sizes < self._least]) < _NOTHING):
            return True
        small = [*self._small, *self._parts(members)]
        return any(abs(left[numbers].sum()) < _NOTHING for numbers in small)

    def add(self, members: Members) -> None:
        """Take in that the size of a set is known."""
        self._small += self._parts(members)
        self._sets.append(members)
        self._alike = self._refined(members)
        new = self._new(members)
        if new is None:
            return
        if self._rank == len(self._base):
            self._base = np.concatenate([self._base, np.empty_like(self._base)])
        self._base[self._rank] = new
        self._rank += 1
        self._orthogonal = self._orthogonal - (new @ self._orthogonal) * new

    def _new(self, members: Members) -> NDArray[np.float64] | None:
        """Return the direction of a set that is not in the space yet, of length 1; None where it is in it."""
        base, vector = self._base[: self._rank], members.astype(np.float64)
        length = float(np.linalg.norm(vector))
        for _ in range(2):  # the second time takes out what rounding left
            vector -= base.T @ (base @ vector)
        rest = float(np.linalg.norm(vector))
        return vector / rest if rest > _NOTHING * max(length, 1.0) else None

    def _refined(self, members: Members) -> NDArray[np.uint64]:
        """Return numbers that are the same for patients that are alike, in a further set too."""
        number = self._generator.integers(1, 2**63, dtype=np.uint64)
        return self._alike + number * members.astype(np.uint64)

    def _parts(self, members: Members) -> list[NDArray[np.int64]]:
        """Return the small parts that a set and a known one have in common or alone, and those in neither."""
        found = []
        for other in self._sets:
            for part in (members & other, members & ~other, other & ~members, ~(members | other)):
                if 0 < np.count_nonzero(part) < self._least:
                    found.append(np.flatnonzero(part))
        return found
