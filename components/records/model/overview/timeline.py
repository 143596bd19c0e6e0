"""Patients, and what happened to one of them, by date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brume.records.model.overview.tables import Members, Overview, Patient

_PATIENTS = """
SELECT patients.number, count(notes.id) FILTER (notes.id IS NOT NULL), max(notes.date)
FROM patients LEFT JOIN notes ON notes.patient = patients.number
WHERE patients.number IN (SELECT unnest($numbers))
    AND ($text = '' OR contains(lower(patients.id), lower($text))
        OR contains(lower(patients.name), lower($text)))
GROUP BY patients.number ORDER BY patients.number LIMIT $size OFFSET $after
"""
_WHERE = """
FROM events WHERE patient = $number
    AND ($since = '' OR date >= $since)
    AND ($until = '' OR (date <> '' AND left(date, length($until)) <= $until))
    AND ($text = '' OR contains(lower(title), lower($text)) OR code = $text)
"""
_EVENTS = f"""
SELECT kind, date, end_date, title, status, system, code, reference {_WHERE}
    AND (len($kinds) = 0 OR list_contains($kinds, kind))
ORDER BY date DESC, kind, reference LIMIT $size OFFSET $after
"""
_COUNTS = f"""
SELECT kind,
    coalesce(left((try_cast(left(date, 10) AS DATE) + CAST($days AS INTEGER))::VARCHAR, 4), left(date, 4)),
    count(*)
{_WHERE} GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class Listed:
    """A patient of a list."""

    patient: Patient
    notes: int
    last_note: str


@dataclass(frozen=True)
class Entry:
    """An event of a timeline; `reference` is TYPE/ID of its resource, or the id of a note."""

    kind: str
    date: str
    end: str
    title: str
    status: str
    system: str
    code: str
    reference: str


@dataclass(frozen=True)
class Count:
    """How many events of a kind a year has; "" for those without a date."""

    kind: str
    year: str
    events: int


def patients(
    overview: Overview, among: Members, text: str = "", *, after: int = 0, size: int = 50
) -> list[Listed]:
    """Return patients by id, from number `after` on: with `text` in the id or the name."""
    params = {
        "numbers": np.flatnonzero(among).tolist(),
        "text": text,
        "after": after,
        "size": size,
    }
    with overview.cursor() as cursor:
        rows = cursor.execute(_PATIENTS, params).fetchall()
    return [Listed(overview.patients[number], notes, last or "") for number, notes, last in rows]


@dataclass(frozen=True)
class Wanted:
    """Which events: of some kinds (none: all), in a time (both days included), with a text in the title."""

    kinds: Sequence[str] = ()
    since: str = ""
    until: str = ""
    text: str = ""
    days: int = 0  # by which dates are moved before years are counted


def timeline(
    overview: Overview, patient: str, wanted: Wanted, *, after: int = 0, size: int = 200
) -> tuple[list[Entry], list[Count]]:
    """Return events of a patient, the last first, from number `after` on, and counts of all by kind and year.

    The counts are of every kind, whichever are wanted. Raises `KeyError` for a patient that is not there.
    """
    where = {
        "number": overview.numbers[patient],
        "since": wanted.since,
        "until": wanted.until,
        "text": wanted.text,
    }
    with overview.cursor() as cursor:
        params = {**where, "kinds": list(wanted.kinds), "size": size, "after": after}
        rows = cursor.execute(_EVENTS, params).fetchall()
        counts = cursor.execute(_COUNTS, {**where, "days": wanted.days}).fetchall()
    return [Entry(*row) for row in rows], [Count(*row) for row in counts]
