"""Match labels of two answers one to one, with the greatest total similarity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from brume.labels.model.quality.arrays import Codes, Floats, compact


def match(a: Codes, b: Codes, weight: Floats) -> Codes:
    """Choose among possible pairs those of a one-to-one matching with the greatest total weight.

    Pair k joins number `a[k]` of one side and `b[k]` of the other and weighs `weight[k]` > 0; no pair comes
    twice.
    Returns the numbers of the chosen pairs, ascending. Pairs without a rival are taken at once; each group
    of rivals is settled by the assignment problem (Kuhn, "The Hungarian method", 1955; solved after Jonker
    and Volgenant, 1987), which splits along the groups, so that the result is that of all pairs at once.
    """
    if not a.size:
        return np.empty(0, dtype=np.int64)
    row, column = compact(a), compact(b)
    rivals = (np.bincount(row)[row] > 1) | (np.bincount(column)[column] > 1)
    chosen = [np.flatnonzero(~rivals)]
    contested = np.flatnonzero(rivals)
    if contested.size:
        groups = _groups(row[contested], column[contested])
        order = np.argsort(groups, kind="stable")
        bounds = np.flatnonzero(np.diff(groups[order])) + 1
        chosen += [_assign(part, row, column, weight) for part in np.split(contested[order], bounds)]
    return np.sort(np.concatenate(chosen))


def join(a: Codes, b: Codes, most: int) -> Iterator[tuple[Codes, Codes]]:
    """Yield all pairs of positions whose groups are equal, `a[i] == b[j]`, in parts of about `most` pairs.

    `a` and `b` are the groups of two sides, in any order. Parts bound the memory of what is computed of them.
    There is one part at least.
    """
    order = np.argsort(b, kind="stable")
    first = np.searchsorted(b[order], a, side="left")
    count = np.searchsorted(b[order], a, side="right") - first
    ends = np.cumsum(count)
    start = 0
    while start < a.size or start == 0:
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        counts = count[start:stop]
        rows = np.repeat(np.arange(start, start + counts.size), counts)
        within = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
        yield rows, order[first[rows] + within]
        start = stop


def _groups(row: Codes, column: Codes) -> Codes:
    """Return the connected group that each pair belongs to."""
    width = int(row.max()) + 1
    size = width + int(column.max()) + 1
    graph = coo_array((np.ones(row.size, dtype=np.int8), (row, column + width)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels[row], dtype=np.int64)


def _assign(pairs: Codes, row: Codes, column: Codes, weight: Floats) -> Codes:
    i, j = compact(row[pairs]), compact(column[pairs])
    weights = np.zeros((int(i.max()) + 1, int(j.max()) + 1))
    weights[i, j] = weight[pairs]
    number = np.full(weights.shape, -1)
    number[i, j] = pairs
    found = number[linear_sum_assignment(weights, maximize=True)]
    return np.asarray(found[found >= 0], dtype=np.int64)
