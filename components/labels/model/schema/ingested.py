"""Tables that ingest writes: the files of the source, and what was read from them."""

from __future__ import annotations

import pyarrow as pa

from brume.labels.model.schema.columns import (
    FILE_COLUMNS,
    JOB_COLUMNS,
    LABEL_COLUMNS,
    TEXTS,
    frames_type,
)
from brume.lake.tables import (
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Table,
)

# `frames_type()` without names stands for columns whose structs grow with the data (open ones).
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
        ("tracking-annotations", "detection-annotations"),
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
                *FILE_COLUMNS,
                ("partition_0", TEXT),
                ("partition_1", TEXT),
            ]
        ),
        ("partition_0", "partition_1"),
    ),
    Table(
        "items",
        "one data object of a job, and what became of it",
        pa.schema(
            [
                *JOB_COLUMNS,
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
                *FILE_COLUMNS,
            ]
        ),
        ("modality", "job"),
    ),
    Table(
        "frames",
        "one frame of a sequence",
        pa.schema(
            [
                *JOB_COLUMNS,
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
        pa.schema([*JOB_COLUMNS, ("item", COUNT), *LABEL_COLUMNS, *FILE_COLUMNS]),
        ("modality", "job"),
    ),
    Table(
        "answers",
        "one answer of one worker",
        pa.schema(
            [
                *JOB_COLUMNS,
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
        ("entries",),
    ),
    Table(
        "answer_labels",
        "one label in one answer of one worker; kind frame holds the attributes of a frame",
        pa.schema(
            [
                *JOB_COLUMNS,
                ("item", COUNT),
                ("answer", COUNT),
                ("worker", TEXT),
                *LABEL_COLUMNS,
                ("file", TEXT),
            ]
        ),
        ("modality", "job"),
    ),
    Table(
        "jobs",
        "one labelling job",
        pa.schema(
            [
                *JOB_COLUMNS,
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
            [
                ("modality", TEXT),
                ("job", TEXT),
                *FILE_COLUMNS,
                ("field", TEXT),
                ("reason", TEXT),
                ("remedy", TEXT),
            ]
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
