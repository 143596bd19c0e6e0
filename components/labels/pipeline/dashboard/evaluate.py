"""Views: declarations of a cube, filters, groups and measures; and their evaluation.

The page evaluates the same declaration in the browser (`evaluate.js`, function by function the same); this
one serves pictures, paper and the page without a script. A test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from brume.labels.pipeline.dashboard.cubes import Columns

Unit = Literal["text", "file", "count", "hours", "seconds", "share", "score", "number", "id", "time", "day"]
Op = Literal["sum", "count", "distinct", "min", "max", "median", "p90", "ratio", "share"]
Drill = Literal["", "answers", "values", "tasks", "jobs", "pair", "audit", "finding"]
Row = dict[str, Any]
Reader = Callable[[int], Any]  # of a column, by row

_OF_JOB = ("modality", "batch", "level", "status", "name")
_OF_WORKER = ("email", "team", "id")
_OF_TASK = ("job", "time", "state", "workers")
_STEPS = {"hour": 1, "day": 24, "week": 168}


@dataclass(frozen=True)
class Column:
    """A column of a view's rows: what the group is by, or (of a plain view) what is shown."""

    name: str
    title: str
    unit: Unit = "text"


@dataclass(frozen=True)
class Measure:
    """A figure of each group.

    `ratio` is sum(column) / sum(over) x scale; `share` is sum(column) of the group in all rows with the same
    value of `over` (or in all); `median` and `p90` weigh each value by the column `n`. `where` counts only
    rows that have these values.
    """

    name: str
    title: str
    op: Op
    column: str = ""
    unit: Unit = "count"
    over: str = ""
    scale: float = 1.0
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """A figure or table of the page; every one obeys every filter (see `kept`).

    `group` names the columns of the groups, `plain` takes the cube's rows as they are. `order` is a column,
    with "-" falling; `domain` is the order of the values that it lists. `most` marks are drawn, the table
    has all rows. `chart` is a Vega-Lite specification whose data is named "rows".
    """

    name: str
    title: str
    cube: str
    group: tuple[Column, ...]
    measures: tuple[Measure, ...] = ()
    about: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    plain: bool = False
    order: str = ""
    domain: tuple[str, ...] = ()
    most: int = 0
    chart: Mapping[str, Any] | None = None
    legend: str = ""
    drill: Drill = ""
    width: Literal["half", "full"] = "half"
    empty: str = "Nothing is left with these filters."


@dataclass(frozen=True)
class Selection:
    """What the filters let through: names of jobs, modalities and workers (empty: all), and hours."""

    jobs: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    workers: frozenset[str] = frozenset()
    start: float = -math.inf
    end: float = math.inf

    @property
    def narrow(self) -> bool:
        """Whether workers or time are chosen: jobs then count where they have such an answer."""
        return bool(self.workers) or self.start > -math.inf or self.end < math.inf


