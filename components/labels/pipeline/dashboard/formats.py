"""Figures as a reader wants them (`formats.js` writes the same in the browser)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from brume.labels.pipeline.dashboard.evaluate import Column, Measure, Row, Unit, View

NOTHING = "–"
_LONGEST_FILE = 44  # characters: the end of a path is more useful than its beginning
_MILLISECONDS = 3_600_000
_FILLED = 0.92  # of a step, by its column
_STEPS = {"hour": 1, "day": 24, "week": 168, "time": 1}


def text(value: Any, unit: Unit) -> str:
    """Return a value with its unit: "2 h 14 min", "93.1 %", "1,234"."""
    if value is None or value == "":
        return NOTHING
    match unit:
        case "count":
            return f"{value:,.0f}"
        case "hours":
            return duration(value * 3600)
        case "seconds":
            return duration(value)
        case "share":
            return f"{value * 100:.1f} %"
        case "score":
            return f"{value:.2f}"
        case "number":
            return f"{value:,.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"
        case "time":
            return _moment(value).strftime("%Y-%m-%d %H:00")
        case "day":
            return _moment(value).strftime("%Y-%m-%d")
        case "file":
            return str(value if len(value) <= _LONGEST_FILE else "…" + value[1 - _LONGEST_FILE :])
        case _:
            return str(value)


def duration(seconds: float) -> str:
    """Return a time in the two largest units that it fills."""
    if seconds == 0:
        return "0 s"
    if seconds < 59.95:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {rest} min" if hours < 100 and rest else f"{hours:,} h"


def drawn(view: View, rows: Sequence[Row]) -> list[Row]:
    """Return rows as a chart needs them: each column also as text, and steps of time in milliseconds.

    Of a view that draws `most` marks they are those of its first rows; where they are parts (with a
    legend) of something, those of that many wholes, with the most of its first measure. `names` are all
    groups as one.
    """
    columns: list[Column | Measure] = [*view.group, *view.measures]
    found = []
    for row in _first(view, rows):
        more: Row = {"names": " – ".join(text(row[it.name], it.unit) for it in view.group)}
        for column in columns:
            value = row[column.name]
            more[f"{column.name}_text"] = text(value, column.unit)
            if column.name in _STEPS and value is not None:
                more[f"{column.name}_start"] = value * _MILLISECONDS
                more[f"{column.name}_end"] = (value + _STEPS[column.name] * _FILLED) * _MILLISECONDS
        found.append(row | more)
    return found


def _first(view: View, rows: Sequence[Row]) -> Sequence[Row]:
    if not view.most:
        return rows
    if not view.legend or len(view.group) != 2:
        return rows[: view.most]
    name, measure = view.group[0].name, view.measures[0].name
    totals: dict[Any, float] = {}
    for row in rows:
        totals[row[name]] = totals.get(row[name], 0.0) + (row[measure] or 0.0)
    best = sorted(totals, key=lambda key: -totals[key])[: view.most]
    place = {key: number for number, key in enumerate(best)}
    return sorted((row for row in rows if row[name] in place), key=lambda row: place[row[name]])


def _moment(hours: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(hours * 3600, datetime.UTC)
