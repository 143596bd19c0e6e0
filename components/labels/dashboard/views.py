"""Every figure and table of the dashboard, declared once (see `components.labels.dashboard.evaluate`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.labels.dashboard import marks
from components.labels.dashboard.cubes import Cubes
from components.labels.dashboard.evaluate import Column, Measure, View
from components.labels.dashboard.values import Attribute

HOUR = 3600.0
_FEW = 4  # parts that a ring can show
_PACES = ("too fast", "too slow", "idle", "usual", "not judged")
_NO_ANSWERS = (
    "No worker responses were found below the source. They lie in annotations/worker-response/ beside the "
    "consolidated annotations: let the source be the folder that has both."
)
_NO_QUALITY = "Nothing was judged here: it takes items that two workers answered, or a second level."


@dataclass(frozen=True)
class Part:
    """One figure of a headline: its cube and measure; `text` has {} in the figure's place."""

    cube: str
    measure: Measure
    text: str = "{}"


@dataclass(frozen=True)
class Headline:
    """A headline number and the remarks under it."""

    name: str
    title: str
    main: Part
    details: tuple[Part, ...] = ()


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
        Section("progress", "Progress", "", _progress(step, modalities)),
        Section(
            "people",
            "Workers and time",
            "Time is what the tool measured from opening a task to handing it in.",
            _people(cubes, modalities, masked=masked),
        ),
        Section(
            "labels",
            "Labels",
            "A label counts for all who answered for its item, at the time of the last answer.",
            tuple(labels),
        ),
        Section(
            "frames", "Frames", "What the frames say of themselves, and how full they are.", tuple(frames)
        ),
        Section(
            "quality",
            "Quality",
            "What to look at first. Figures of a whole job count where the chosen workers answered in it.",
            _quality(cubes),
        ),
        Section("input", "Input", "What the files had that was new, and what could not be read.", _input()),
    )
    return Board(_headlines(), tuple(section for section in sections if section.views))


def _step(cubes: Cubes) -> str:
    """Choose steps of time so that a timeline has some dozens of columns."""
    times = [time for cube in ("answers", "tasks") for time in cubes.tables[cube]["time"] if time is not None]
    hours = max(times) - min(times) if times else 0
    if hours <= 96 and cubes.hours == 1:
        return "hour"
    return "day" if hours <= 24 * 120 and cubes.hours <= 24 else "week"


def _sum(name: str, title: str, column: str = "", **more: Any) -> Measure:
    return Measure(name, title, "sum", column or name, **more)


_TIME = _sum("hours", "Time", "seconds", unit="hours", scale=1 / HOUR)
_PER_HOUR = Measure("per_hour", "Labels an hour", "ratio", "labels", "number", over="seconds", scale=HOUR)
_ANSWERS = _sum("answers", "Answers", "n")
_SHARE = Measure("share", "Share", "share", "n", "share")
_JOB = Column("job", "Job")
_WORKER = Column("worker", "Worker")
_MODALITY = Column("modality", "Modality")


def _headlines() -> tuple[Headline, ...]:
    def jobs(status: str, words: str) -> Part:
        return Part("jobs", Measure(status, status, "count", where={"status": status}), f"{{}} {words}")

    def items(state: str, words: str = "{}") -> Part:
        return Part("tasks", _sum(state, state, "items", where={"state": state}), words)

    def pace(kind: str) -> Part:
        return Part("answers", _sum(kind, kind, "n", where={"pace": kind}), f"{{}} {kind}")

    states = (
        ("InProgress", "in progress"),
        ("Incomplete", "incomplete"),
        ("Stopped", "stopped"),
        ("Failed", "failed"),
    )
    many = Measure("many", "", "count")
    return (
        Headline("jobs", "Jobs", Part("jobs", many), tuple(jobs(*state) for state in states)),
        Headline("items", "Items labelled", items("labelled")),
        Headline(
            "open",
            "Items open",
            items("missing"),
            (items("failed", "{} failed"), items("expired", "{} expired")),
        ),
        Headline("frames", "Frames", Part("tasks", _sum("frames", "Frames"))),
        Headline(
            "labels",
            "Labels",
            Part("tasks", _sum("labels", "Labels")),
            (Part("tasks", Measure("each", "", "ratio", "labels", "number", over="frames"), "{} a frame"),),
        ),
        Headline("answers", "Answers", Part("answers", _ANSWERS), tuple(pace(kind) for kind in _PACES[:3])),
        Headline(
            "workers",
            "Workers",
            Part("answers", Measure("workers", "Workers", "distinct", "worker")),
            (
                Part(
                    "answers",
                    Measure("agree", "", "ratio", "agreement", "share", over="compared"),
                    "{} agreement",
                ),
            ),
        ),
        Headline(
            "hours",
            "Time worked",
            Part("answers", _TIME),
            (Part("answers", Measure("median", "", "median", "middle", "seconds"), "{} an answer (median)"),),
        ),
        Headline("per_hour", "Labels an hour", Part("answers", _PER_HOUR)),
        Headline("rejects", "Rejected labels", Part("answers", _sum("rejects", "Rejects")), ()),
        Headline("findings", "Findings", Part("findings", many)),
        Headline(
            "input",
            "Unreadable input",
            Part("rejects", many),
            (Part("drift", many, "{} changes of records"),),
        ),
    )


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
            (when, _MODALITY),
            (_sum("labels", "Labels"), _sum("items", "Items")),
            about=f"By the {step} of the last answer for their item.",
            domain=tuple(modalities),
            chart=marks.timeline(step, "labels", "modality", "labels", modalities),
            legend="modality",
            drill="tasks",
        ),
        View(
            "answers_over_time",
            "Answers over time",
            "answers",
            (when, _MODALITY),
            (_ANSWERS, _TIME, _sum("labels", "Labels in answers", "labels")),
            about=f"By the {step} in which they were handed in.",
            domain=tuple(modalities),
            chart=marks.timeline(step, "answers", "modality", "answers", modalities),
            legend="modality",
            drill="answers",
            empty=_NO_ANSWERS,
        ),
        View(
            "jobs",
            "Jobs",
            "jobs",
            (
                _JOB,
                _MODALITY,
                Column("level", "Level"),
                Column("status", "State"),
                Column("items", "Items", "count"),
                Column("labelled", "Labelled", "count"),
                Column("missing", "Open", "count"),
                Column("failed", "Failed", "count"),
                Column("expired", "Expired", "count"),
                Column("labels", "Labels", "count"),
                Column("last", "Last answer", "time"),
                Column("reason", "Reason"),
            ),
            plain=True,
            about="Each job as a whole.",
            drill="jobs",
            width="full",
        ),
    )


