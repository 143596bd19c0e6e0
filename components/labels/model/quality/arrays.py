"""Types of arrays, and numbering of equal values and rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_WIDE = 8  # times as many numbers as rows: a table of them costs more than sorting the rows


def compact(values: Codes) -> Codes:
    """Return the rank of each whole number among those that occur, from 0 on: equal for equal numbers."""
    if not values.size:
        return values
    low = int(values.min())
    span = int(values.max()) - low + 1
    if span > _WIDE * values.size + 1000:
        return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.int64)
    occurs = np.zeros(span, dtype=bool)
    occurs[values - low] = True
    return np.asarray((np.cumsum(occurs) - 1)[values - low])


def dense(*columns: Codes) -> Codes:
    """Return one number, from 0 on, for each row of several columns: equal where all of them are.

    Numbers ascend with the first column, then the second and so on.
    """
    codes = compact(columns[0])
    for column in columns[1:]:
        other = compact(column)
        codes = compact(codes * (int(other.max(initial=0)) + 1) + other)
    return codes
