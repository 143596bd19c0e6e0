"""The tables of the graph's state: jobs of the loader, and what is kept of statistics and the reset."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Integer, String, Table, Text

from brume.records.engine.tables import METADATA

QUEUED, RUNNING, COMPLETED = "LOAD_IN_QUEUE", "LOAD_IN_PROGRESS", "LOAD_COMPLETED"
FAILED, CANCELLED = "LOAD_FAILED", "LOAD_CANCELLED_BY_USER"
STOPPED = "LOAD_CANCELLED_DUE_TO_ERRORS"
UNREADABLE, UNEXPECTED = "LOAD_S3_READ_ERROR", "LOAD_UNEXPECTED_ERROR"
UNMET = "LOAD_FAILED_BECAUSE_DEPENDENCY_NOT_SATISFIED"
PENDING = (QUEUED, RUNNING)

LOADS = Table(
    "neptune_loads",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),  # the order in which they came
    Column("account", String(64), nullable=False),
    Column("status", String(64), nullable=False),
    Column("source", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("started", Float),
    Column("completed", Float),
    Column("run", Integer, nullable=False),  # how often it was begun: more than once after a kill
    Column("feeds", JSON, nullable=False),  # of each file: {"uri", "status", "records", "new", "wrong", ...}
    Column("errors", JSON, nullable=False),  # [[file, line, reason], ...]
)
VALUES = Table(
    "neptune_values",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", JSON, nullable=False),
)