def _people(cubes: Cubes, modalities: Sequence[str], *, masked: bool) -> tuple[View, ...]:
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
            (_WORKER, _MODALITY),
            (_TIME, _ANSWERS),
            about="The most time first.",
            order="-hours",
            domain=tuple(modalities),
            most=12,
            chart=marks.stacks("worker", "hours", "modality", "hours", modalities),
            legend="modality",
            drill="answers",
            empty=_NO_ANSWERS,
        ),
        View(
            "time_by_modality",
            "Time by modality",
            "answers",
            (_MODALITY,),
            (_TIME, Measure("share", "Share", "share", "seconds", "share"), _ANSWERS, _PER_HOUR),
            order="-hours",
            chart=marks.bars("modality", "hours", "hours"),
            drill="answers",
            empty=_NO_ANSWERS,
        ),
        View(
            "workers",
            "Workers",
            "answers",
            (_WORKER, *known),
            (
                Measure("jobs", "Jobs", "distinct", "job"),
                _ANSWERS,
                _sum("labels", "Labels"),
                _TIME,
                Measure("mean", "Average", "ratio", "seconds", "seconds", over="n"),
                Measure("median", "Median", "median", "middle", "seconds"),
                Measure("p90", "9 in 10 under", "p90", "high", "seconds"),
                Measure("least", "Shortest", "min", "least", "seconds"),
                Measure("longest", "Longest", "max", "most", "seconds"),
                _PER_HOUR,
                _sum("rejects", "Rejects"),
                *(
                    _sum(kind.replace(" ", "_"), kind.capitalize(), "n", where={"pace": kind})
                    for kind in _PACES[:3]
                ),
                Measure("agreement", "Agreement", "ratio", "agreement", "share", over="compared"),
            ),
            order="-hours",
            about="Times are of one answer; rejects are labels that an audit rejected.",
            drill="answers",
            width="full",
            empty=_NO_ANSWERS,
        ),
        View(
            "time_by_class",
            "Time by class of label",
            "label_time",
            (kind,),
            (
                _TIME,
                _sum("labels", "Labels"),
                Measure("each", "Time for one", "ratio", "seconds", "seconds", over="labels"),
            ),
            order="-hours",
            about="An answer's time is shared out evenly among its labels.",
            most=12,
            chart=marks.bars("class", "hours", "hours"),
            drill="jobs",
            empty="The time that a label takes was not worked out: that is done when quality is judged.",
        ),
        View(
            "pace_by_worker",
            "Labels an hour by worker",
            "answers",
            (_WORKER,),
            (_PER_HOUR, _sum("labels", "Labels"), _TIME),
            order="-per_hour",
            most=12,
            about="The fastest first: fast is not wrong, but worth a look beside the rejects.",
            chart=marks.bars("worker", "per_hour", "labels an hour"),
            drill="answers",
            empty=_NO_ANSWERS,
        ),
    )


def _attribute(it: Attribute) -> tuple[View, ...]:
    """Return the views of one attribute: over everything, and by job."""
    unit = "Frames" if it.record == "frame" else "Labels"
    count = _sum("count", unit, "n")
    value = Column("value", it.title)
    chart = (
        marks.columns("value", "count", it.title, unit.lower(), it.values)
        if it.numeric
        else marks.donut("value", "count", it.values)
        if len(it.values) <= _FEW
        else marks.bars("value", "count", unit.lower())
    )
    whole = View(
        f"value-{it.key}",
        it.title,
        "values",
        (value,),
        (count, _SHARE),
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
        (_JOB, value),
        (count, Measure("share", "Share of the job", "share", "n", "share", over="job")),
        where={"attribute": it.key},
        domain=it.values,
        most=14,
        chart=marks.stacks("job", "count", "value", "share of the job", it.values, share=True),
        legend="value",
        drill="values",
    )
    return (whole, by_job)


