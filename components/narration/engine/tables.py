"""Tables of the narration engine's state."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Integer, MetaData, String, Table, Text

from brume.aws.engine import schema
from brume.aws.engine.leases import lease_columns
from brume.aws.engine.tags import tags_table

METADATA = MetaData()
LEXICONS = Table(
    "lexicons",
    METADATA,
    Column("account", String(64), primary_key=True),
    Column("region", String(64), primary_key=True),
    Column("name", String(20), primary_key=True),
    Column("content", Text, nullable=False),
    Column("alphabet", String(20), nullable=False),
    Column("language", String(40), nullable=False),
    Column("lexemes", Integer, nullable=False),
    Column("modified", Float, nullable=False),  # seconds since 1970
)
TASKS = Table(
    "synthesis_tasks",
    METADATA,
    Column("account", String(64), primary_key=True),
    Column("region", String(64), primary_key=True),
    Column("id", String(100), primary_key=True),
    Column("status", String(12), nullable=False),  # scheduled, inProgress, completed, failed
    Column("reason", String(1000), nullable=False, default=""),
    Column("request", JSON, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("created", Float, nullable=False),
    *lease_columns(),
)
TAGS = tags_table(METADATA)
SCHEMA = schema.Schema(schema.versions_table(METADATA))
