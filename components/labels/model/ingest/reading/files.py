"""Rows of the lake's tables from files of one job; the content decides the kind."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from brume.labels.model.ingest.layout import Place
from brume.labels.model.ingest.reading import answers, json_parsing, label_finder, manifests
from brume.labels.model.ingest.reading.arrow_columns import constant, each, maps
from brume.labels.model.ingest.reading.frames import Frames
from brume.labels.model.ingest.reading.json_values import text
from brume.labels.model.ingest.reading.label_columns import LabelColumns
from brume.labels.model.ingest.reading.notes import Notes
from brume.labels.model.ingest.reading.records import Records
from brume.labels.model.schema import COUNT, TABLES, TEXT

_TRACKING, _DETECTION = "tracking-annotations", "detection-annotations"
_DESCRIPTION = ("LabelingJobName", "LabelingJobStatus")
_DESCRIBED = (
    "LabelingJobName",
    "LabelingJobStatus",
    "FailureReason",
    "CreationTime",
    "LastModifiedTime",
    "LabelAttributeName",
)


@dataclass(frozen=True)
class Context:
    """What is known of a job before its files are read; "" where its files must give it.

    `classes` are the names of its class ids, `task` is the type of its task.
    """

    modality: str = ""
    batch: str = ""
    level: str = ""
    job: str = ""
    task: str = ""
    classes: tuple[tuple[str, str], ...] = ()

    def digest(self) -> str:
        """Return a digest: files that were read under another are read again."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    @property
    def lines(self) -> str:
        """The kind of a label with vertices."""
        return "polygon" if "polygon" in f"{self.modality} {self.task}".lower() else "polyline"


@dataclass
class Read:
    """One file that was read: its row of `files` (but for where it belongs) and its content."""

    file: str
    place: Place
    digest: str
    kind: str = "unreadable"
    modality: str = ""
    value: Any = None
    lines: list[int] = field(default_factory=list)  # of its answers, as `json_parsing.lines_of` returns them
    notes: Notes = field(init=False)
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.notes = Notes(self.file)

    @property
    def item(self) -> int:
        """The number of its data object; 0 where its place does not give it."""
        return self.place.item or 0


def recognise(read: Read, data: bytes) -> None:
    """Parse a file and set its kind; what cannot be read is noted and stays unreadable."""
    notes = read.notes
    if read.place.kind == "manifest":
        read.value = manifests.parse(data, notes)
        read.kind = "manifest"
        if read.value.unread and not read.value.lines:
            read.kind = "unreadable"
        elif not read.place.job and not any(line.attributes for line in read.value.lines):
            read.kind = "ignored"  # the input of a job
        return
    try:
        value = json_parsing.parse(data, notes)
    except json_parsing.DocumentError as error:
        notes.reject("", str(error), error.remedy, error.line)
        return
    read.value = value
    keys = {label_finder.plain(key) for key in value} if isinstance(value, dict) else set()
    if keys & {label_finder.plain(_TRACKING), label_finder.plain(_DETECTION)}:
        read.kind = "sequence"
        tracking = label_finder.plain(_TRACKING) in keys
        read.modality = "VideoObjectTracking" if tracking else "VideoObjectDetection"
    elif "answers" in keys:
        read.kind = "answers"
        read.lines = json_parsing.lines_of(data, "answers", value.get("answers"))
    elif isinstance(value, dict) and all(isinstance(value.get(key), str) for key in _DESCRIPTION):
        read.kind = "description"
        read.facts = {key: one for key in _DESCRIBED if not isinstance(one := value.get(key), dict | list)}
        counters = value.get("LabelCounters")
        counts = counters.items() if isinstance(counters, dict) else ()
        read.facts["LabelCounters"] = {key: count for key, count in counts if isinstance(count, int)}
    elif read.place.kind in ("sequence", "answers"):
        what = f"{_TRACKING} or {_DETECTION}" if read.place.kind == "sequence" else "answers"
        notes.reject(what, "the file has no such key", "copy the file again from the job")
    else:
        read.kind = "ignored"


def context_of(read: Read) -> Context:
    """Return the job of a manifest."""
    manifest: manifests.Manifest = read.value
    place = read.place
    job = place.job or manifest.job() or place.folder.rpartition("/")[2]
    task = manifest.type(job)
    return Context(
        place.modality or manifests.modality_of(task),
        place.batch,
        place.level,
        job,
        task,
        tuple(sorted(manifest.classes(job).items())),
    )


def tables(reads: Sequence[Read], context: Context) -> dict[str, pa.Table]:
    """Return the rows of files of one job and one kind, by table; fills the files' notes and facts."""
    job = {name: getattr(context, name) for name in ("modality", "batch", "level", "job")}
    kind = reads[0].kind
    if kind == "manifest":
        return _manifest_tables(reads, job, context)
    if kind == "answers":
        responses = [
            answers.Response(read.value, read.notes, read.file, read.item, read.place.iteration, read.lines)
            for read in reads
        ]
        found, facts = answers.read(responses, job, classes=dict(context.classes), lines=context.lines)
        for read, fact in zip(reads, facts, strict=True):
            read.facts = fact
        return found
    return _sequence_tables(reads, job, context)


