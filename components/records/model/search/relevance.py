"""What attributes add to the order of documents: importance, freshness, sorting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from brume.records.model.search.columns import Columns

_TEN = 10.0  # the highest importance of Kendra's


@dataclass(frozen=True)
class Boost:
    """How an attribute counts: `importance` is 1 (not at all) to 10 (doubles the score).

    Of texts, `values` says which count how much; of numbers, high ones count or, `ascending`, low ones; of
    dates with `fresh_seconds`, those that are young by that half-life.
    """

    key: str
    importance: int = 1
    ascending: bool = False
    fresh_seconds: float = 0.0
    values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """An attribute by which results are sorted; documents without it come last."""

    key: str
    descending: bool


def factors(
    columns: Columns, ordinals: NDArray[np.int64], boosts: Sequence[Boost], now: float
) -> NDArray[np.float64]:
    """Return what the scores of documents are multiplied with; `now` is in seconds since 1970."""
    found = np.ones(len(ordinals))
    for boost in boosts:
        share = (boost.importance - 1) / (_TEN - 1)
        if boost.values:
            for value, importance in boost.values.items():
                has = columns.having(boost.key, [value])[ordinals]
                found[has] *= 1 + max(share, importance / _TEN)
            continue
        numbers = columns.numbers(boost.key)[ordinals]
        there = ~np.isnan(numbers)
        if not there.any():
            if share:
                has = np.array([boost.key in columns.attributes(int(one)) for one in ordinals], bool)
                found[has] *= 1 + share
            continue
        if boost.fresh_seconds:
            part = 0.5 ** (np.maximum(now - numbers[there], 0) / boost.fresh_seconds)
            share = max(share, 1 / _TEN)
        else:
            low, high = numbers[there].min(), numbers[there].max()
            part = (numbers[there] - low) / (high - low) if high > low else np.ones(int(there.sum()))
            part = 1 - part if boost.ascending else part
        found[there] *= 1 + share * part
    return found


def sort(columns: Columns, ordinals: NDArray[np.int64], orders: Sequence[Order]) -> NDArray[np.int64]:
    """Return documents in the order of attributes; those that are equal stay as they came."""
    found = ordinals
    for order in reversed(orders):
        numbers = columns.numbers(order.key)[found]
        if np.isnan(numbers).all():
            texts = [columns.attributes(int(one)).get(order.key) for one in found]
            names = sorted({str(text) for text in texts if text is not None})
            places = {name: float(place) for place, name in enumerate(names)}
            numbers = np.array([places[str(text)] if text is not None else np.nan for text in texts], float)
        directed = -numbers if order.descending else numbers
        found = found[np.argsort(np.where(np.isnan(directed), np.inf, directed), kind="stable")]
    return found
