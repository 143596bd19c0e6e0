"""The quality of one job: its answers, its labels and its audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from brume.labels.model.lake import Lake
from brume.labels.model.quality import answer_comparison, audit, checks, disagreement, label_errors, measures
from brume.labels.model.quality import finding_rows as findings
from brume.labels.model.quality.annotation_sets import LABEL_COLUMNS, AnnotationSets, build, numbers
from brume.labels.model.quality.arrays import Codes, Floats
from brume.labels.model.quality.faults import FLICKER, LABEL_ERROR
from brume.labels.model.quality.measures import Measure
from brume.lake.lake import Part, Snapshot

ANSWER_COLUMNS = ("item", "worker", "file", "answer")
TABLES = ("items", "frames", "labels", "answers", "answer_labels")
_USUAL_WIDTH = 1280.0  # pixels, where the width of frames is unknown


@dataclass(frozen=True)
class Work:
    """One job to assess: its parts of the lake, and those of the job that reviews it, if any."""

    modality: str
    job: str
    parts: tuple[Part, ...]
    audit_job: str = ""
    audit_parts: tuple[Part, ...] = ()
    audit_items: tuple[tuple[int, int], ...] = ()  # the audit's items and which of the job's they are


@dataclass(frozen=True)
class JobQuality:
    """The quality of one job; arrays are by answer, in the order of the lake's parts."""

    work: Work
    agreement: Floats  # NaN for an answer alone
    rejects: Codes  # labels of the answer that an audit rejected; -1 where none looked
    measures: list[Measure]
    pairs: list[tuple[str, str, Measure]]
    tallies: list[audit.Tally]
    findings: pa.Table


def assess(lake: Lake, work: Work) -> JobQuality:
    """Judge one job."""
    answers = read(lake, work.parts, "answers", ANSWER_COLUMNS)
    labels = read(lake, work.parts, "labels", (*LABEL_COLUMNS, "file"))
    frames = read(lake, work.parts, "frames", ("item", "frame_no", "attributes"))
    sets = build(
        labels,
        frames,
        answers,
        read(lake, work.parts, "answer_labels", (*LABEL_COLUMNS, "file", "answer")),
    )
    known = read(lake, work.parts, "items", ("item", "width", "height")).to_pylist()
    frame_size = {row["item"]: (row["width"], row["height"]) for row in known}
    width = _width(sets, frame_size)

    pairs = answer_comparison.compare(sets, *answer_comparison.partners(sets), width)
    agreed = answer_comparison.agreement(sets, pairs)
    following = answer_comparison.follow(sets, pairs.first, pairs.second)
    answered = answer_comparison.compare(sets, *label_errors.with_answers(sets), width)
    found = measures.of_job(sets, pairs, following, agreed)
    faults = checks.check(sets, frame_size)
    known_odd = [fault for fault in faults if fault.kind in (LABEL_ERROR, FLICKER)]
    contradicted = label_errors.contradicted(sets, answered)
    faults += checks.without_echoes(contradicted, known_odd, sets.thing)
    faults += disagreement.outliers(sets, pairs)
    rejects, tallies = np.full(len(answers), -1), list[audit.Tally]()
    if work.audit_parts:
        label, set_number = audit.authors(sets, answered, width)
        reviewed = _with_audit(lake, work, labels, frames)
        verdicts = audit.assess(reviewed, width)
        owned, worker = _owners(sets, reviewed, verdicts, label, set_number)
        rejects = _rejects(sets, verdicts, label, set_number)
        tallies = audit.tallies(verdicts, reviewed, owned, worker)
        faults += audit.outliers(verdicts, reviewed, owned, worker) + audit.objects(verdicts, reviewed)
        if audited := int(verdicts.audited.sum()):
            found.append(Measure("rejects", "", float(verdicts.rejected.sum()) / audited, audited))
    first_files = labels.group_by("item").aggregate([("file", "min")])
    files = dict(zip(first_files["item"].to_pylist(), first_files["file_min"].to_pylist(), strict=True))
    return JobQuality(
        work,
        agreement=measures.of_answers(sets, pairs, agreed),
        rejects=rejects,
        measures=found,
        pairs=measures.of_worker_pairs(sets, pairs, following, agreed),
        tallies=tallies,
        findings=findings.of_labels(faults, (work.modality, work.job), sets, answers, files),
    )


