"""What the tables of the records engine's services are part of: one database, one history of its schema."""

from __future__ import annotations

from sqlalchemy import MetaData

from brume.aws.engine import schema
from brume.aws.engine.idempotency import tokens_table
from brume.aws.engine.tags import tags_table

METADATA = MetaData()
TAGS = tags_table(METADATA)
SCHEMA = schema.Schema(schema.versions_table(METADATA), tokens=tokens_table(METADATA))
