"""Tables of the captions engine's state."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, LargeBinary, MetaData, String, Table

from brume.aws.engine import schema
from brume.aws.engine.leases import lease_columns
from brume.aws.engine.tags import tags_table

METADATA = MetaData()


def _named(name: str, *columns: Column[object]) -> Table:
    """Return a table of resources that an account knows by name in a region."""
    return Table(
        name,
        METADATA,
        Column("account", String(64), primary_key=True),
        Column("region", String(64), primary_key=True),
        Column("name", String(200), primary_key=True),
        Column("language", String(16), nullable=False),
        Column("modified", Float, nullable=False),  # seconds since 1970
        *columns,
    )


VOCABULARIES = _named(
    "vocabularies",
    Column("state", String(8), nullable=False),  # PENDING, READY, FAILED
    Column("failure", String(1000), nullable=False, default=""),
    Column("source", JSON, nullable=False),  # {"phrases": [...]} or {"uri": ...}: what PENDING is made from
    Column("entries", JSON, nullable=False),  # [[words, shown], ...] once it is READY
)
FILTERS = _named("vocabulary_filters", Column("words", JSON, nullable=False))
JOBS = Table(
    "transcription_jobs",
    METADATA,
    Column("account", String(64), primary_key=True),
    Column("region", String(64), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("status", String(12), nullable=False),  # QUEUED, IN_PROGRESS, COMPLETED, FAILED
    Column("request", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("completed", Float),
    Column("failure", String(1000), nullable=False, default=""),
    Column("outcome", JSON, nullable=False),  # members of the job that are known at its end
    Column("transcript", LargeBinary),  # where the job names no bucket
    *lease_columns(),
)
TAGS = tags_table(METADATA)
SCHEMA = schema.Schema(schema.versions_table(METADATA))