def read(lake: Lake, parts: Sequence[Part], table: str, columns: Sequence[str]) -> pa.Table:
    """Read columns of the parts of one table among `parts`, in their order."""
    return lake.table(table, Snapshot(all_parts=tuple(parts)), columns=columns)


def _width(sets: AnnotationSets, frame_size: dict[int, tuple[float | None, float | None]]) -> float:
    """Return how wide the frames of the job are at most: as given, or as far as boxes reach."""
    widths = [size[0] for size in frame_size.values() if size[0]]
    if widths:
        return float(max(widths))
    ends = sets.box[:, 0] + sets.box[:, 2]
    return float(ends[np.isfinite(ends)].max(initial=0)) or _USUAL_WIDTH


def _with_audit(lake: Lake, work: Work, labels: pa.Table, frames: pa.Table) -> AnnotationSets:
    """Return sets whose consolidated labels are the job's, and whose answers are the audit's labels."""
    known = dict(work.audit_items)
    tables = []
    for name, columns in (("labels", LABEL_COLUMNS), ("frames", ("item", "frame_no", "attributes"))):
        table = read(lake, work.audit_parts, name, columns)
        item = np.array([known.get(one, -1) for one in numbers(table["item"]).tolist()], dtype=np.int64)
        place = table.schema.get_field_index("item")
        table = table.set_column(place, "item", pa.array(item, pa.int32()))
        tables.append(table.filter(pc.greater_equal(table["item"], 0)))
    tables[1] = tables[1].append_column("kind", pa.array(["frame"] * len(tables[1]), pa.string()))
    audited = pa.concat_tables(tables, promote_options="default")
    # The labels that an audit left for an item stand for one answer.
    of_item = pa.array(numbers(audited["item"]), pa.int32())
    audited = audited.append_column("answer", of_item)
    audited = audited.append_column("file", pa.array([""] * len(audited), pa.string()))
    answers = sorted(set(known.values()))
    return build(
        labels,
        frames,
        pa.table(
            {
                "item": pa.array(answers, pa.int32()),
                "worker": pa.array([""] * len(answers), pa.string()),
                "file": pa.array([""] * len(answers), pa.string()),
                "answer": pa.array(answers, pa.int32()),
            }
        ),
        audited,
    )


def _rejects(sets: AnnotationSets, verdicts: audit.Verdicts, label: Codes, set_number: Codes) -> Codes:
    """Count for each answer the rejected labels that it holds; -1 where its item was not audited."""
    size = int(sets.answer.max(initial=-1)) + 1
    answer = sets.answer[set_number]
    seen = np.bincount(answer, verdicts.audited[label], minlength=size) > 0
    count = np.bincount(answer, verdicts.rejected[label], minlength=size).astype(np.int64)
    return np.where(seen, count, -1)


def _owners(
    sets: AnnotationSets, reviewed: AnnotationSets, verdicts: audit.Verdicts, label: Codes, set_number: Codes
) -> tuple[Codes, npt.NDArray[np.object_]]:
    """Return the labels that an audit assessed or added, and their workers ("": unknown).

    Consolidated labels have the same numbers in `sets`, where `label` and `set_number` give their authors,
    and in `reviewed`. A label that was added is lacking in the item's answer, if it had just one.
    """
    names = np.array([*sets.workers, ""], dtype=object)
    orphans = np.setdiff1d(np.flatnonzero(verdicts.audited), label)
    added = np.flatnonzero(verdicts.added)
    given = np.flatnonzero(sets.answer >= 0)
    items, first, count = np.unique(sets.item[given], return_index=True, return_counts=True)
    alone = {
        int(item): int(sets.worker[given[place]])
        for item, place, many in zip(items, first, count, strict=True)
        if many == 1
    }
    lacking = [alone.get(int(item), -1) for item in reviewed.item[reviewed.set_number[added]]]
    workers = np.concatenate(
        [sets.worker[set_number], np.full(orphans.size, -1), np.array(lacking, np.int64)]
    )
    return np.concatenate([label, orphans, added]), names[workers]
