"""The table of Comprehend Medical's batch jobs."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, String, Table

from brume.aws.engine.leases import lease_columns
from brume.records.engine.tables import METADATA

JOBS = Table(
    "entity_jobs",
    METADATA,
    Column("account", String(64), primary_key=True),
    Column("region", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),  # of `analysis.KINDS`
    Column("id", String(32), primary_key=True),
    Column("status", String(16), nullable=False),  # AWS's JobStatus
    Column("name", String(256), nullable=False, default=""),
    Column("request", JSON, nullable=False),
    Column("submitted", Float, nullable=False),  # seconds since 1970
    Column("ended", Float),
    Column("message", String(1000), nullable=False, default=""),
    *lease_columns(),
)
