"""How good an order is, by queries whose right documents are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_FIRST = 10  # results that are looked at


class JudgedError(ValueError):
    """A list of judged queries that cannot be read; the message names file and line."""


@dataclass(frozen=True)
class JudgedQuery:
    """A query, and the documents that are right for it with a grade above 0 each."""

    text: str
    relevant: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Quality:
    """Means over queries: nDCG@10, and the share of right ones among the first min(10, R).

    `R` is the number of right documents of a query; `queries` have one at least.
    """

    precision: float
    ndcg: float
    queries: int


def read_judged(data: bytes, name: str) -> list[JudgedQuery]:
    """Read the file `name`: lines of query, document and (optional) grade, by tabs. Raises `JudgedError`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise JudgedError(f"{name}, line {number}: it is no UTF-8: save the file as UTF-8") from error
    found: dict[str, dict[str, float]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        row = line.rstrip("\r").split("\t")
        if not line.strip() or row[:2] == ["query", "document"]:
            continue
        try:
            query, document, grade = row[0], row[1], float(row[2]) if len(row) > 2 and row[2] else 1.0
        except (IndexError, ValueError) as error:
            raise JudgedError(f"{name}, line {number}: it needs query, document, grade, by tabs") from error
        if not math.isfinite(grade):
            raise JudgedError(f"{name}, line {number}: a grade is a number, 0 for a wrong document")
        found.setdefault(query, {})
        if grade > 0:
            found[query][document] = grade
    if not any(found.values()):
        raise JudgedError(f"{name}: no query has a right document: it needs lines of query and document")
    return [JudgedQuery(query, relevant) for query, relevant in found.items()]


def judge(queries: Sequence[JudgedQuery], search: Callable[[str], Sequence[str]]) -> Quality:
    """Return how good the orders are that `search` gives, by ids of documents; best first.

    nDCG: Järvelin and Kekäläinen 2002, gains as they are graded, discounts of log2(1 + place).
    """
    precisions, gains = [], []
    for query in queries:
        if not query.relevant:
            continue
        order = list(search(query.text))[:_FIRST]
        most = min(_FIRST, len(query.relevant))
        precisions.append(sum(one in query.relevant for one in order[:most]) / most)
        ideal = sorted(query.relevant.values(), reverse=True)[:_FIRST]
        gains.append(_gain([query.relevant.get(one, 0.0) for one in order]) / _gain(ideal))
    count = len(gains)
    if not count:
        return Quality(0.0, 0.0, 0)
    return Quality(sum(precisions) / count, sum(gains) / count, count)


def _gain(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades))
