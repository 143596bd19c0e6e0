"""Compute the quality of all jobs of a lake, and write its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from brume.labels.model.lake import Lake
from brume.labels.model.quality import finding_rows, job_quality, levels, pace, worker_summaries
from brume.labels.model.quality.annotation_sets import numbers
from brume.labels.model.quality.arrays import Codes, Floats
from brume.labels.model.quality.job_quality import JobQuality, Work
from brume.labels.model.schema import QUALITY, TABLES
from brume.lake.lake import Part, Snapshot
from brume.run import progress
from brume.run.pool import share_out

_ROW_BYTES = 200  # of a label before it was packed, which is what `share_out` weighs
_ANSWERS = (*job_quality.ANSWER_COLUMNS, "modality", "job", "submitted", "seconds", "labels")


def run(lake: Lake) -> None:
    """Assess all jobs of a lake and replace its tables of quality (`schema.QUALITY`).

    Jobs are assessed one at a time in each process: memory grows with the largest job, not with the lake.
    Running it again gives the same tables. Raises `LakeError` for a lake that cannot be read.
    """
    snapshot = lake.snapshot()
    jobs = _jobs(lake, snapshot)
    answers = [job_quality.read(lake, work.parts, "answers", _ANSWERS) for work in jobs]
    timed = _timed(answers)
    paces = pace.assess(timed)
    rows_of = {work: sum(part.rows for part in work.parts) for work in jobs}
    pieces = [(lake, work) for work in sorted(jobs, key=rows_of.__getitem__, reverse=True)]
    assessed: list[JobQuality] = []
    for result in share_out(job_quality.assess, pieces, sum(rows_of.values()) * _ROW_BYTES):
        assessed.append(result)
        progress.report("quality", len(assessed), len(jobs), "jobs")
    place = {(work.modality, work.job): number for number, work in enumerate(jobs)}
    assessed.sort(key=lambda result: place[result.work.modality, result.work.job])
    rows: dict[str, list[pa.Table]] = {table.name: [table.schema.empty_table()] for table in QUALITY}
    starts = np.cumsum([0, *map(len, answers)])
    for result, given, start in zip(assessed, answers, starts, strict=False):
        _gather(rows, result, given, timed, paces, np.arange(start, start + len(given)))
    tables = {name: pa.concat_tables(some) for name, some in rows.items()}
    tables |= worker_summaries.summaries(lake, snapshot, tables["answer_quality"])
    lake.replace(list(tables), [lake.write(name, table) for name, table in tables.items()])


def _jobs(lake: Lake, snapshot: Snapshot) -> list[Work]:
    """Return the jobs that have anything to assess, each with the job that reviews it."""
    parts: dict[tuple[str, str], list[Part]] = {}
    for table in job_quality.TABLES:
        for part in snapshot.parts(table):
            parts.setdefault((part.partition[0], part.partition[1]), []).append(part)
    with lake.connect(snapshot) as connection:
        # Of several reviews of a job, that with most of its items.
        reviews = sorted(levels.reviews(connection), key=lambda review: len(review.items))
        found = {review.job: review for review in reviews}
    jobs = []
    for (modality, job), some in sorted(parts.items()):
        review = found.get((modality, job))
        if review is None:
            jobs.append(Work(modality, job, tuple(some)))
        else:
            audit_parts = tuple(parts.get(review.audit, ()))
            items = tuple(sorted(review.items.items()))
            jobs.append(Work(modality, job, tuple(some), review.audit[1], audit_parts, items))
    return jobs


def _timed(answers: Sequence[pa.Table]) -> pace.Answers:
    """Return the answers of all jobs as `pace` takes them."""
    every = pa.concat_tables(answers) if answers else pa.table({name: [] for name in _ANSWERS})
    job = np.repeat(np.arange(len(answers)), [len(table) for table in answers])
    modality, worker = (
        numbers(every[name].cast(pa.string()).combine_chunks().dictionary_encode().indices)
        for name in ("modality", "worker")
    )
    seconds = every["seconds"].cast(pa.float64()).fill_null(float("nan")).to_numpy()
    return pace.Answers(job, modality, worker, np.asarray(seconds), np.maximum(numbers(every["labels"]), 0))


def _gather(
    rows: dict[str, list[pa.Table]],
    assessed: JobQuality,
    answers: pa.Table,
    timed: pace.Answers,
    paces: pace.Pace,
    own: Codes,
) -> None:
    """Add what was found of one job to the rows of each table; `own` are its answers among all."""
    modality, job = assessed.work.modality, assessed.work.job
    where = {"modality": modality, "job": job}
    answers = answers.append_column("seconds_per_label", _numbers(paces.per_label[own]))
    answers = answers.append_column("deviation", _numbers(paces.deviation[own]))
    verdicts = [verdict or None for verdict in paces.verdict[own]]
    answers = answers.append_column("pace", pa.array(verdicts, pa.string()))
    answers = answers.append_column("agreement", _numbers(assessed.agreement))
    rejects = pa.array(assessed.rejects, pa.int32(), mask=assessed.rejects < 0)
    answers = answers.append_column("rejects", rejects)
    schema = TABLES["answer_quality"].schema
    rows["answer_quality"].append(answers.select(schema.names).cast(schema))
    found = {
        "quality_jobs": [{**where, **asdict(measure)} for measure in assessed.measures],
        "quality_agreement": [
            {**where, "worker_a": first, "worker_b": second, **asdict(measure)}
            for first, second, measure in assessed.pairs
        ],
        "quality_audit": [
            {**where, "audit_job": assessed.work.audit_job, **asdict(tally)} for tally in assessed.tallies
        ],
    }
    for name, some in found.items():
        rows[name].append(pa.Table.from_pylist(some, TABLES[name].schema))
    faults = pace.faults(timed, paces, own)
    rows["findings"] += [
        finding_rows.of_answers(faults, (modality, job), answers, int(own[0]) if own.size else 0),
        assessed.findings,
    ]


def _numbers(values: Floats) -> pa.Array:
    """Return numbers with null in the place of NaN."""
    return pa.array(values, pa.float64(), mask=~np.isfinite(values))
