"""Tables of Kendra's state."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, Float, Index, Integer, LargeBinary, String, Table, Text

from brume.aws.engine.leases import lease_columns
from brume.records.engine.tables import METADATA

_ID = 36  # characters of an identifier


def _of_index(name: str, *columns: Column[Any]) -> Table:
    """Return a table of what belongs to an index."""
    return Table(name, METADATA, Column("index_id", String(_ID), primary_key=True), *columns)


INDICES = Table(
    "kendra_indices",
    METADATA,
    Column("id", String(_ID), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(1000), nullable=False),
    Column("status", String(16), nullable=False),  # CREATING, ACTIVE, DELETING
    Column("given", JSON, nullable=False),  # Edition, RoleArn, Description, CapacityUnits
    Column("fields", JSON, nullable=False),  # attributes by name: Type, Relevance, Search
    Column("suggestions", JSON, nullable=False, default=dict),  # see `suggestion_settings`
    Column("created", Float, nullable=False),  # seconds since 1970, as all times here
    Column("updated", Float, nullable=False),
)
DATA_SOURCES = _of_index(
    "kendra_data_sources",
    Column("id", String(100), primary_key=True),
    Column("name", String(1000), nullable=False),
    Column("type", String(16), nullable=False),  # S3, CUSTOM
    Column("given", JSON, nullable=False),
    Column("status", String(16), nullable=False),  # ACTIVE, DELETING
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)
SYNC_JOBS = _of_index(
    "kendra_sync_jobs",
    Column("id", String(_ID), primary_key=True),
    Column("source_id", String(100), nullable=False),
    Column("status", String(20), nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("failure", String(2000), nullable=False, default=""),
    Column("added", Integer, nullable=False, default=0),
    Column("modified", Integer, nullable=False, default=0),
    Column("deleted", Integer, nullable=False, default=0),
    Column("failed", Integer, nullable=False, default=0),
    Column("scanned", Integer, nullable=False, default=0),
    *lease_columns(),
)
DOCUMENTS = _of_index(
    "kendra_documents",
    Column("digest", String(64), primary_key=True),  # SHA-256 of the id, which may be long
    Column("id", Text, nullable=False),
    Column("source_id", String(100), nullable=False, default=""),
    # PROCESSING and DELETING wait; INDEXED and UPDATED are found, as is UPDATE_FAILED by its earlier text.
    Column("status", String(16), nullable=False),
    Column("given", JSON),  # what PROCESSING is made from: see `documents.Given`
    Column("blob", LargeBinary),  # with it
    Column("version", String(200), nullable=False, default=""),  # of the object and its metadata, in S3
    Column("failure", String(2000), nullable=False, default=""),
    Column("changed", Integer, nullable=False, default=0),  # counts what was asked of it
    Column("text", Text),
    Column("title", Text, nullable=False, default=""),
    Column("attributes", JSON, nullable=False, default=dict),
    Column("access", JSON, nullable=False, default=list),
    Column("access_id", String(_ID), nullable=False, default=""),  # of the configuration that it follows
    Column("entities", JSON, nullable=False, default=list),
    Column("indexed", Float),
)
Index("kendra_documents_by_status", DOCUMENTS.c.index_id, DOCUMENTS.c.status)  # those that wait are few
GROUPS = _of_index(
    "kendra_groups",
    Column("source_id", String(100), primary_key=True),  # "" for groups of the whole index
    Column("name", String(1024), primary_key=True),
    Column("ordering", Float, nullable=False),
    Column("users", JSON, nullable=False),
    Column("groups", JSON, nullable=False),  # pairs of name and source
    Column("deleted", Integer, nullable=False, default=0),
    Column("updated", Float, nullable=False),
)
FEEDBACK = _of_index(
    "kendra_feedback",
    Column("query", String(12), primary_key=True),  # start of a keyed digest of the query
    Column("document", String(64), primary_key=True),
    Column("asker", String(64), primary_key=True),  # keyed digest of who judged
    Column("kind", String(8), primary_key=True),  # CLICK, JUDGED
    Column("value", Integer, nullable=False),  # +1, -1
    Column("time", Float, nullable=False),
)
# What people think of mentions in a text: `concept` at `begin` to `end`, in code points.
MENTIONS = _of_index(
    "kendra_mentions",
    Column("document", String(64), primary_key=True),  # its digest
    Column("mention", String(64), primary_key=True),  # digest of the three below
    Column("asker", String(64), primary_key=True),  # keyed digest of who judged
    Column("begin", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("concept", String(600), nullable=False),
    Column("text", String(64), nullable=False),  # SHA-256 of the text that was judged
    Column("value", Integer, nullable=False),  # +1, -1
    Column("time", Float, nullable=False),
)
# Which readers asked what: digests alone, so that a rare query is written nowhere.
ASKED = _of_index(
    "kendra_asked",
    Column("query", String(64), primary_key=True),
    Column("asker", String(64), primary_key=True),
    Column("time", Float, nullable=False),
)
POPULAR = _of_index(
    "kendra_popular_queries",
    Column("query", String(64), primary_key=True),
    Column("text", String(1000), nullable=False),
)
# What is made of a file in S3: thesauri, lists of blocked suggestions, questions with answers.
FILES = _of_index(
    "kendra_files",
    Column("id", String(_ID), primary_key=True),
    Column("kind", String(32), nullable=False),  # see `source_files.FileKind`
    Column("name", String(100), nullable=False),
    Column("status", String(32), nullable=False),
    Column("given", JSON, nullable=False),
    Column("content", JSON),  # of the file, as it was last read; null before
    Column("count", Integer, nullable=False, default=0),  # what content has: rules, phrases, questions
    Column("size", Integer, nullable=False, default=0),  # bytes of the file
    Column("failure", String(2000), nullable=False, default=""),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)
FEATURED = _of_index(
    "kendra_featured_results",
    Column("id", String(_ID), primary_key=True),
    Column("name", String(1000), nullable=False),
    Column("status", String(16), nullable=False),  # ACTIVE, INACTIVE
    Column("description", String(1000), nullable=False, default=""),
    Column("queries", JSON, nullable=False),
    Column("documents", JSON, nullable=False),  # ids
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
)
ACCESS = _of_index(
    "kendra_access_configurations",
    Column("id", String(_ID), primary_key=True),
    Column("given", JSON, nullable=False),
    Column("access", JSON, nullable=False),  # as documents have it
    Column("created", Float, nullable=False),
)
CHILDREN = (
    DATA_SOURCES,
    SYNC_JOBS,
    DOCUMENTS,
    GROUPS,
    FEEDBACK,
    MENTIONS,
    ASKED,
    POPULAR,
    FILES,
    FEATURED,
    ACCESS,
)
