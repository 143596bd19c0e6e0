"""The views of the dashboard's part on quality."""

from __future__ import annotations

from brume.labels.pipeline.dashboard import chart_specs
from brume.labels.pipeline.dashboard.cubes import Cubes
from brume.labels.pipeline.dashboard.evaluate import Column, Measure, View
from brume.labels.pipeline.dashboard.shared_measures import JOB, NO_ANSWERS, PACES, WORKER, total

_FEW_PAIRS = 60  # cells of a matrix that can be read
_NO_QUALITY = "Nothing was judged here: it takes items that two workers answered, or a second level."


def attention() -> tuple[View, ...]:
    """Return what seems wrong: how much of each kind, and one by one."""
    return (
        View(
            "findings_by_kind",
            "Findings by kind",
            "findings",
            (Column("kind", "Kind"),),
            (
                Measure("count", "Findings", "count"),
                Measure("jobs", "Jobs", "distinct", "job"),
                Measure("workers", "Workers", "distinct", "worker"),
            ),
            order="-count",
            width="full",
            chart=chart_specs.bars("kind", "count", "findings"),
            drill="finding",
            empty="Nothing stands out. That also holds where nothing could be judged.",
        ),
        View(
            "findings",
            "Findings",
            "findings",
            (
                Column("kind", "Kind"),
                Column("detail", "What"),
                JOB,
                Column("item", "Item", "id"),
                Column("frame_no", "Frame", "id"),
                Column("frame_end", "To frame", "id"),
                WORKER,
                Column("score", "Score", "score"),
                Column("object", "Object"),
                Column("file", "File", "file"),
            ),
            plain=True,
            about="The surest of each kind first; scores compare within a kind.",
            drill="finding",
            width="full",
            empty="Nothing stands out. That also holds where nothing could be judged.",
        ),
    )


def quality(cubes: Cubes) -> tuple[View, ...]:
    """Return the pace of answers, agreement and audit."""
    pace = Column("pace", "Pace")
    when = Column("time", "Handed in", "time")
    value = Column("value", "Value", "score")
    subject = Column("subject", "Of")
    each = Measure("each", "Seconds a label", "ratio", "seconds", "number", over="labels")
    outcomes = tuple(
        total(name, name.capitalize())
        for name in ("audited", "confirmed", "moved", "relabelled", "removed", "rejected", "added")
    )
    confirmed = Measure("share", "Confirmed", "ratio", "confirmed", "share", over="audited")
    few_pairs = len(cubes.tables["agreement"]["value"]) <= _FEW_PAIRS
    return (
        View(
            "pace",
            "Pace of answers",
            "answers",
            (pace, WORKER, JOB, when, Column("item", "Item", "id")),
            (each, total("labels", "Labels"), Measure("seconds", "Time", "sum", "seconds", "seconds")),
            domain=PACES,
            most=1500,
            about="Each point is an answer. Too fast, too slow and idle are judged within their job.",
            chart=chart_specs.scatter("time", "each", "pace", "seconds a label", PACES),
            drill="answers",
            empty=NO_ANSWERS,
        ),
        View(
            "quality_of_jobs",
            "Agreement in each job",
            "quality",
            (JOB, Column("figure", "Measure")),
            (Measure("value", "Value", "max", "value", "score"), total("units", "Rests on")),
            where={"main": "yes"},
            most=120,
            about="1 is full agreement. 0 is none; of kappa and alpha: as much as chance would give.",
            chart=chart_specs.heat("figure", "job", "value", "agreement", text=True),
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
                total("units", "Answers compared"),
                total("lost", "Of them in disagreement", "lost", unit="number"),
                Measure("jobs", "Jobs", "distinct", "job"),
            ),
            order="" if few_pairs else "-lost",
            most=400 if few_pairs else 14,
            about="Over all jobs that both answered in; those who disagree most often first."
            if not few_pairs
            else "Over all jobs that both answered in.",
            chart=chart_specs.heat("worker_a", "worker_b", "mean", "agreement", text=True)
            if few_pairs
            else chart_specs.bars("names", "lost", "answers in disagreement"),
            drill="pair",
            empty=_NO_QUALITY,
        ),
        View(
            "audit_by_worker",
            "Audit, by worker",
            "audit",
            (WORKER,),
            (confirmed, *outcomes),
            where={"of": "class"},
            order="share",
            most=12,
            about="How much of a worker's labels the second level confirmed; the least first.",
            chart=chart_specs.bars("worker", "share", "confirmed", share=True),
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
            chart=chart_specs.bars("subject", "share", "confirmed", share=True),
            drill="audit",
            empty="No second level was found that reviews these labels.",
        ),
        View(
            "quality_detail",
            "All figures of each job",
            "quality",
            (JOB, Column("measure", "Measure"), subject, value, Column("units", "Rests on", "count")),
            plain=True,
            drill="jobs",
            width="full",
            empty=_NO_QUALITY,
        ),
    )
