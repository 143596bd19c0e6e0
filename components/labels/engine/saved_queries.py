"""Queries that are kept: named queries, and prepared statements, which EXECUTE runs."""

from __future__ import annotations

import time
import uuid
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from brume.aws.engine.idempotency import once
from brume.aws.engine.listing import list_rows
from brume.aws.engine.lookup import owned
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.labels.engine import workgroups
from brume.labels.engine.errors import absent, invalid, unprocessed
from brume.labels.engine.tables import TOKEN_SECONDS, named_queries, prepared_statements

_Members = dict[str, Any]


class NamedQueries:
    """The operations on named queries."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create_named_query(self, request: _Members, call: Call) -> _Members:
        """Keep a query; the same ClientRequestToken makes one only."""
        with once(self._store, call, request, invalid, TOKEN_SECONDS) as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            group = workgroups.find(db, call.account, request.get("WorkGroup") or workgroups.PRIMARY)
            row = {
                "id": str(uuid.uuid4()),
                "account": call.account,
                "workgroup": group.name,
                "name": request["Name"],
                "description": request.get("Description") or "",
                "database": request["Database"],
                "text": request["QueryString"],
            }
            db.execute(insert(named_queries).values(**row))
            answer.value = {"NamedQueryId": row["id"]}
        return answer.value

    def get_named_query(self, request: _Members, call: Call) -> _Members:
        """Describe a named query."""
        with self._store.write() as db:
            workgroups.ensure_primary(db, call.account)
            row = _required(db, call.account, request["NamedQueryId"])
        return {"NamedQuery": _described(row)}

    def batch_get_named_query(self, request: _Members, call: Call) -> _Members:
        """Describe several named queries."""
        with self._store.write() as db:
            workgroups.ensure_primary(db, call.account)
            found = {one: _named(db, call.account, one) for one in request["NamedQueryIds"]}
        return {
            "NamedQueries": [_described(row) for row in found.values() if row is not None],
            "UnprocessedNamedQueryIds": unprocessed(found, "NamedQuery"),
        }

    def list_named_queries(self, request: _Members, call: Call) -> _Members:
        """List the ids of a workgroup's named queries."""
        with self._store.write() as db:
            group = workgroups.find(db, call.account, request.get("WorkGroup") or workgroups.PRIMARY)
            mine = owned(named_queries, call, workgroup=group.name)
            return list_rows(db, request, call, mine, named_queries.c.id, lambda row: row.id)

    def update_named_query(self, request: _Members, call: Call) -> _Members:
        """Change a named query."""
        values = {"name": request["Name"], "text": request["QueryString"]}
        if request.get("Description") is not None:
            values["description"] = request["Description"]
        with self._store.write() as db:
            row = _required(db, call.account, request["NamedQueryId"])
            db.execute(update(named_queries).filter_by(id=row.id).values(**values))
        return {}

    def delete_named_query(self, request: _Members, call: Call) -> _Members:
        """Delete a named query."""
        with self._store.write() as db:
            row = _required(db, call.account, request["NamedQueryId"])
            db.execute(delete(named_queries).filter_by(id=row.id))
        return {}


def _named(db: Connection, account: str, identity: str) -> Any:
    return db.execute(select(named_queries).filter_by(id=identity, account=account)).one_or_none()


def _required(db: Connection, account: str, identity: str) -> Any:
    row = _named(db, account, identity)
    if row is None:
        raise invalid(f"NamedQuery {identity} was not found")
    return row


def _described(row: Any) -> _Members:
    return {
        "NamedQueryId": row.id,
        "Name": row.name,
        "Description": row.description,
        "Database": row.database,
        "QueryString": row.text,
        "WorkGroup": row.workgroup,
    }


class PreparedStatements:
    """The operations on prepared statements."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Keep a statement with `?` for values that come later."""
        with self._store.write() as db:
            group = workgroups.find(db, call.account, request["WorkGroup"])
            if prepared(db, call.account, group.name, request["StatementName"]) is not None:
                raise invalid(f"PreparedStatement {request['StatementName']} already exists in {group.name}")
            db.execute(
                insert(prepared_statements).values(
                    account=call.account,
                    workgroup=group.name,
                    name=request["StatementName"],
                    text=request["QueryStatement"],
                    description=request.get("Description") or "",
                    modified=time.time(),
                )
            )
        return {}

    def get_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Describe a prepared statement."""
        with self._store.read() as db:
            row = self._required(db, request, call)
        return {"PreparedStatement": _statement(row)}

    def batch_get_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Describe several prepared statements of a workgroup."""
        with self._store.read() as db:
            found = {
                name: prepared(db, call.account, request["WorkGroup"], name)
                for name in request["PreparedStatementNames"]
            }
        return {
            "PreparedStatements": [_statement(row) for row in found.values() if row is not None],
            "UnprocessedPreparedStatementNames": [
                {
                    "StatementName": name,
                    "ErrorCode": "STATEMENT_NOT_FOUND",
                    "ErrorMessage": f"{name} was not found",
                }
                for name, row in found.items()
                if row is None
            ],
        }

    def list_prepared_statements(self, request: _Members, call: Call) -> _Members:
        """List the prepared statements of a workgroup."""
        with self._store.write() as db:
            group = workgroups.find(db, call.account, request["WorkGroup"])
            mine = owned(prepared_statements, call, workgroup=group.name)
            return list_rows(db, request, call, mine, prepared_statements.c.name, _statement_summary)

    def update_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Change a prepared statement."""
        values = {"text": request["QueryStatement"], "modified": time.time()}
        if request.get("Description") is not None:
            values["description"] = request["Description"]
        with self._store.write() as db:
            row = self._required(db, request, call)
            db.execute(update(prepared_statements).filter_by(**_key(row)).values(**values))
        return {}

    def delete_prepared_statement(self, request: _Members, call: Call) -> _Members:
        """Delete a prepared statement."""
        with self._store.write() as db:
            row = self._required(db, request, call)
            db.execute(delete(prepared_statements).filter_by(**_key(row)))
        return {}

    @staticmethod
    def _required(db: Connection, request: _Members, call: Call) -> Any:
        name = request["StatementName"]
        row = prepared(db, call.account, request["WorkGroup"], name)
        if row is None:
            raise absent(f"PreparedStatement {name} was not found in {request['WorkGroup']}", name)
        return row


def prepared(db: Connection, account: str, workgroup: str, name: str) -> Any:
    """Return the row of a prepared statement, or None."""
    key = {"account": account, "workgroup": workgroup, "name": name}
    return db.execute(select(prepared_statements).filter_by(**key)).one_or_none()


def _key(row: Any) -> dict[str, str]:
    return {"account": row.account, "workgroup": row.workgroup, "name": row.name}


def _statement_summary(row: Any) -> _Members:
    return {"StatementName": row.name, "LastModifiedTime": row.modified}


def _statement(row: Any) -> _Members:
    return {
        "StatementName": row.name,
        "QueryStatement": row.text,
        "WorkGroupName": row.workgroup,
        "Description": row.description,
        "LastModifiedTime": row.modified,
    }
