"""The console's tables: trials, their results, predictions and comparisons.

They hang on a project, whose deletion takes them along, but not on a model: what a person verified keeps its
worth when the model that was tried is gone.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from brume.inspection.engine.tables import metadata


def _project(*, key: bool) -> Column[str]:
    return Column("project", ForeignKey("projects.id", ondelete="CASCADE"), primary_key=key, nullable=False)


trials = Table(
    "console_trials",
    metadata,
    Column("id", String(12), primary_key=True),
    _project(key=False),
    Column("version", Integer, nullable=False),
    Column("name", String(255), nullable=False),
    Column("source", Text, nullable=False),  # s3:// address of a folder; "" when pictures are uploaded
    Column("status", String(20), nullable=False),  # IN_PROGRESS, READY, FAILED
    Column("message", Text, nullable=False),
    Column("created", Float, nullable=False),
    Index("console_trials_by_project", "project", "created"),
)

results = Table(
    "console_results",
    metadata,
    Column("trial", ForeignKey("console_trials.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String(16), primary_key=True),  # of the name: the same name is the same picture
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),  # of the picture: s3:// or brume://
    Column("status", String(20), nullable=False),  # PENDING (not listed), DETECTED, REJECTED
    Column("message", Text, nullable=False),
    Column("probability", Float),  # of being anomalous
    Column("anomalous", Boolean),
    Column("confidence", Float),
    Column("anomalies", Text, nullable=False),  # JSON, as DetectAnomalies answers
    Column("width", Integer),
    Column("height", Integer),
    Column("verdict", String(12), nullable=False),  # CORRECT, INCORRECT, UNVERIFIED
    Column("added", String(10)),  # the dataset that it was added to
    Column("created", Float, nullable=False),
)

predictions = Table(
    "console_predictions",
    metadata,
    _project(key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("picture", String(16), primary_key=True),
    Column("probability", Float),  # null: the picture cannot be processed
    ForeignKeyConstraint(["project", "version"], ["models.project", "models.version"], ondelete="CASCADE"),
)

comparisons = Table(
    "console_comparisons",
    metadata,
    _project(key=True),
    Column("versions", String(100), primary_key=True),  # their numbers in the order of the request: "2,1"
    Column("status", String(20), nullable=False),  # IN_PROGRESS, FAILED; a complete one has no row
    Column("message", Text, nullable=False),
)
