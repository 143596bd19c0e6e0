"""Build the dashboard from a lake's tables, within the size limit of a page."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from brume.labels.pipeline.dashboard import cubes as cubing
from brume.labels.pipeline.dashboard import export
from brume.labels.pipeline.dashboard import page as paging
from brume.labels.pipeline.dashboard.cubes import Cubes, Limits
from brume.labels.pipeline.dashboard.duckdb_queries import run
from brume.labels.pipeline.dashboard.pseudonyms import people
from brume.labels.pipeline.dashboard.views import Board, board

BUDGET = 1_450_000  # bytes of the page
_SHARES = (1.0, 0.6, 0.35, 0.2, 0.1, 0.05)  # of the limits, until the page fits


class DashboardError(ValueError):
    """A dashboard that cannot be made within its budget."""


@dataclass(frozen=True)
class Dashboard:
    """The dashboard: `html` is the page, the other fields what it is made of."""

    html: str
    board: Board
    cubes: Cubes
    sheets: Sequence[export.Block]

    def png(self) -> bytes:
        """Draw it, without filters, as one long picture 1,200 pixels wide."""
        return export.png(self.sheets)

    def pdf(self) -> bytes:
        """Draw it, without filters, on sheets of A4."""
        return export.pdf(self.sheets)


def build(
    connection: duckdb.DuckDBPyConnection,
    *,
    title: str = "Labelling",
    facts: Sequence[str] = (),
    mask_people: bool = False,
    key: bytes | None = None,
    now: datetime.datetime | None = None,
    budget: int = BUDGET,
) -> Dashboard:
    """Make the dashboard of the lake behind `connection` (`Lake.connect()`), of at most `budget` bytes.

    `facts` stand in a line under the title. With `mask_people` workers stand behind pseudonyms made with
    `key` (see `pseudonyms.key_of`; without one they are others in every page). What does not fit is added up
    more coarsely or left out, and a note on the page lists it. Raises `DashboardError` when even so it does
    not fit.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    rows = connection.sql(_PEOPLE).to_arrow_table().to_pylist()
    hidden = [row[0] for row in run(connection, _IDS)] if mask_people else []
    known = people(rows, key=(key or secrets.token_bytes(32)) if mask_people else None, hidden=hidden)
    cubing.prepare(connection, known)
    for share in _SHARES:
        cubes = cubing.build(connection, known, Limits().scaled(share))
        shown = board(cubes, masked=mask_people)
        given = paging.Page(
            title=title,
            facts=[*facts, f"{now:%Y-%m-%d %H:%M} UTC"],
            notes=[*_notes(mask_people), *cubes.notes],
            empty=nothing(cubes),
            colophon="Made by Brume. This file stands alone: it reads no other address.",
            masked=mask_people,
        )
        sheets = export.blocks(given, shown, cubes)
        given = replace(given, picture=export.still(sheets))
        html = paging.render(given, shown, cubes)
        if (size := len(html.encode())) <= budget:
            return Dashboard(html, shown, cubes, sheets)
    raise DashboardError(f"the dashboard takes {size} of {budget} bytes")


_PEOPLE = """
SELECT worker, any_value(name) AS name, any_value(email) AS email, any_value(team) AS team FROM (
  SELECT worker, name, email, team FROM workers
  UNION ALL SELECT DISTINCT worker, NULL, NULL, NULL FROM answers
  UNION ALL SELECT DISTINCT worker, NULL, NULL, NULL FROM findings
  UNION ALL SELECT DISTINCT worker, NULL, NULL, NULL FROM quality_audit)
WHERE worker <> '' GROUP BY worker
"""
_IDS = "SELECT DISTINCT unnest([worker_id, sub, issuer]) FROM answers"


def _notes(masked: bool) -> list[str]:
    notes = [
        "A consolidated label belongs to all workers who answered for its item, and to the time of the last "
        "of these answers: that is how the filters of worker and time find it.",
        "Figures of a job as a whole (its state, agreement, audit) count where an answer of the chosen "
        "workers in the chosen time is left in it.",
        "Times are UTC. A time filter takes whole hours.",
    ]
    if masked:
        notes.append(
            "Workers stand behind pseudonyms, which stay the same from run to run. Names, emails and ids are "
            "not in this file."
        )
    return notes


def nothing(cubes: Cubes) -> str:
    """Return the message of a page without data, with where to look; "" where there is data."""
    tables: Any = cubes.tables
    if not tables["jobs"]["job"]:
        return (
            "No labelling output was found below the source: it should hold SeqLabel.json, output.manifest "
            "or worker-response files. Look at the source's address and at what could not be read, below."
        )
    if not tables["answers"]["n"]:
        return (
            "No worker responses were found below the source: figures of workers and time are empty. They "
            "lie in annotations/worker-response/ beside the consolidated annotations."
        )
    return ""
