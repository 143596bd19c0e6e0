"""The tables of HealthLake's data stores: versions of resources, their keys, jobs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, String, Table, Text

from brume.aws.engine.leases import lease_columns
from brume.records.engine.tables import METADATA
from brume.records.model.fhir.key import LONGEST


def _of_datastore(name: str, *columns: Any) -> Table:
    return Table(name, METADATA, Column("datastore", String(32), primary_key=True), *columns)


DATASTORES = Table(
    "fhir_datastores",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("account", String(64), nullable=False, index=True),
    Column("region", String(64), nullable=False),
    Column("name", String(256), nullable=False, default=""),
    Column("status", String(16), nullable=False),  # AWS's DatastoreStatus
    Column("given", JSON, nullable=False),  # members of the request that a description has
    Column("nlp", Integer, nullable=False, default=0),  # 1: notes get the entities that are found in them
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("error", String(1000), nullable=False, default=""),
    Column("sequence", BigInteger, nullable=False, default=0),  # of the last change of a resource
    *lease_columns(),
)
VERSIONS = _of_datastore(
    "fhir_versions",
    Column("type", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),  # from 1
    Column("sequence", BigInteger, nullable=False),  # counts the changes of a data store
    Column("updated", Float, nullable=False),  # seconds since 1970, in milliseconds
    Column("current", Integer, nullable=False),  # 1 of a resource's last version
    Column("deleted", Integer, nullable=False),  # 1 of a version that is a deletion; it has no text
    Column(
        "nlp", Integer, nullable=False, default=0
    ),  # 1 while entities of its notes are to be found, or let go
    Column("text", Text, nullable=False),  # JSON, with meta.versionId and meta.lastUpdated
)
Index("fhir_versions_in_order", VERSIONS.c.datastore, VERSIONS.c.sequence, unique=True)
Index("fhir_versions_nlp", VERSIONS.c.nlp, VERSIONS.c.datastore, VERSIONS.c.sequence)
# Whom a version is about (`model.fhir.compartment`), of deletions too: who may read it is asked here.
PATIENTS = _of_datastore(
    "fhir_patients",
    Column("type", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("patient", String(LONGEST), primary_key=True),
)
Index("fhir_patients_named", PATIENTS.c.datastore, PATIENTS.c.patient)
# The values that current versions are found by (`model.fhir.key.Key`).
KEYS = _of_datastore(
    "fhir_keys",
    Column("type", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("parameter", String(64), nullable=False),
    Column("system", String(LONGEST), nullable=False),
    Column("value", String(LONGEST), nullable=False),
    Column("low", Float),
    Column("high", Float),
)
Index("fhir_keys_values", KEYS.c.datastore, KEYS.c.type, KEYS.c.parameter, KEYS.c.value)
Index("fhir_keys_ranges", KEYS.c.datastore, KEYS.c.type, KEYS.c.parameter, KEYS.c.low)
JOBS = _of_datastore(
    "fhir_jobs",
    Column("id", String(32), primary_key=True),
    Column("kind", String(8), nullable=False),  # IMPORT, EXPORT
    Column("status", String(24), nullable=False),  # AWS's JobStatus
    Column("name", String(64), nullable=False, default=""),
    Column("request", JSON, nullable=False),
    Column("submitted", Float, nullable=False),
    Column("ended", Float),
    Column("message", String(2000), nullable=False, default=""),
    Column("progress", JSON, nullable=False, default=dict),  # what is done: a killed job goes on from there
    *lease_columns(),
)
# What became of the lines of the file that an import job reads, until its files of results are written.
LINES = _of_datastore(
    "fhir_import_lines",
    Column("job", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("succeeded", Integer, nullable=False),
    Column("text", Text, nullable=False),
)
PENDING = ("SUBMITTED", "IN_PROGRESS", "CANCEL_SUBMITTED")
"""The states of jobs that have not ended."""
CONTENTS = (VERSIONS, PATIENTS, KEYS, JOBS, LINES)
