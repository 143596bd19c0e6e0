"""The tables of the lake: their columns, and how each is partitioned.

Names of the original's tables and columns are kept as AWS Glue made them (`annotations_batch_manifests`,
"tracking-annotations", partition_0 and partition_1), so that SQL written for it runs. Beside them lie flat
tables with a row for each thing that is counted. Attribute names are the customer's: in flat tables they are
keys of a map, in nested ones fields of a struct that `frames_type` makes of the names found. Values of
attributes are text everywhere: a number in one job and a word in the next is no conflict.

A data object of a job is an `item`: its number in the job's input, from 0 (the folder {n} of its annotations,
the line n + 1 of its manifest). `file` is a path below the source, `line` counts from 1. Times are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

DATABASE = "smgt-gluedatabase"  # the original's name: its queries spell it out

TEXT, NUMBER, WHOLE, COUNT, FLAG = pa.string(), pa.float64(), pa.int64(), pa.int32(), pa.bool_()
TIME = pa.timestamp("us", tz="UTC")
TEXTS = pa.map_(TEXT, TEXT)
POINTS = pa.list_(pa.struct([("x", NUMBER), ("y", NUMBER), ("z", NUMBER)]))


@dataclass(frozen=True)
class Table:
    """A table: its schema, the columns whose values name its folders, and what a row is.

    Partition columns stand in the files too. `original` marks those that the original's queries know.
    """

    name: str
    row: str
    schema: pa.Schema
    partitions: tuple[str, ...] = ()
    original: bool = False


def frames_type(frame_attributes: Sequence[str], label_attributes: Sequence[str]) -> pa.DataType:
    """Return the type of a sequence's frames with their annotations, as Glue finds it in SeqLabel.json.

    list<struct<frame-no, frame, frame-attributes: struct<...>, annotations: list<struct<...>>>>; a struct
    without attributes is left out, Parquet has none.
    """
    label = [
        ("height", NUMBER),
        ("width", NUMBER),
        ("top", NUMBER),
        ("left", NUMBER),
        ("class-id", TEXT),
        ("object-id", TEXT),
        ("object-name", TEXT),
        ("vertices", POINTS),
    ]
    if label_attributes:
        label.append(("label-category-attributes", pa.struct([(name, TEXT) for name in label_attributes])))
    frame = [("frame-no", TEXT), ("frame", TEXT)]
    if frame_attributes:
        frame.append(("frame-attributes", pa.struct([(name, TEXT) for name in frame_attributes])))
    return pa.list_(pa.struct([*frame, ("annotations", pa.list_(pa.struct(label)))]))


def manifest_table(modality: str) -> str:
    """Return the name that Glue's crawler gave the original's table of a modality's output manifests."""
    return "output_manifest_" + re.sub(r"\W", "_", modality.lower(), flags=re.ASCII)


_JOB = [("modality", TEXT), ("batch", TEXT), ("level", TEXT), ("job", TEXT)]
_WHERE = [("file", TEXT), ("line", COUNT)]
_LABEL = [
    ("frame_no", COUNT),  # null outside of sequences
    ("frame", TEXT),
    ("kind", TEXT),  # box, polyline, polygon, keypoint, cuboid, class, entity, mask; frame (answers alone)
    ("class", TEXT),
    ("class_id", TEXT),
    ("object_id", TEXT),
    ("object_name", TEXT),
    ("left", NUMBER),  # pixels
    ("top", NUMBER),
    ("width", NUMBER),
    ("height", NUMBER),
    ("vertices", POINTS),
    ("start", COUNT),  # characters, of an entity
    ("end", COUNT),
    ("confidence", NUMBER),
    ("attributes", TEXTS),
    ("extra", TEXTS),  # keys that no column holds, values as JSON
]
_EFFORT = [
    ("jobs", COUNT),
    ("tasks", COUNT),
    ("labels", WHOLE),
    ("seconds", NUMBER),
    ("seconds_min", NUMBER),
    ("seconds_mean", NUMBER),
    ("seconds_median", NUMBER),
    ("seconds_p90", NUMBER),
    ("seconds_max", NUMBER),
    ("labels_per_hour", NUMBER),
    ("rejects", COUNT),
    ("too_fast", COUNT),
    ("too_slow", COUNT),
    ("idle", COUNT),
    ("agreement", NUMBER),
]