class Evaluator:
    """Evaluates views over cubes under one selection."""

    def __init__(self, cubes: Mapping[str, Columns], selection: Selection | None = None) -> None:
        """Take the cubes and what the filters let through."""
        self.cubes = cubes
        self.selection = selection or Selection()
        self._answered: set[int] | None = None
        if self.selection.narrow:
            job = cubes["answers"]["job"]
            self._answered = {job[row] for row in self.kept("answers")}

    def column(self, cube: str, name: str) -> Reader:
        """Return the reader of a column by row; jobs and workers are read by their names."""
        columns = self.cubes[cube]
        if name == "job":
            return self._through("jobs", "shown", self._reference(cube, "job"))
        if name in ("worker", "worker_a", "worker_b"):
            if cube == "workers":
                return lambda row: columns["worker"][row]
            return self._through("workers", "worker", self._reference(cube, name))
        if name in columns:
            return columns[name].__getitem__
        if name in _STEPS:
            step, time = _STEPS[name], self._reference(cube, "time")
            return lambda row: None if time(row) is None else time(row) // step * step
        if name in _OF_JOB:
            return self._through("jobs", name, self._reference(cube, "job"))
        if name in _OF_WORKER:
            return self._through("workers", name, self._reference(cube, "worker"))
        return self._reference(cube, name)

    def _reference(self, cube: str, name: str) -> Reader:
        columns = self.cubes[cube]
        if name in columns:
            return columns[name].__getitem__
        if "task" in columns and name in _OF_TASK:
            return self._through("tasks", name, columns["task"].__getitem__)
        return lambda row: None

    def _through(self, cube: str, name: str, reference: Reader) -> Reader:
        values = self.cubes[cube][name]
        return lambda row: None if (target := reference(row)) is None else values[target]

    def kept(self, cube: str) -> list[int]:
        """Return the rows of a cube that the selection lets through.

        A row counts by its job; by its worker, or any of its workers; and by its time. One without a worker
        or a time counts where its job has an answer of the chosen workers in the chosen time.
        """
        chosen, columns = self.selection, self.cubes[cube]
        size = len(next(iter(columns.values()), ()))
        job, shown, modality = (
            self._reference(cube, "job"),
            self.cubes["jobs"]["shown"],
            self.cubes["jobs"]["modality"],
        )
        names = self.cubes["workers"]["worker"]
        who = [self._reference(cube, name) for name in ("worker", "worker_a", "worker_b") if name in columns]
        several, time = self._reference(cube, "workers"), self._reference(cube, "time")
        timed = "time" in columns or "task" in columns

        def passes(row: int) -> bool:
            of = job(row)
            if chosen.jobs and (of is None or shown[of] not in chosen.jobs):
                return False
            if chosen.modalities and (of is None or modality[of] not in chosen.modalities):
                return False
            if not chosen.narrow:
                return True
            mine = [it for read in who if (it := read(row)) is not None] if who else several(row) or []
            if chosen.workers and (mine or timed) and not any(names[it] in chosen.workers for it in mine):
                return False
            if timed:
                when = time(row)
                always = chosen.start == -math.inf and chosen.end == math.inf
                return always or (when is not None and chosen.start <= when <= chosen.end)
            return self._answered is not None and of in self._answered

        return [row for row in range(size) if passes(row)]

    def rows(self, view: View) -> list[Row]:
        """Return the rows of a view: its groups with their measures, in its order."""
        kept = self._where(view.cube, view.where, self.kept(view.cube))
        readers = [(column.name, self.column(view.cube, column.name)) for column in view.group]
        if view.plain:
            found = [{name: read(row) for name, read in readers} for row in kept]
        else:
            groups: dict[tuple[Any, ...], list[int]] = {} if readers else {(): []}
            for row in kept:
                groups.setdefault(tuple(read(row) for _, read in readers), []).append(row)
            found = []
            for key, members in groups.items():
                names = dict(zip((name for name, _ in readers), key, strict=True))
                found.append(
                    names
                    | {measure.name: self.measure(view.cube, measure, members) for measure in view.measures}
                )
            self._shares(view, found)
        return _sorted(view, found)

    def measure(self, cube: str, measure: Measure, rows: Sequence[int]) -> float | None:
        """Return one figure over rows of a cube; None where it is not defined."""
        rows = self._where(cube, measure.where, rows)
        if measure.op == "count":
            return len(rows)
        read = self.column(cube, measure.column)
        values: list[float] = [value for row in rows if (value := read(row)) is not None]
        match measure.op:
            case "sum" | "share":
                return sum(values) * measure.scale
            case "distinct":
                return len(set(values))
            case "min":
                return min(values) * measure.scale if values else None
            case "max":
                return max(values) * measure.scale if values else None
            case "ratio":
                over = self.column(cube, measure.over)
                total = sum(value for row in rows if (value := over(row)) is not None)
                return sum(values) / total * measure.scale if total else None
            case "median" | "p90":
                weight = self.column(cube, "n")
                pairs = sorted((value, weight(row)) for row in rows if (value := read(row)) is not None)
                return _quantile(pairs, 0.5 if measure.op == "median" else 0.9, measure.scale)

    def _where(self, cube: str, where: Mapping[str, str], rows: Sequence[int]) -> Sequence[int]:
        for name, wanted in where.items():
            read = self.column(cube, name)
            rows = [row for row in rows if read(row) == wanted]
        return rows

    def _shares(self, view: View, found: list[Row]) -> None:
        for measure in view.measures:
            if measure.op != "share":
                continue
            totals: dict[Any, float] = {}
            for row in found:
                part = row[measure.over] if measure.over else ""
                totals[part] = totals.get(part, 0.0) + row[measure.name]
            for row in found:
                total = totals[row[measure.over] if measure.over else ""]
                row[measure.name] = row[measure.name] / total if total else None


def _quantile(pairs: Sequence[tuple[float, float]], share: float, scale: float) -> float | None:
    """Return a quantile, linear between ranks, of values that each count as often as their weight."""
    if not pairs:
        return None
    place = share * (sum(weight for _, weight in pairs) - 1)

    def at(rank: float) -> float:
        seen = 0.0
        for value, weight in pairs:
            seen += weight
            if seen > rank:
                return value
        return pairs[-1][0]

    low, high = at(math.floor(place)), at(math.ceil(place))
    return (low + (high - low) * (place - math.floor(place))) * scale


def _sorted(view: View, rows: list[Row]) -> list[Row]:
    places = {value: place for place, value in enumerate(view.domain)}
    names = [column.name for column in view.group]

    def rank(value: Any) -> tuple[int, float, str]:
        if value is None:
            return (2, 0.0, "")
        if isinstance(value, str):
            return (1, float(places.get(value, len(places))), value)
        return (0, float(value), "")

    if view.plain and not view.order:
        return rows
    rows.sort(key=lambda row: [rank(row[name]) for name in names])
    if view.order:
        name, down = view.order.lstrip("-"), view.order.startswith("-")
        # What is missing comes last either way.
        rows.sort(key=lambda row: rank(row[name]))
        if down:
            known = [row for row in rows if row[name] is not None]
            known.sort(key=lambda row: rank(row[name]), reverse=True)
            rows = known + [row for row in rows if row[name] is None]
    return rows
