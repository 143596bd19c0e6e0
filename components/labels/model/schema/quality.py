"""Tables of quality: metrics of answers, workers, teams and jobs, audits and findings."""

from __future__ import annotations

import pyarrow as pa

from brume.lake.tables import (
    COUNT,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Table,
)

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

QUALITY = (
    Table(
        "answer_quality",
        "one answer, assessed within its job",
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
        "the second level's review of the first, for one class or attribute of one worker",
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
                ("rejected", WHOLE),  # by its verdict, or relabelled, or removed
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