# What ingest writes. `frames_type()` without names stands for columns whose structs grow with the data.
INGESTED = (
    Table(
        "annotations_batch_manifests",
        "one file of consolidated annotations of a sequence (SeqLabel.json)",
        pa.schema(
            [
                ("tracking-annotations", frames_type((), ())),
                ("detection-annotations", frames_type((), ())),
                ("extra", TEXTS),  # further keys of the file, values as JSON
                ("item", COUNT),
                ("file", TEXT),
                ("partition_0", TEXT),  # modality
                ("partition_1", TEXT),  # job
            ]
        ),
        ("partition_0", "partition_1"),
        original=True,
    ),
    Table(
        "output_manifest",
        "one label attribute of one line of an output manifest",
        pa.schema(
            [
                ("source-ref", TEXT),
                ("attribute", TEXT),  # the label attribute's name, the customer's choice
                ("ref", TEXT),  # <name>-ref, or a label that is itself text or a number
                ("type", TEXT),  # groundtruth/...
                ("job-name", TEXT),
                ("human-annotated", TEXT),
                ("creation-date", TEXT),
                ("adjustment-status", TEXT),
                ("failure-reason", TEXT),
                ("class-name", TEXT),
                ("class-map", TEXTS),
                ("confidence", NUMBER),
                ("metadata", TEXT),  # all of it, as JSON
                ("batch", TEXT),
                ("level", TEXT),
                ("item", COUNT),
                *_WHERE,
                ("partition_0", TEXT),
                ("partition_1", TEXT),
            ]
        ),
        ("partition_0", "partition_1"),
        original=True,
    ),
    Table(
        "items",
        "one data object of a job, and what became of it",
        pa.schema(
            [
                *_JOB,
                ("item", COUNT),
                ("source", TEXT),
                ("attribute", TEXT),
                ("type", TEXT),
                ("state", TEXT),  # labelled, failed, expired, missing
                ("reason", TEXT),
                ("labels", COUNT),
                ("frames", COUNT),
                ("width", NUMBER),  # pixels, where the annotations say
                ("height", NUMBER),
                ("created", TIME),
                ("human", FLAG),
                ("adjustment", TEXT),
                *_WHERE,
            ]
        ),
        ("modality", "job"),
    ),
    Table(
        "frames",
        "one frame of a sequence",
        pa.schema(
            [
                *_JOB,
                ("item", COUNT),
                ("frame_no", COUNT),
                ("frame", TEXT),
                ("labels", COUNT),
                ("attributes", TEXTS),
                ("extra", TEXTS),
                ("file", TEXT),
            ]
        ),
        ("modality", "job"),
    ),
    Table(
        "labels",
        "one consolidated label",
        pa.schema([*_JOB, ("item", COUNT), *_LABEL, *_WHERE]),
        ("modality", "job"),
    ),
    Table(
        "answers",
        "one answer of one worker",
        pa.schema(
            [
                *_JOB,
                ("item", COUNT),
                ("iteration", COUNT),
                ("answer", COUNT),  # number in its file, from 0
                ("worker", TEXT),  # sub, else worker_id, else "unknown": what all tables join on
                ("worker_id", TEXT),
                ("sub", TEXT),
                ("provider", TEXT),
                ("issuer", TEXT),
                ("accepted", TIME),
                ("submitted", TIME),
                ("seconds", NUMBER),
                ("labels", COUNT),
                ("frames", COUNT),
                ("entries", frames_type((), ())),  # of a sequence
                ("content", TEXT),  # answerContent as JSON, of anything else
                ("extra", TEXTS),  # further keys of the answer and its file, values as JSON
                ("file", TEXT),
            ]
        ),
        ("modality", "job"),
    ),
    Table(
        "answer_labels",
        "one label in one answer of one worker; kind frame holds the attributes of a frame",
        pa.schema([*_JOB, ("item", COUNT), ("answer", COUNT), ("worker", TEXT), *_LABEL, ("file", TEXT)]),
        ("modality", "job"),
    ),
    Table(
        "jobs",
        "one labelling job",
        pa.schema(
            [
                *_JOB,
                ("type", TEXT),
                ("status", TEXT),  # Completed, Failed, Stopped, InProgress, Incomplete
                ("reason", TEXT),
                ("items", COUNT),
                ("labelled", COUNT),
                ("failed", COUNT),
                ("expired", COUNT),
                ("missing", COUNT),
                ("labels", WHOLE),
                ("frames", WHOLE),
                ("answers", COUNT),
                ("workers", COUNT),
                ("created", TIME),
                ("first_submitted", TIME),
                ("last_submitted", TIME),
                ("file", TEXT),  # where its state is given, if anywhere
            ]
        ),
    ),
    Table(
        "rejects",
        "one thing that could not be read",
        pa.schema(
            [("modality", TEXT), ("job", TEXT), *_WHERE, ("field", TEXT), ("reason", TEXT), ("remedy", TEXT)]
        ),
    ),
    Table(
        "keys",
        "one key of one kind of record in one job",
        pa.schema(
            [
                ("modality", TEXT),
                ("job", TEXT),
                ("record", TEXT),  # label, frame, answer, manifest, ...
                ("key", TEXT),
                ("type", TEXT),  # string, number, boolean, object, array, null, or several with |
                ("known", FLAG),  # whether a column holds it
                ("count", WHOLE),
                ("first_file", TEXT),
            ]
        ),
    ),
    Table(
        "drift",
        "one change of what records look like",
        pa.schema(
            [
                ("record", TEXT),
                ("key", TEXT),
                ("change", TEXT),  # appeared, vanished, changed type
                ("detail", TEXT),
                ("modality", TEXT),
                ("job", TEXT),
                ("file", TEXT),
                ("count", WHOLE),
            ]
        ),
    ),
    Table(
        "files",
        "one file of the source",
        pa.schema(
            [
                ("file", TEXT),
                ("kind", TEXT),  # sequence, answers, manifest, description, ignored, unreadable
                ("modality", TEXT),
                ("job", TEXT),
                ("size", WHOLE),
                ("version", TEXT),
                ("digest", TEXT),
                ("rows", WHOLE),
                ("rejects", COUNT),
                ("read", TIME),
                ("facts", TEXT),  # what the next run needs to know of it, as JSON
            ]
        ),
    ),
)

