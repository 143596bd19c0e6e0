"""Look-up of resources within the caller's account; those of other accounts do not exist."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, Table, func, select

from brume.aws.engine.service import Call, ServiceError


def owned(table: Table, call: Call, **key: Any) -> Select[Any]:
    """Return the selection of the caller's rows of a table that has a column `account`."""
    return select(table).filter_by(account=call.account, **key)


def one(db: Connection, statement: Select[Any], absent: ServiceError) -> Row[Any]:
    """Return the only row that `statement` selects; raises `absent` when there is none."""
    found = db.execute(statement).one_or_none()
    if found is None:
        raise absent
    return found


def count(db: Connection, statement: Select[Any]) -> int:
    """Return how many rows `statement` selects."""
    return int(db.execute(select(func.count()).select_from(statement.subquery())).scalar_one())
