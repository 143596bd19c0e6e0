"""The views of the dashboard's part on workers: time, pace and what they did."""

from __future__ import annotations

from collections.abc import Sequence

from brume.labels.pipeline.dashboard import chart_specs
from brume.labels.pipeline.dashboard.cubes import Cubes
from brume.labels.pipeline.dashboard.evaluate import Column, Measure, View
from brume.labels.pipeline.dashboard.shared_measures import (
    AGREEMENT,
    ANSWERS,
    MODALITY,
    NO_ANSWERS,
    PACES,
    PER_HOUR,
    TIME,
    WORKER,
    total,
)

_EFFORT = (
    Measure("jobs", "Jobs", "distinct", "job"),
    ANSWERS,
    total("labels", "Labels"),
    TIME,
    Measure("mean", "Average", "ratio", "seconds", "seconds", over="n"),
    Measure("median", "Median", "median", "middle", "seconds"),
    Measure("p90", "9 in 10 under", "p90", "high", "seconds"),
    Measure("least", "Shortest", "min", "least", "seconds"),
    Measure("longest", "Longest", "max", "most", "seconds"),
    PER_HOUR,
    total("rejects", "Rejects"),
    *(total(kind.replace(" ", "_"), kind.capitalize(), "n", where={"pace": kind}) for kind in PACES[:3]),
    AGREEMENT,
)


def worker_views(cubes: Cubes, modalities: Sequence[str], *, masked: bool) -> tuple[View, ...]:
    """Return the time, pace and work of workers, and of teams where there are any."""
    known: list[Column] = []
    if any(cubes.tables["workers"]["email"]) and not masked:
        known.append(Column("email", "Email"))
    if any(cubes.tables["workers"]["team"]):
        known.append(Column("team", "Team"))
    kind = Column("class", "Class")
    return (
        View(
            "time_by_worker",
            "Time by worker and modality",
            "answers",
            (WORKER, MODALITY),
            (TIME, ANSWERS),
            about="The most time first.",
            order="-hours",
            domain=tuple(modalities),
            most=12,
            chart=chart_specs.stacks("worker", "hours", "modality", "hours", modalities),
            legend="modality",
            drill="answers",
            empty=NO_ANSWERS,
        ),
        View(
            "time_by_modality",
            "Time by modality",
            "answers",
            (MODALITY,),
            (TIME, Measure("share", "Share", "share", "seconds", "share"), ANSWERS, PER_HOUR),
            order="-hours",
            chart=chart_specs.bars("modality", "hours", "hours"),
            drill="answers",
            empty=NO_ANSWERS,
        ),
        View(
            "workers",
            "Workers",
            "answers",
            (WORKER, *known),
            _EFFORT,
            order="-hours",
            about="Average to longest are of one answer. Rejects: the second level rejected, relabelled "
            "or removed them.",
            drill="answers",
            width="full",
            empty=NO_ANSWERS,
        ),
        *(_teams() if any(cubes.tables["workers"]["team"]) else ()),
        View(
            "time_by_class",
            "Time by class of label",
            "label_time",
            (kind,),
            (
                TIME,
                total("labels", "Labels"),
                Measure("each", "Time for one", "ratio", "seconds", "seconds", over="labels"),
            ),
            order="-hours",
            about="An answer's time is shared out evenly among its labels.",
            most=12,
            chart=chart_specs.bars("class", "hours", "hours"),
            drill="jobs",
            empty="The time that a label takes was not worked out: that is done when quality is judged.",
        ),
        View(
            "pace_by_worker",
            "Labels an hour by worker",
            "answers",
            (WORKER,),
            (PER_HOUR, total("labels", "Labels"), TIME),
            order="-per_hour",
            most=12,
            about="The fastest first: fast is not wrong, but worth a look beside the rejects.",
            chart=chart_specs.bars("worker", "per_hour", "labels an hour"),
            drill="answers",
            empty=NO_ANSWERS,
        ),
    )


def _teams() -> tuple[View, ...]:
    return (
        View(
            "teams",
            "Teams",
            "answers",
            (Column("team", "Team"),),
            (Measure("workers", "Workers", "distinct", "worker"), *_EFFORT),
            order="-hours",
            about="Workers of several teams are a team of their own.",
            drill="answers",
            width="full",
            empty=NO_ANSWERS,
        ),
    )
