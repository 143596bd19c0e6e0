"""Every chart and table of the dashboard, declared once (see `dashboard.evaluate`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brume.labels.pipeline.dashboard import chart_specs
from brume.labels.pipeline.dashboard.attribute_values import Attribute
from brume.labels.pipeline.dashboard.cubes import Cubes
from brume.labels.pipeline.dashboard.evaluate import Column, Measure, View
from brume.labels.pipeline.dashboard.headlines import Headline as Headline
from brume.labels.pipeline.dashboard.headlines import headlines
from brume.labels.pipeline.dashboard.quality_views import attention, quality
from brume.labels.pipeline.dashboard.shared_measures import (
    ANSWERS,
    JOB,
    MODALITY,
    NO_ANSWERS,
    SHARE,
    TIME,
    total,
)
from brume.labels.pipeline.dashboard.worker_views import worker_views

_FEW = 4  # parts that a ring can show


@dataclass(frozen=True)
class Section:
    """A part of the page."""

    name: str
    title: str
    lead: str
    views: tuple[View, ...]


@dataclass(frozen=True)
class Board:
    """All that is shown."""

    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]

    def views(self) -> list[View]:
        """Return the views of all sections."""
        return [view for section in self.sections for view in section.views]


def board(cubes: Cubes, *, masked: bool) -> Board:
    """Declare the dashboard of these cubes: which attributes there are decides what it has."""
    modalities = tuple(sorted({*cubes.tables["jobs"]["modality"]}))
    step = _step(cubes)
    labels = [view for it in cubes.attributes if it.record == "label" for view in _attribute(it)]
    frames = [view for it in cubes.attributes if it.record == "frame" for view in _attribute(it)]
    sections = (
        Section(
            "look",
            "What to look at",
            "What seems wrong, and why. It is no proof: each leads to the frames or answers behind it.",
            attention(),
        ),
        Section("progress", "Progress", "", _progress(step, modalities)),
        Section(
            "people",
            "Workers and time",
            "Time is what the tool measured from opening a task to handing it in.",
            worker_views(cubes, modalities, masked=masked),
        ),
        Section(
            "labels",
            "Labels",
            "A label counts for all who answered for its item, at the time of the last answer.",
            tuple(labels),
        ),
        Section("frames", "Frames", "Attributes of frames, and how many labels they hold.", tuple(frames)),
        Section(
            "quality",
            "Quality",
            "Figures of a whole job count where the chosen workers answered in it.",
            quality(cubes),
        ),
        Section("input", "Input", "What the files had that was new, and what could not be read.", _input()),
    )
    return Board(headlines(), tuple(section for section in sections if section.views))


def _step(cubes: Cubes) -> str:
    """Choose steps of time so that a timeline has some dozens of columns."""
    times = [time for cube in ("answers", "tasks") for time in cubes.tables[cube]["time"] if time is not None]
    hours = max(times) - min(times) if times else 0
    if hours <= 96 and cubes.hours == 1:
        return "hour"
    return "day" if hours <= 24 * 120 and cubes.hours <= 24 else "week"


def _progress(step: str, modalities: Sequence[str]) -> tuple[View, ...]:
    when = Column(
        step,
        {"hour": "Hour (UTC)", "day": "Day (UTC)", "week": "Week (UTC)"}[step],
        "time" if step == "hour" else "day",
    )
    return (
        View(
            "labels_over_time",
            "Labels over time",
            "tasks",
            (when, MODALITY),
            (total("labels", "Labels"), total("items", "Items")),
            about=f"By the {step} of the last answer for their item.",
            domain=tuple(modalities),
            chart=chart_specs.timeline(step, "labels", "modality", "labels", modalities),
            legend="modality",
            drill="tasks",
        ),
        View(
            "answers_over_time",
            "Answers over time",
            "answers",
            (when, MODALITY),
            (ANSWERS, TIME, total("labels", "Labels in answers", "labels")),
            about=f"By the {step} in which they were handed in.",
            domain=tuple(modalities),
            chart=chart_specs.timeline(step, "answers", "modality", "answers", modalities),
            legend="modality",
            drill="answers",
            empty=NO_ANSWERS,
        ),
        View(
            "jobs",
            "Jobs",
            "jobs",
            (
                JOB,
                Column("status", "State"),
                Column("reason", "Reason"),
                MODALITY,
                Column("level", "Level"),
                Column("items", "Items", "count"),
                Column("labelled", "Labelled", "count"),
                Column("missing", "Open", "count"),
                Column("failed", "Failed", "count"),
                Column("expired", "Expired", "count"),
                Column("labels", "Labels", "count"),
                Column("last", "Last answer", "time"),
            ),
            plain=True,
            about="Each job as a whole; those that did not end well first.",
            order="status",
            domain=("Failed", "Stopped", "Incomplete", "InProgress", "Unknown", "Completed"),
            drill="jobs",
            width="full",
        ),
    )


def _attribute(it: Attribute) -> tuple[View, ...]:
    """Return the views of one attribute: over everything, and by job."""
    unit = "Frames" if it.record == "frame" else "Labels"
    count = total("count", unit, "n")
    value = Column("value", it.title)
    chart = (
        chart_specs.columns("value", "count", it.title, unit.lower(), it.values)
        if it.numeric
        else chart_specs.donut("value", "count", it.values)
        if len(it.values) <= _FEW
        else chart_specs.bars("value", "count", unit.lower())
    )
    whole = View(
        f"value-{it.key}",
        it.title,
        "values",
        (value,),
        (count, SHARE),
        where={"attribute": it.key},
        domain=it.values,
        order="" if it.numeric or len(it.values) <= _FEW else "-count",
        chart=chart,
        legend="value" if not it.numeric and len(it.values) <= _FEW else "",
        drill="values",
    )
    if it.numeric:
        return (whole,)
    by_job = View(
        f"job-{it.key}",
        f"{it.title}, by job",
        "values",
        (JOB, value),
        (count, Measure("share", "Share of the job", "share", "n", "share", over="job")),
        where={"attribute": it.key},
        domain=it.values,
        most=14,
        chart=chart_specs.stacks("job", "count", "value", "share of the job", it.values, share=True),
        legend="value",
        drill="values",
    )
    return (whole, by_job)


def _input() -> tuple[View, ...]:
    return (
        View(
            "rejects",
            "Could not be read",
            "rejects",
            (
                Column("file", "File", "file"),
                Column("line", "Line", "id"),
                Column("field", "Field"),
                Column("reason", "Reason"),
                Column("remedy", "What to do"),
                JOB,
            ),
            plain=True,
            width="full",
            empty="Everything was read.",
        ),
        View(
            "drift",
            "Changes of the records",
            "drift",
            (
                Column("change", "Change"),
                Column("record", "Record"),
                Column("key", "Key"),
                Column("detail", "Detail"),
                Column("count", "Records", "count"),
                JOB,
                Column("file", "First file", "file"),
            ),
            plain=True,
            width="full",
            empty="Records look the same everywhere.",
        ),
    )