def _quality(cubes: Cubes) -> tuple[View, ...]:
    pace = Column("pace", "Pace")
    when = Column("time", "Handed in", "time")
    value = Column("value", "Value", "score")
    subject = Column("subject", "Of")
    each = Measure("each", "Seconds a label", "ratio", "seconds", "number", over="labels")
    outcomes = tuple(
        _sum(name, name.capitalize())
        for name in ("audited", "confirmed", "moved", "relabelled", "removed", "added")
    )
    confirmed = Measure("share", "Confirmed", "ratio", "confirmed", "share", over="audited")
    few_pairs = len(cubes.tables["agreement"]["value"]) <= 150
    return (
        View(
            "findings_by_kind",
            "Findings",
            "findings",
            (Column("kind", "Kind"),),
            (
                Measure("count", "Findings", "count"),
                Measure("jobs", "Jobs", "distinct", "job"),
                Measure("workers", "Workers", "distinct", "worker"),
            ),
            order="-count",
            chart=marks.bars("kind", "count", "findings"),
            drill="finding",
            empty="Nothing stands out. That also holds where nothing could be judged.",
        ),
        View(
            "pace",
            "Pace of answers",
            "answers",
            (pace, _WORKER, _JOB, when, Column("item", "Item", "id")),
            (each, _sum("labels", "Labels"), Measure("seconds", "Time", "sum", "seconds", "seconds")),
            domain=_PACES,
            most=1500,
            about="Each point is an answer. Too fast, too slow and idle are judged within their job.",
            chart=marks.scatter("time", "each", "pace", "seconds a label", _PACES),
            drill="answers",
            empty=_NO_ANSWERS,
        ),
        View(
            "findings",
            "What to look at",
            "findings",
            (
                Column("kind", "Kind"),
                Column("score", "Score", "score"),
                _JOB,
                Column("item", "Item", "id"),
                Column("frame_no", "Frame", "id"),
                Column("frame_end", "To", "id"),
                Column("object", "Object"),
                _WORKER,
                Column("detail", "What"),
                Column("file", "File", "file"),
            ),
            plain=True,
            about="The surest of each kind first.",
            drill="finding",
            width="full",
            empty="Nothing stands out. That also holds where nothing could be judged.",
        ),
        View(
            "quality_of_jobs",
            "Agreement in each job",
            "quality",
            (_JOB, Column("figure", "Measure")),
            (Measure("value", "Value", "max", "value", "score"), _sum("units", "Rests on")),
            where={"main": "yes"},
            most=120,
            about="1 is full agreement, 0 what chance would give or less.",
            chart=marks.heat("figure", "job", "value", "value", text=True),
            drill="jobs",
            empty=_NO_QUALITY,
        ),
        View(
            "agreement",
            "Agreement of pairs of workers",
            "agreement",
            (Column("worker_a", "Worker"), Column("worker_b", "And")),
            (
                Measure("mean", "Agreement", "ratio", "weighted", "score", over="units"),
                _sum("units", "Items compared"),
                Measure("jobs", "Jobs", "distinct", "job"),
            ),
            order="" if few_pairs else "mean",
            most=400 if few_pairs else 25,
            about="Over all jobs that both answered in"
            + ("." if few_pairs else "; the pairs that agree least first."),
            chart=marks.heat("worker_a", "worker_b", "mean", "agreement", text=few_pairs),
            drill="pair",
            empty=_NO_QUALITY,
        ),
        View(
            "audit_by_worker",
            "Audit, by worker",
            "audit",
            (_WORKER,),
            (confirmed, *outcomes),
            where={"of": "class"},
            order="share",
            most=12,
            about="How much of a worker's labels the second level confirmed; the least first.",
            chart=marks.bars("worker", "share", "confirmed"),
            drill="audit",
            empty="No second level was found that reviews these labels.",
        ),
        View(
            "audit_by_subject",
            "Audit, by class and attribute",
            "audit",
            (subject,),
            (confirmed, *outcomes),
            order="share",
            most=12,
            chart=marks.bars("subject", "share", "confirmed"),
            drill="audit",
            empty="No second level was found that reviews these labels.",
        ),
        View(
            "quality_detail",
            "All figures of each job",
            "quality",
            (_JOB, Column("measure", "Measure"), subject, value, Column("units", "Rests on", "count")),
            plain=True,
            drill="jobs",
            width="full",
            empty=_NO_QUALITY,
        ),
    )


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
                _JOB,
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
                _JOB,
                Column("file", "First file", "file"),
            ),
            plain=True,
            width="full",
            empty="Records look the same everywhere.",
        ),
    )
