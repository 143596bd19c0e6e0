"""The report of a records run: what the export holds, what was set aside, what was made of its notes.

It has numbers, names of files and ids; no name of a person, and nothing of a note's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from brume.records.model import quality
from brume.records.model.lake import Lake
from brume.records.pipeline.judged import Judgement
from brume.records.pipeline.report_findings import entities_section, search_section
from brume.records.pipeline.report_views import views_section
from brume.report.page import Cell, Note, Number, Numbers, Report, Row, Section, Share, Table, render
from brume.report.run_section import run_section
from brume.run.rejects import Reject

_TYPES = """
SELECT type, count(*), max(versions.count) FROM present
JOIN (SELECT type, count(*) AS count FROM resources GROUP BY type) versions USING (type)
GROUP BY type ORDER BY 2 DESC, type
"""
_KINDS = "SELECT coalesce(nullif(kind, ''), 'none'), status, count(*) FROM notes GROUP BY ALL ORDER BY ALL"


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
        found = quality.totals(connection)
        sections = [
            _results(found),
            entities_section(connection),
            search_section(connection, given.index, given.graphs, given.judgement),
            _export(connection),
            *([views_section(given.views, given.view_rejects)] if given.views else []),
            _rejects(connection),
            run_section(given.parameters, given.timings, given.versions),
        ]
    title = f"{found.notes:,} notes of {found.patients:,} patients"
    return render(Report(product="Records", title=title, facts=given.facts, sections=sections))


def _results(found: quality.Totals) -> Section:
    numbers = [
        Number("Notes", f"{found.notes:,}", f"of {found.patients:,} patients"),
        Number("Resources", f"{found.resources:,}", f"in {found.files:,} files"),
        Number("Mended", f"{found.repaired:,}", "lines and resources"),
        Number("Set aside", f"{found.rejects:,}", "lines that are no resource"),
    ]
    warning = f"{found.unknown} notes name no patient that is known: keys of listed patients do not see them."
    return Section("Results", [Numbers(numbers), *([Note(warning, "warn")] if found.unknown else [])])


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
    repairs: list[list[Cell]] = [list(row) for row in quality.repairs(connection)]
    lines: list[list[Cell]] = [list(row) for row in quality.rejects(connection)]
    notes: list[list[Cell]] = [list(row) for row in quality.note_rejects(connection)]
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
