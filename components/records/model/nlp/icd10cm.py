"""The terms of ICD-10-CM: titles, inclusion terms and includes of the tabular list, as one Parquet table.

The list is the XML that the US National Center for Health Statistics publishes; the package simple-icd-10-cm
carries it, and only that file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from lxml import etree

from brume import storage, weights
from brume.records.model.nlp.words import key, without_parentheses
from brume.weights.folders import cache, only

NAME = "icd-10-cm-2026"
SCHEMA = pa.schema(
    [
        ("code", pa.string()),
        ("title", pa.string()),
        ("term", pa.string()),
        ("key", pa.list_(pa.string())),  # sorted words, see `words.key`
        ("rank", pa.int32()),  # of several codes with one key, the least is meant
    ]
)
_FORMAT = 5  # changes with the rows that are made of the same XML
_TRAILING = re.compile(
    r", unspecified(?: \w+){0,4}$|(?<! of) unspecified$|,? NOS$|^Unspecified ", re.IGNORECASE
)
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_ELSEWHERE = re.compile(
    r"classified elsewhere|^Other |^Others$|^Encounter for|^Personal history|^Family history", re.I
)
_CANCER = re.compile(r"^malignant neoplasm of (?:the )?(.+)$", re.IGNORECASE)
_HANDED = re.compile(r"\b(?:right|left|bilateral|unspecified)\b")
# Chapters whose codes are meant only where the text has their words: external causes, injuries, pregnancy,
# the newborn, malformations, factors of health, symptoms; and neoplasms in situ.
_RARER = {"R": 1, "Z": 3, "Q": 4, "O": 5, "P": 6, "S": 7, "T": 8}


def table(folder: Path | None = None) -> pa.Table:
    """Return the terms (SCHEMA), which are made once of the XML and kept in the user's cache.

    Raises `weights.WeightsError` where the XML is not there.
    """
    place = folder or cache()
    path = place / f"{NAME}-{weights.digest(NAME)[:12]}-{_FORMAT}.parquet"
    if not path.is_file():
        place.mkdir(parents=True, exist_ok=True)
        made = build(only(weights.find(NAME), "icd10c-tabular-*.xml"))
        with storage.replacing(path) as partial:
            pq.write_table(made, partial)
    return pq.read_table(path)


def build(xml: Path) -> pa.Table:
    """Return the table of terms of a tabular list."""
    rows = [row for code, title, terms in read(xml) for row in _rows(code, title, terms)]
    return pa.Table.from_pylist(rows, SCHEMA)


def read(xml: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield code, title and further terms of each entry of a tabular list."""
    for _, entry in etree.iterparse(str(xml), tag="diag", resolve_entities=False, no_network=True):
        terms = [
            note.text or ""
            for kind in ("inclusionTerm", "includes")
            for note in entry.iterfind(f"{kind}/note")
        ]
        yield entry.findtext("name"), entry.findtext("desc"), [term for term in terms if term]


def _rows(code: str, title: str, terms: list[str]) -> Iterator[dict[str, object]]:
    if code[0] in "VWXY" or (code[0] in "ST" and len(code) > 6):
        return
    seen = set()
    for number, term in enumerate([title, *terms]):
        for penalty, variant in _variants(term):
            words = key(variant)
            if not words or words in seen or len(words) > 8:
                continue
            seen.add(words)
            rank = penalty * 100 + _RARER.get(code[0], 2 if code < "D1" and code[0] == "D" else 0) * 10
            rank += min(len(code), 7) + (2 if number else 0) + 40 * bool(_HANDED.search(term))
            yield {"code": code, "title": title, "term": variant, "key": list(words), "rank": rank}


def _variants(term: str) -> Iterator[tuple[int, str]]:
    """Yield forms of a term, each with a penalty for what was left out of it."""
    if _ELSEWHERE.search(term):
        return
    yield 0, _BRACKETS.sub(" ", term)
    plain = without_parentheses(_BRACKETS.sub(" ", term))
    short = _TRAILING.sub("", plain)
    yield 1, plain
    yield 1, short
    for inside in _BRACKETS.findall(term):
        yield 2, inside
    if ", " in short and short.count(",") == 1:
        yield 2, short.split(", ")[0] if " with" in short else short
    if match := _CANCER.match(short):
        for site in re.split(r", (?:and |or )?| and | or ", match[1]):
            yield 1, f"{site} cancer"
            yield 1, f"malignant {site} tumor"
