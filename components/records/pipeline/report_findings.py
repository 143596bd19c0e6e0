"""Sections of the report about what was made of the notes: entities, graph, index, judged queries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import duckdb
import orjson

from brume.records.model.entity import Trait
from brume.records.pipeline.judged import Judgement
from brume.report.page import Block, Cell, Note, Number, Numbers, Section, Share, Table

_ENTITIES = (
    "SELECT notes.patient, entities.json FROM entities JOIN notes ON notes.id = entities.note "
    "WHERE entities.entities > 0"
)
_INDEXED = """
SELECT count(*) FILTER (digest != ''), count(*) FILTER (failure != '') FROM indexed WHERE index = $index
"""
_FAILED = "SELECT note, failure FROM indexed WHERE index = $index AND failure != '' ORDER BY note"
_AT_ONCE = 1000
_CODES = 50
_KINDS = {Trait.DIAGNOSIS, Trait.SYMPTOM, Trait.SIGN}
_SYSTEMS = {
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://snomed.info/sct": "SNOMED CT",
}


def entities_section(connection: duckdb.DuckDBPyConnection) -> Section:
    """Return what was found in notes, by kind, by what a text states of it, and by code."""
    kinds: Counter[tuple[str, str]] = Counter()
    coded: Counter[tuple[str, str]] = Counter()
    traits: Counter[str] = Counter()
    mentions: Counter[tuple[str, str]] = Counter()
    patients: dict[tuple[str, str], set[str]] = defaultdict(set)
    displays: dict[tuple[str, str], str] = {}
    rows = connection.execute(_ENTITIES)
    while some := rows.fetchmany(_AT_ONCE):
        for patient, text in some:
            for one in orjson.loads(text):
                kind = (one["category"], one["type"])
                stated = {name for name, _ in one["traits"]} - _KINDS
                kinds[kind] += 1
                coded[kind] += bool(one["concepts"])
                traits.update(stated or {""})
                if one["concepts"] and not stated:
                    best = one["concepts"][0]
                    code = (best["system"], best["code"])
                    mentions[code] += 1
                    patients[code].add(patient)
                    displays[code] = best["display"]
    total = sum(kinds.values()) or 1
    by_kind: list[list[Cell]] = [
        [_words(category), _words(kind), Share(count / total, f"{count:,}"), coded[category, kind]]
        for (category, kind), count in kinds.most_common()
    ]
    by_trait: list[list[Cell]] = [
        [_words(name) or "nothing of these: it is the patient's, now", Share(count / total, f"{count:,}")]
        for name, count in traits.most_common()
    ]
    best_first = sorted(mentions, key=lambda code: (-len(patients[code]), -mentions[code], code))[:_CODES]
    by_code: list[list[Cell]] = [
        [code[1], _SYSTEMS.get(code[0], code[0]), displays[code], len(patients[code]), mentions[code]]
        for code in best_first
    ]
    return Section(
        "What was found in notes",
        [
            Table("Kinds", ["Category", "Type", "Mentions", "With a code"], by_kind, frozenset({3}),
                  empty="Nothing was looked for, or nothing found."),
            Table("What the text states", ["Trait", "Mentions"], by_trait),
            Table(
                "Codes of most patients, but for what is negated, of the family, past or uncertain",
                ["Code", "System", "Display", "Patients", "Mentions"],
                by_code,
                frozenset({3, 4}),
            ),
        ],
    )  # fmt: skip


def search_section(
    connection: duckdb.DuckDBPyConnection, index: str, graphs: int, judgement: Judgement
) -> Section:
    """Return what can be searched, and how well."""
    numbers = [Number("Graphs", f"{graphs:,}", "of patients, and those that they share")]
    blocks: list[Block] = []
    if index:
        ((notes, failed),) = connection.execute(_INDEXED, {"index": index}).fetchall()
        numbers.insert(0, Number("Notes in the index", f"{notes:,}", index))
        if failed:
            rows: list[list[Cell]] = list(map(list, connection.execute(_FAILED, {"index": index}).fetchall()))
            blocks.append(
                Table("Notes that the search service did not take", ["Note", "Reason"], rows,
                      whole="the table indexed of the lake")
            )  # fmt: skip
    else:
        blocks.append(Note("Notes were not indexed: index is none."))
    if judgement.queries:
        numbers += [
            Number("nDCG", f"{judgement.ndcg:.3f}", f"of {len(judgement.queries)} judged queries, first ten"),
            Number("Precision", f"{judgement.precision:.3f}", "right ones of the first ten, or of all right"),
        ]
        blocks += _judged(judgement)
    return Section("Search and graph", [Numbers(numbers), *blocks])


def _judged(judgement: Judgement) -> Sequence[Block]:
    rows: list[list[Cell]] = [
        [one.number, Share(one.ndcg), Share(one.precision), one.found, one.right]
        for one in sorted(judgement.queries, key=lambda one: (one.ndcg, one.number))
    ]
    columns = ["Query, by its place in the file", "nDCG", "Precision", "Right ones found", "Right ones"]
    table = Table("Judged queries, the worst first", columns, rows, frozenset({0, 3, 4}))
    if not judgement.unknown:
        return [table]
    warning = f"{judgement.unknown} judged documents are no note of this lake: they count as not found."
    return [Note(warning, "warn"), table]


def _words(name: Any) -> str:
    return str(name).replace("_", " ").lower()
