"""Tables of access: the audit, which is only ever added to, and emergency accesses."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Connection, Float, Integer, String, Table, Text, event

from brume.records.engine.tables import METADATA

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, without a gap
    Column("time", Float, nullable=False),  # seconds since 1970
    Column("account", String(64), nullable=False, index=True),
    Column("key", String(128), nullable=False),  # the access key
    Column("user", String(2048), nullable=False),  # for whom the key spoke, "" for nobody
    Column("role", String(16), nullable=False),
    Column("operation", String(128), nullable=False),  # "kendra:Query"
    Column("outcome", String(16), nullable=False),  # ANSWERED, DENIED
    Column("documents", JSON, nullable=False),  # ids
    Column("query", String(64), nullable=False),  # keyed digest of what was asked, "" for nothing
    Column("reason", Text, nullable=False),  # of an emergency access that was opened
    Column("emergency", String(36), nullable=False),  # under which it was read, "" for none
    Column("previous", String(64), nullable=False),  # hash of the row before
    Column("hash", String(64), nullable=False),
)
EMERGENCIES = Table(
    "emergency_accesses",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("key", String(128), nullable=False, index=True),
    Column("began", Float, nullable=False),
    Column("ends", Float, nullable=False),
)

_REFUSAL = "the audit is only added to"
_STATEMENTS = {
    "sqlite": [
        f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for change in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$BEGIN RAISE EXCEPTION '{_REFUSAL}'; END$$",
        "CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ],
}


@event.listens_for(AUDIT, "after_create")
def _protect(_table: Table, db: Connection, **_given: object) -> None:
    for statement in _STATEMENTS.get(db.dialect.name, []):
        db.exec_driver_sql(statement)
