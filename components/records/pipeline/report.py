"""The report of a records run: what the export holds, what was set aside, what was made of its notes.

It has numbers, names of files and ids; no name of a person, and nothing of a note's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from brume.records.model.lake import Lake
from brume.records.pipeline.judged import Judgement
from brume.records.pipeline.report_findings import entities_section, search_section
from brume.records.pipeline.report_views import views_section
from brume.report.page import Cell, Note, Number, Numbers, Report, Row, Section, Share, Table, render
from brume.report.run_section import run_section
from brume.run.rejects import Reject

_NOTES = "SELECT count(*), count(DISTINCT nullif(patient, '')), count(*) FILTER (patient = '') FROM notes"
_TYPES = """
SELECT type, count(*), max(versions.count) FROM present
JOIN (SELECT type, count(*) AS count FROM resources GROUP BY type) versions USING (type)
GROUP BY type ORDER BY 2 DESC, type
"""
_KINDS = "SELECT coalesce(nullif(kind, ''), 'none'), status, count(*) FROM notes GROUP BY ALL ORDER BY ALL"
_REPAIRS = (
    "SELECT what, sum(count)::BIGINT, count(*), min(file) FROM repairs GROUP BY what ORDER BY 2 DESC, what"
)
_REJECTS = "SELECT file, line, count, reason, remedy FROM rejects ORDER BY file, line"
_NOTE_REJECTS = "SELECT id, reason, remedy, file, line FROM note_rejects ORDER BY id"
_FILES = "SELECT count(*), sum(resources)::BIGINT, sum(repaired)::BIGINT, sum(rejects)::BIGINT FROM files"


@dataclass(frozen=True)
class Input:
    """What a report is made of: the lake, and the run."""

    lake: Lake
    index: str  # id of the index, "" for none
    graphs: int
    judgement: Judgement
    views: Mapping[str, int]  # rows of the tables of views
    view_rejects: Sequence[Reject]
    parameters: Mapping[str, object]
    timings: Mapping[str, float]
    versions: Mapping[str, str]
    facts: Sequence[str] = ()


def build(given: Input) -> str:
    """Build the HTML report of a run."""
    with given.lake.connect() as connection:
        ((notes, patients, nobody),) = _rows(connection, _NOTES)
        sections = [
            _results(connection, notes, patients, nobody),
            entities_section(connection),
            search_section(connection, given.index, given.graphs, given.judgement),
            _export(connection),
            *([views_section(given.views, given.view_rejects)] if given.views else []),
            _rejects(connection),
            run_section(given.parameters, given.timings, given.versions),
        ]
    title = f"{notes:,} notes of {patients:,} patients"
    return render(Report(product="Records", title=title, facts=given.facts, sections=sections))


def _results(connection: duckdb.DuckDBPyConnection, notes: int, patients: int, nobody: int) -> Section:
    ((files, resources, repaired, rejects),) = _rows(connection, _FILES)
    numbers = [
        Number("Notes", f"{notes:,}", f"of {patients:,} patients"),
        Number("Resources", f"{resources or 0:,}", f"in {files:,} files"),
        Number("Mended", f"{repaired or 0:,}", "lines and resources"),
        Number("Set aside", f"{rejects or 0:,}", "lines that are no resource"),
    ]
    warning = f"{nobody} notes name no patient that is known: only stewards see them."
    return Section("Results", [Numbers(numbers), *([Note(warning, "warn")] if nobody else [])])


def _export(connection: duckdb.DuckDBPyConnection) -> Section:
    types = _rows(connection, _TYPES)
    most = max((count for _, count, _ in types), default=1)
    listed: list[list[Cell]] = [
        [name, Share(count / most, f"{count:,}"), versions - count] for name, count, versions in types
    ]
    kinds: list[list[Cell]] = [list(row) for row in _rows(connection, _KINDS)]
    return Section(
        "Export",
        [
            Row(
                [
                    Table("Resources", ["Type", "Number", "Older or deleted"], listed, frozenset({2})),
                    Table("Notes", ["Kind", "Status", "Number"], kinds, frozenset({2})),
                ]
            )
        ],
    )


def _rejects(connection: duckdb.DuckDBPyConnection) -> Section:
    repairs: list[list[Cell]] = [list(row) for row in _rows(connection, _REPAIRS)]
    lines: list[list[Cell]] = [list(row) for row in _rows(connection, _REJECTS)]
    notes: list[list[Cell]] = [list(row) for row in _rows(connection, _NOTE_REJECTS)]
    return Section(
        "Data quality",
        [
            Table(
                "Mended",
                ["What", "How often", "Files", "First in"],
                repairs,
                frozenset({1, 2}),
                empty="Nothing had to be mended.",
            ),
            Table(
                "Lines that were set aside",
                ["File", "Line", "Number", "Reason", "Remedy"],
                lines,
                frozenset({1, 2}),
                whole="rejects.csv",
                empty="Every line could be used.",
            ),
            Table(
                "Attachments without a note, and notes that miss something",
                ["Attachment", "Reason", "Remedy", "File", "Line"],
                notes,
                frozenset({4}),
                whole="the table note_rejects of the lake",
                empty="Every attachment made a note.",
            ),
        ],
    )


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return found