JOINED = (
    Table(
        "workers",
        "one worker",
        pa.schema(
            [
                ("worker", TEXT),
                ("name", TEXT),  # the sub where nobody is known by it
                ("email", TEXT),
                ("team", TEXT),
                ("source", TEXT),  # cognito, csv, none
            ]
        ),
    ),
    Table(
        "worker_metrics_processed_worker_metrics",
        "one answer, with its worker's name",
        pa.schema(
            [
                ("user_name", TEXT),
                ("email", TEXT),
                ("acceptancetime", TIME),
                ("submissiontime", TIME),
                ("timespentinseconds", NUMBER),
                ("workerid", TEXT),
                ("identityprovidertype", TEXT),
                ("issuer", TEXT),
                ("sub", TEXT),
                ("jobname", TEXT),
                ("modality", TEXT),
                (
                    "answercontent",
                    pa.list_(
                        pa.struct(
                            [
                                (
                                    "trackingannotations",
                                    pa.struct([("framedata", pa.struct([("entries", frames_type((), ()))]))]),
                                )
                            ]
                        )
                    ),
                ),
                ("content", TEXT),
                ("file", TEXT),
                ("answer", COUNT),
                ("year", TEXT),
                ("month", TEXT),
                ("date", TEXT),
                ("hour", TEXT),
            ]
        ),
        ("year", "month", "date", "hour"),
        original=True,
    ),
)

