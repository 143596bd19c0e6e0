"""The report's section on tables by ViewDefinitions: their rows, and what they could not be applied to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brume.report.page import Cell, Section, Table
from brume.run.rejects import Reject


def views_section(rows: Mapping[str, int], rejects: Sequence[Reject]) -> Section:
    """Return the section; `rows` are numbers of rows by the name of the table."""
    tables: list[list[Cell]] = [[name, count] for name, count in sorted(rows.items())]
    listed: list[list[Cell]] = [[one.item, one.reason, one.remedy] for one in sorted(rejects)]
    return Section(
        "Tables of views",
        [
            Table("Tables", ["Table", "Rows"], tables, frozenset({1}), empty="No views were given."),
            Table(
                "Resources that a view cannot be applied to",
                ["Resource", "Reason", "Remedy"],
                listed,
                whole="view_rejects.csv",
                empty="Every resource could be used.",
            ),
        ],
    )
