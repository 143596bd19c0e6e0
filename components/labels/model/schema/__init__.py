"""The tables of the lake: their columns, and how each is partitioned.

Names of the original's tables and columns are kept as AWS Glue made them (`annotations_batch_manifests`,
"tracking-annotations", partition_0 and partition_1), so that SQL written for it runs. Beside them lie flat
tables with a row for each thing that is counted. Attribute names are the customer's: in flat tables they are
keys of a map, in nested ones fields of a struct that `frames_type` makes of the names found. Values of
attributes are text everywhere: a number in one job and a word in the next is no conflict.

A data object of a job is an `item`: its number in the job's input, from 0 (the folder {n} of its annotations,
the line n + 1 of its manifest). `file` is a path below the source, `line` counts from 1. Times are UTC.
"""

from brume.labels.model.schema.columns import (
    DATABASE,
    POINTS,
    TEXTS,
    frames_type,
    manifest_table,
)
from brume.labels.model.schema.ingested import INGESTED
from brume.labels.model.schema.joined import JOINED
from brume.labels.model.schema.quality import QUALITY
from brume.lake.tables import (
    COUNT,
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Table,
)

TABLES = {table.name: table for table in (*INGESTED, *JOINED, *QUALITY)}

__all__ = [
    "COUNT",
    "DATABASE",
    "FLAG",
    "INGESTED",
    "JOINED",
    "NUMBER",
    "POINTS",
    "QUALITY",
    "TABLES",
    "TEXT",
    "TEXTS",
    "TIME",
    "WHOLE",
    "Table",
    "frames_type",
    "manifest_table",
]
