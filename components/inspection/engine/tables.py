"""The tables of visual inspection's state, the same in SQLite and PostgreSQL.

Times are seconds since the epoch (UTC). A project has an id that is safe as a folder's name; every other
table refers to it, so that the account is checked in one place, where a project is looked up by its name.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from brume.aws.engine.idempotency import tokens_table
from brume.aws.engine.schema import Schema, versions_table
from brume.aws.engine.tags import tags_table
from brume.inspection.engine import migrations

metadata = MetaData()


def _key(name: str, length: int) -> Column[str]:
    return Column(name, String(length), primary_key=True)


def _project() -> Column[str]:
    return Column("project", ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)


def _model() -> list[Column[int] | Column[str] | ForeignKeyConstraint]:
    """Columns by which a row belongs to a version of a model."""
    return [
        _key("project", 32),
        Column("version", Integer, primary_key=True, autoincrement=False),
        ForeignKeyConstraint(
            ["project", "version"], ["models.project", "models.version"], ondelete="CASCADE"
        ),
    ]


projects = Table(
    "projects",
    metadata,
    _key("id", 32),
    Column("account", String(64), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("created", Float, nullable=False),
    Column("versions", Integer, nullable=False),  # given out so far: a version is never given twice
    Column("status", String(10), nullable=False, default="ACTIVE"),  # ACTIVE, DELETING
    Index("projects_by_name", "account", "name", unique=True),
)

datasets = Table(
    "datasets",
    metadata,
    _project(),
    _key("type", 10),  # train or test
    Column("status", String(40), nullable=False),
    Column("message", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("source", Text, nullable=False),  # s3:// address of the manifest or folder; "" when made empty
    CheckConstraint("type in ('train', 'test')"),
)

entries = Table(
    "entries",
    metadata,
    _key("project", 32),
    _key("type", 10),
    _key("source_ref", 1100),
    Column("position", Integer, nullable=False),  # the order in which they came
    Column("line", Text, nullable=False),  # the manifest's line, as it was given
    Column("anomalous", Boolean),  # null: not labelled
    Column("created", Float, nullable=False),  # the label's creation-date, else when the line came
    ForeignKeyConstraint(["project", "type"], ["datasets.project", "datasets.type"], ondelete="CASCADE"),
    Index("entries_by_position", "project", "type", "position", unique=True),
)

models = Table(
    "models",
    metadata,
    _project(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("status", String(40), nullable=False),
    Column("message", Text, nullable=False),
    Column("description", String(500)),
    Column("created", Float, nullable=False),
    Column("output_bucket", String(63), nullable=False),
    Column("output_prefix", String(1024), nullable=False),
    Column("kms_key", String(2048)),
    Column("attempts", Integer, nullable=False),  # how often its training was started
    Column("min_units", Integer),
    Column("max_units", Integer),
    Column("url", Text, nullable=False),  # where the hosted model answers; "" when it does not
    Column("threshold", Float),  # the user's own; null: the one found in training
    # What training found: null until it has ended well.
    Column("f1", Float),
    Column("precision", Float),
    Column("recall", Float),
    Column("evaluated", Float),
    Column("evaluation", Text),  # JSON: the metrics in full, and the keys of the files at the output location
    Column("bundle", Text),  # JSON: bundle.json of the model
)

detections = Table(
    "detections",
    metadata,
    *_model(),
    Column("minute", Integer, primary_key=True, autoincrement=False),  # since the epoch
    Column("processed", Integer, nullable=False),
    Column("anomalous", Integer, nullable=False),
)

drift_sums = Table(
    "drift_sums",
    metadata,
    *_model(),
    Column("minute", Integer, primary_key=True, autoincrement=False),
    _key("statistic", 64),
    Column("total", Float, nullable=False),  # over the minute's detections; their count is in `detections`
    Column("alarms", Integer, nullable=False),  # alarms that began in this minute
)

packaging_jobs = Table(
    "packaging_jobs",
    metadata,
    _project(),
    _key("name", 64),
    Column("version", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("message", Text, nullable=False),
    Column("description", String(256)),
    Column("configuration", Text, nullable=False),  # JSON, as it was requested
    Column("output", Text, nullable=False),  # JSON: what it made, {} until then
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)

tags = tags_table(metadata)
SCHEMA = Schema(versions_table(metadata), migrations.STEPS, tokens_table(metadata))
