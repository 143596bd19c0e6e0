"""The tables of the engine's state. Times are seconds since the epoch (UTC); JSON is text."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text

from brume.aws.engine.idempotency import tokens_table
from brume.aws.engine.schema import Schema, versions_table
from brume.aws.engine.tags import tags_table
from brume.labels.engine import migrations

metadata = MetaData()
QUEUED, RUNNING = "QUEUED", "RUNNING"  # the states of an execution
SUCCEEDED, FAILED, CANCELLED = "SUCCEEDED", "FAILED", "CANCELLED"


def _account() -> Column[str]:
    return Column("account", String(64), primary_key=True)


SCHEMA = Schema(
    versions_table(metadata, "athena_schema_version"),
    {2: migrations.move_tokens, 3: migrations.keep_plans},
    tokens_table(metadata, migrations.TOKENS),
)
TAGS = tags_table(metadata, "athena_tags")
TOKEN_SECONDS = 24 * 3600.0  # for how long a client token stands for its first request

executions = Table(
    "athena_executions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),  # the order in which they came
    Column("account", String(64), nullable=False),
    Column("workgroup", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("text", Text, nullable=False),  # as it came: GetQueryExecution answers it
    Column("request", Text, nullable=False),  # JSON: the members that are answered as they came
    Column("kind", String(16), nullable=False),
    Column("name", String(32), nullable=False),
    Column("output", Text, nullable=False),  # the s3:// address of the result; "" when the engine keeps it
    Column("manifest", Text, nullable=False),  # the s3:// address of the list of files that UNLOAD wrote
    Column("reason", Text, nullable=False),
    Column("error", Text),  # JSON: AthenaError
    Column("plan", Text),  # JSON: `runner.Planned`, for as long as there is something to do for it
    Column("columns", Text),  # JSON: ColumnInfo; null until it has succeeded
    Column("rows", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes of the result that the engine holds
    Column("scanned", BigInteger, nullable=False),
    Column("planning", Float, nullable=False),  # seconds
    Column("submitted", Float, nullable=False),
    Column("started", Float),
    Column("completed", Float),
    Index("athena_executions_by_workgroup", "account", "workgroup", "number"),
)

workgroups = Table(
    "athena_workgroups",
    metadata,
    _account(),
    Column("name", String(128), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("description", Text, nullable=False),
    Column("configuration", Text, nullable=False),  # JSON
    Column("created", Float, nullable=False),
)

named_queries = Table(
    "athena_named_queries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("workgroup", String(128), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", Text, nullable=False),
    Column("database", String(255), nullable=False),
    Column("text", Text, nullable=False),
    Index("athena_named_queries_by_workgroup", "account", "workgroup", "id"),
)

prepared_statements = Table(
    "athena_prepared_statements",
    metadata,
    _account(),
    Column("workgroup", String(128), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("text", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("modified", Float, nullable=False),
)
