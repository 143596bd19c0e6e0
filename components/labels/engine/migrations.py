"""The numbered steps by which the state of older releases becomes today's."""

from __future__ import annotations

import json
import time

from sqlalchemy import Connection, MetaData, Table, insert, select, text, update

from brume.aws.engine.idempotency import tokens_table

TOKENS = "athena_client_tokens"


def move_tokens(db: Connection) -> None:
    """Step 2: the client tokens of queries move from their executions into a table of their own."""
    metadata = MetaData()
    executions = Table("athena_executions", metadata, autoload_with=db)
    tokens = tokens_table(metadata, TOKENS)
    tokens.create(db)
    for row in db.execute(select(executions).where(executions.c.token != "").order_by(executions.c.number)):
        key = {"account": row.account, "operation": "StartQueryExecution", "token": row.token}
        if db.execute(select(tokens).filter_by(**key)).first() is None:
            answer = json.dumps({"QueryExecutionId": row.id})
            values = {"request": row.digest, "answer": answer, "created": row.submitted}
            db.execute(insert(tokens).values(**key, **values))
    db.execute(text("DROP INDEX athena_executions_by_token"))
    for column in ("token", "digest"):
        db.execute(text(f"ALTER TABLE athena_executions DROP COLUMN {column}"))


def keep_plans(db: Connection) -> None:
    """Step 3: executions that wait keep their plan; those of older releases have none, and fail."""
    db.execute(text("ALTER TABLE athena_executions ADD COLUMN plan TEXT"))
    executions = Table("athena_executions", MetaData(), autoload_with=db)
    reason = "INTERNAL_ERROR: the engine was stopped while the query waited: start it again"
    error = json.dumps({"ErrorCategory": 1, "Retryable": True, "ErrorMessage": reason})
    failed = {"state": "FAILED", "reason": reason, "error": error, "completed": time.time()}
    db.execute(update(executions).where(executions.c.state == "QUEUED").values(**failed))