def _sequence_tables(reads: Sequence[Read], job: dict[str, str], context: Context) -> dict[str, pa.Table]:
    found: dict[str, list[pa.Table]] = {"annotations_batch_manifests": [], "frames": [], "labels": []}
    for column in (_TRACKING, _DETECTION):
        some = [(read, *taken) for read in reads if (taken := _entries(read, column))]
        if not some:
            continue
        files = [read for read, _, _ in some]
        frames = Frames(
            [entries for _, entries, _ in some],
            [read.notes for read in files],
            "",
            classes=dict(context.classes),
            lines=context.lines,
        )
        found["annotations_batch_manifests"].append(
            _table(
                "annotations_batch_manifests",
                len(files),
                {
                    column: frames.nested(),
                    "extra": maps([extra for _, _, extra in some]),
                    "item": pa.array([read.item for read in files], COUNT),
                    "file": pa.array([read.file for read in files], TEXT),
                    "partition_0": constant(context.modality, len(files)),
                    "partition_1": constant(context.job, len(files)),
                },
            )
        )
        for name, counts, columns in (
            ("frames", frames.counts, frames.columns),
            ("labels", frames.document_labels, frames.label_columns()),
        ):
            total = sum(counts)
            found[name].append(
                _table(
                    name,
                    total,
                    {
                        **{key: constant(value, total) for key, value in job.items()},
                        **columns,
                        "item": each([read.item for read in files], counts, COUNT),
                        "file": each([read.file for read in files], counts),
                    },
                )
            )
        for read, many, labels in zip(files, frames.counts, frames.document_labels, strict=True):
            read.notes.rows += 1 + many + labels
            so_far = read.facts
            read.facts = {
                "item": read.item,
                "frames": so_far.get("frames", 0) + many,
                "labels": so_far.get("labels", 0) + labels,
            }
    return {
        name: pa.concat_tables(parts, promote_options="permissive") for name, parts in found.items() if parts
    }


def _entries(read: Read, column: str) -> tuple[Any, dict[str, Any]] | None:
    """Return the frames under a column's key, and what else the file holds; None where it has no such key."""
    known = {label_finder.plain(_TRACKING), label_finder.plain(_DETECTION)}
    key = next((key for key in read.value if label_finder.plain(key) == label_finder.plain(column)), None)
    if key is None:
        return None
    read.notes.keys.add_record("sequence", read.value, {key})
    return read.value[key], {
        one: text(value) for one, value in read.value.items() if label_finder.plain(one) not in known
    }


def _manifest_tables(reads: Sequence[Read], job: dict[str, str], context: Context) -> dict[str, pa.Table]:
    rows: list[dict[str, Any]] = []
    listed: list[tuple[Read, manifests.Line, list[label_finder.Label]]] = []
    for read in reads:
        manifest: manifests.Manifest = read.value
        stills: dict[str, list[Any]] = {}
        for line in manifest.lines:
            made = [{**row, "file": read.file} for row in manifests.rows(line)]
            rows += made
            own = line.own(context.job)
            labels = [label for one in own for label in manifests.labels(one)]
            listed.append((read, line, labels))
            sizes = [size for one in own if any(size := manifests.size(one))]
            if labels or sizes:
                stills[str(line.item)] = [len(labels), *(sizes[0] if sizes else (None, None))]
            read.notes.rows += len(made) + len(labels)
        read.facts = {
            "job": context.job,
            "modality": context.modality,
            "task": context.task,
            "classes": dict(context.classes),
            "unread": manifest.unread,
            "stills": stills,
        }
    found = {
        "output_manifest": pa.Table.from_pylist(
            [
                {**row, **{key: job[key] for key in ("batch", "level")}}
                | {"partition_0": context.modality, "partition_1": context.job}
                for row in rows
            ],
            schema=TABLES["output_manifest"].schema,
        )
    }
    counts = [len(labels) for _, _, labels in listed]
    total = sum(counts)
    if total:
        by_file = {id(read): 0 for read in reads}
        for (read, _, _), count in zip(listed, counts, strict=True):
            by_file[id(read)] += count
        marks = LabelColumns(
            Records(
                [label for _, _, labels in listed for _, label in labels],
                [by_file[id(read)] for read in reads],
                [read.notes for read in reads],
            ),
            "label",
            classes=dict(context.classes),
            lines=context.lines,
            kinds=[kind for _, _, labels in listed for kind, _ in labels],
        )
        found["labels"] = _table(
            "labels",
            total,
            {
                **{key: constant(value, total) for key, value in job.items()},
                **marks.columns,
                "item": each([line.item for _, line, _ in listed], counts, COUNT),
                "line": each([line.number for _, line, _ in listed], counts, COUNT),
                "file": each([read.file for read, _, _ in listed], counts),
            },
        )
    return found


def _table(name: str, count: int, columns: dict[str, pa.Array]) -> pa.Table:
    schema = TABLES[name].schema
    return pa.table(
        {one.name: columns[one.name] if one.name in columns else pa.nulls(count, one.type) for one in schema}
    )
