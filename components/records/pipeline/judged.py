"""A user's judged queries, asked of the index as anybody asks it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from brume import storage
from brume.aws.client import client
from brume.records.model.search.judging import JudgedQuery, judge, read_judged

_FIRST = 10


@dataclass(frozen=True)
class Asked:
    """One query: its number in the file, from 1, how good its answer was, and right documents found of all.

    The text of the query is not here: nothing that is asked stands in a report.
    """

    number: int
    precision: float
    ndcg: float
    found: int
    right: int


@dataclass(frozen=True)
class Judgement:
    """Means over the queries that have a right document, and each of them.

    `unknown` counts right documents that are none of the index's: they are taken as not found.
    """

    precision: float = 0.0
    ndcg: float = 0.0
    unknown: int = 0
    queries: Sequence[Asked] = ()

    def save(self, uri: str) -> None:
        """Write it as JSON."""
        storage.write_bytes(uri, json.dumps(asdict(self), indent=1).encode())

    @classmethod
    def load(cls, uri: str) -> Judgement:
        """Read what `save` wrote."""
        value = json.loads(storage.read_bytes(uri))
        return cls(**{**value, "queries": [Asked(**one) for one in value["queries"]]})


def read(queries: str) -> list[JudgedQuery]:
    """Read a file of judged queries. Raises `JudgedError` that names file and line."""
    return read_judged(storage.read_bytes(queries), queries)


def run(index: str, queries: str, notes: frozenset[str]) -> Judgement:
    """Ask an index the queries of a file (TSV: query, document, grade) and return how good the answers are.

    A document is a note's id, or that of its resource, whose first content is then meant. Raises
    `JudgedError` that names file and line, and botocore's errors.
    """
    listed = read(queries)
    kendra = client("kendra")
    asked, unknown = [], 0
    for number, one in enumerate(listed, 1):
        relevant = {_note(document): grade for document, grade in one.relevant.items()}
        if not relevant:
            continue
        unknown += len(relevant.keys() - notes)
        found = _found(kendra, index, one.text)
        quality = judge([JudgedQuery(one.text, relevant)], lambda _, order=found: order)  # type: ignore[misc]
        hits = sum(document in relevant for document in found)
        asked.append(Asked(number, quality.precision, quality.ndcg, hits, len(relevant)))
    count = len(asked) or 1
    precision = sum(one.precision for one in asked) / count
    return Judgement(precision, sum(one.ndcg for one in asked) / count, unknown, asked)


def _note(document: str) -> str:
    return document if document.count("/") != 1 else f"{document}/0"


def _found(kendra: Any, index: str, text: str) -> list[str]:
    answer = kendra.query(
        IndexId=index, QueryText=text, QueryResultTypeFilter="DOCUMENT", PageSize=_FIRST, PageNumber=1
    )
    return [item["DocumentId"] for item in answer["ResultItems"]]