# What quality writes.
JUDGED = (
    Table(
        "answer_quality",
        "one answer, judged within its job",
        pa.schema(
            [
                ("modality", TEXT),
                ("job", TEXT),
                ("item", COUNT),
                ("file", TEXT),
                ("answer", COUNT),
                ("worker", TEXT),
                ("submitted", TIME),
                ("seconds", NUMBER),
                ("labels", COUNT),
                ("seconds_per_label", NUMBER),
                ("deviation", NUMBER),  # robust z of log seconds per label within the job
                ("pace", TEXT),  # usual, too fast, too slow, idle
                ("agreement", NUMBER),  # 0 to 1, mean with the other answers of the item; null alone
                ("rejects", COUNT),  # labels of this answer that an audit rejected
            ]
        ),
    ),
    Table(
        "quality_workers",
        "one worker, over everything",
        pa.schema(
            [
                ("worker", TEXT),
                ("name", TEXT),
                ("team", TEXT),
                *_EFFORT,
            ]
        ),
    ),
    Table(
        "quality_teams",
        "one team, over everything; workers of several teams are one of their own",
        pa.schema([("team", TEXT), ("workers", COUNT), *_EFFORT]),  # "" for workers of none
    ),
    Table(
        "quality_label_time",
        "one class by one worker in one job; an answer's time is shared out evenly among its labels",
        pa.schema(
            [
                ("modality", TEXT),
                ("job", TEXT),
                ("worker", TEXT),
                ("kind", TEXT),
                ("class", TEXT),
                ("labels", WHOLE),
                ("seconds", NUMBER),
            ]
        ),
    ),
    Table(
        "quality_jobs",
        "one job",
        pa.schema(
            [
                ("modality", TEXT),
                ("job", TEXT),
                # agreement, f1, iou, likeness, idf1, mota, cohen_kappa, fleiss_kappa, alpha, alpha_interval,
                # rejects (their share of what was audited)
                ("measure", TEXT),
                # "class", an attribute, "frame: " and an attribute of frames, a kind of label; "" for all
                ("subject", TEXT),
                ("value", NUMBER),
                ("units", COUNT),  # how many items, pairs or labels it rests on
            ]
        ),
    ),
    Table(
        "quality_agreement",
        "two workers who answered for the same items of a job",
        pa.schema(
            [
                ("modality", TEXT),
                ("job", TEXT),
                ("worker_a", TEXT),
                ("worker_b", TEXT),
                ("measure", TEXT),
                ("subject", TEXT),
                ("value", NUMBER),
                ("units", COUNT),
            ]
        ),
    ),
    Table(
        "quality_audit",
        "what the second level says of the first, for one class or attribute of one worker",
        pa.schema(
            [
                ("modality", TEXT),
                ("job", TEXT),  # the first level
                ("audit_job", TEXT),
                ("worker", TEXT),  # "" where the first level's answers are not distinguished
                ("subject", TEXT),  # a class, or "attribute = value"
                ("audited", WHOLE),
                ("confirmed", WHOLE),
                ("moved", WHOLE),  # the box changed by more than the tolerance
                ("relabelled", WHOLE),  # the class or an attribute changed
                ("removed", WHOLE),
                ("rejected", WHOLE),  # the verdict says so, or relabelled, or removed
                ("added", WHOLE),
            ]
        ),
    ),
    Table(
        "findings",
        "one thing that someone should look at",
        pa.schema(
            [
                # too fast, too slow, idle, jump, vanish, flicker, outside, size, label error,
                # disagreement, audit
                ("kind", TEXT),
                ("score", NUMBER),  # the larger the surer; comparable within a kind
                ("modality", TEXT),
                ("job", TEXT),
                ("item", COUNT),
                ("frame_no", COUNT),
                ("frame_end", COUNT),
                ("object", TEXT),  # its id, or the name where it has none
                ("worker", TEXT),
                ("detail", TEXT),  # a sentence, with the values and what was expected
                ("file", TEXT),
                ("answer", COUNT),
            ]
        ),
    ),
)

TABLES = {table.name: table for table in (*INGESTED, *JOINED, *JUDGED)}
