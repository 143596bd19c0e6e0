"""Tables that join answers with the names of their workers."""

from __future__ import annotations

import pyarrow as pa

from brume.labels.model.schema.columns import (
    frames_type,
)
from brume.lake.tables import (
    COUNT,
    NUMBER,
    TEXT,
    TIME,
    Table,
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
        ("answercontent",),
    ),
)
