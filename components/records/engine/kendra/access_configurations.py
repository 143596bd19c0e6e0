"""The operations on access control configurations: one list of access that many documents follow."""

from __future__ import annotations

import time
import uuid
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from brume.aws.engine import lookup
from brume.aws.engine.idempotency import once
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.kendra import fields
from brume.records.engine.kendra.common import absent, conflict, index_row, list_of_index
from brume.records.engine.kendra.live import Live
from brume.records.engine.kendra.tables import ACCESS, DOCUMENTS

_GIVEN = ("Name", "Description", "AccessControlList", "HierarchicalAccessControlList")


class AccessConfigurations:
    """The operations on access control configurations."""

    def __init__(self, store: Store, live: Live) -> None:
        self._store, self._live = store, live

    def create_access_control_configuration(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Make a configuration, for documents that are put with its id."""
        with once(self._store, call, request, conflict) as answer:
            if answer.known is not None:
                return answer.known
            index = index_row(answer.db, call, request["IndexId"], active=True)
            identity = str(uuid.uuid4())
            given = {name: request[name] for name in _GIVEN if name in request}
            key = {"index_id": index.id, "id": identity}
            values = {"given": given, "access": fields.levels(given), "created": time.time()}
            answer.db.execute(insert(ACCESS).values(**key, **values))
            answer.value = {"Id": identity}
        return answer.value

    def describe_access_control_configuration(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Describe a configuration."""
        with self._store.read() as db:
            index = index_row(db, call, request["IndexId"])
            return dict(row_of(db, index.id, request["Id"]).given)

    def list_access_control_configurations(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List the configurations of an index, the newest first."""
        return list_of_index(self._store, request, call, ACCESS, lambda row: {"Id": row.id})

    def update_access_control_configuration(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change a configuration; documents that follow it are found by whom it lets in from now on."""
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            row = row_of(db, index.id, request["Id"])
            given = {**row.given, **{name: request[name] for name in _GIVEN if name in request}}
            access = fields.levels(given)
            mine = update(ACCESS).filter_by(index_id=index.id, id=row.id)
            db.execute(mine.values(given=given, access=access))
            following = {"index_id": index.id, "access_id": row.id}
            # One that is being indexed with the earlier list is indexed again: see `Indexing`.
            values = {"access": access, "changed": DOCUMENTS.c.changed + 1}
            db.execute(update(DOCUMENTS).filter_by(**following).values(**values))
            documents = list(db.execute(select(DOCUMENTS.c.id).filter_by(**following)).scalars())
        self._live.grant(index.id, documents, access)
        return {}

    def delete_access_control_configuration(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Delete a configuration that no document follows: without it they would be open to all."""
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            row = row_of(db, index.id, request["Id"])
            following = select(func.count()).select_from(DOCUMENTS)
            count = db.execute(following.filter_by(index_id=index.id, access_id=row.id)).scalar_one()
            if count:
                raise conflict(
                    f"{count} documents follow the access control configuration {row.id}: put them with "
                    "another one or with AccessControlList first, or delete them"
                )
            db.execute(delete(ACCESS).filter_by(index_id=index.id, id=row.id))
        return {}


def row_of(db: Connection, index: str, identity: str) -> Row[Any]:
    """Return a configuration of an index. Raises `ServiceError`."""
    wanted = select(ACCESS).filter_by(index_id=index, id=identity)
    return lookup.one(db, wanted, absent("access control configuration", identity))
