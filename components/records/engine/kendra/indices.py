"""The operations on indexes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.listing import list_rows
from brume.aws.engine.lookup import owned
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.records.engine.kendra import fields
from brume.records.engine.kendra.access import Readers
from brume.records.engine.kendra.common import arn, bad, children, conflict, index_row
from brume.records.engine.kendra.live import Live
from brume.records.engine.kendra.models import Models
from brume.records.engine.kendra.tables import CHILDREN, DOCUMENTS, FILES, INDICES

_GIVEN = ("Edition", "RoleArn", "Description", "CapacityUnits")
FOUND = ("INDEXED", "UPDATED", "UPDATE_FAILED")
"""The states of documents that are found."""


class Indices:
    """The operations on indexes."""

    def __init__(
        self,
        store: Store,
        background: Background,
        live: Live,
        models: Models,
        tags: Tags,
        readers: Readers,
    ) -> None:
        self._store, self._live, self._models, self._tags = store, live, models, tags
        self._readers = readers
        pending = INDICES.c.status.in_(("CREATING", "DELETING"))
        self._working = background.kind("kendra-index", select(INDICES.c.id).where(pending), self._work)

    def create_index(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Begin an index; it is ACTIVE soon."""
        _check(request)
        self._models.load()
        with once(self._store, call, request, conflict) as answer:
            if answer.known is None:
                identity, now = str(uuid.uuid4()), time.time()
                row: dict[str, Any] = {"id": identity, "account": call.account, "region": call.region}
                row |= {"name": request["Name"], "status": "CREATING", "created": now, "updated": now}
                given = {name: request[name] for name in _GIVEN if name in request}
                answer.db.execute(insert(INDICES).values(**row, given=given, fields=fields.reserved()))
                self._tags.put(answer.db, arn(call, "index", identity), pairs(request.get("Tags") or []))
                answer.value = {"Id": identity}
        made = answer.known or answer.value
        self._working.submit(made["Id"])
        return made

    def describe_index(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Describe an index, with the number of documents that can be found."""
        with self._store.read() as db:
            row = index_row(db, call, request["Id"])
            wanted = select(func.count(), func.coalesce(func.sum(func.length(DOCUMENTS.c.text)), 0))
            found = wanted.where(DOCUMENTS.c.index_id == row.id, DOCUMENTS.c.status.in_(FOUND))
            count, size = db.execute(found).one()
            asked = select(func.coalesce(func.sum(FILES.c.count), 0)).filter_by(index_id=row.id, kind="faq")
            questions = db.execute(asked).scalar_one()
        scope = self._readers.scopes.of(call)
        if not scope.sees_all:
            live = self._live.of(row.id, deidentified=scope.deidentified)
            count, size = live.extent(self._readers.alone(scope))
        statistics = {"IndexedTextDocumentsCount": count, "IndexedTextBytes": size}
        return {
            "Name": row.name,
            "Id": row.id,
            "Edition": row.given.get("Edition", "ENTERPRISE_EDITION"),
            "RoleArn": row.given.get("RoleArn"),
            "Status": row.status,
            "Description": row.given.get("Description"),
            "CreatedAt": row.created,
            "UpdatedAt": row.updated,
            "DocumentMetadataConfigurations": [{"Name": name, **about} for name, about in row.fields.items()],
            "IndexStatistics": {
                "FaqStatistics": {"IndexedQuestionAnswersCount": questions},
                "TextDocumentStatistics": statistics,
            },
            "CapacityUnits": row.given.get("CapacityUnits")
            or {"StorageCapacityUnits": 0, "QueryCapacityUnits": 0},
            "UserContextPolicy": "ATTRIBUTE_FILTER",
        }

    def list_indices(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List the indexes of the account and region, the newest first."""
        wanted = owned(INDICES, call, region=call.region)
        order = (INDICES.c.created, INDICES.c.id)
        with self._store.read() as db:
            return list_rows(db, request, call, wanted, order, _summary, newest_first=True)

    def update_index(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change an index; its attributes keep their types."""
        _check(request)
        with self._store.write() as db:
            row = index_row(db, call, request["Id"], active=True)
            given = {**row.given, **{name: request[name] for name in _GIVEN if name in request}}
            updates = request.get("DocumentMetadataConfigurationUpdates") or []
            values = {"given": given, "fields": fields.updated(row.fields, updates), "updated": time.time()}
            db.execute(
                update(INDICES).filter_by(id=row.id).values(name=request.get("Name") or row.name, **values)
            )
        return {}

    def delete_index(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Begin to delete an index with all that is in it."""
        with self._store.write() as db:
            row = index_row(db, call, request["Id"])
            for child in children(db, row.id):
                self._tags.remove(db, arn(call, "index", row.id, *child))
            self._tags.remove(db, arn(call, "index", row.id))
            db.execute(update(INDICES).filter_by(id=row.id).values(status="DELETING"))
        self._working.submit(row.id, again=True)
        return {}

    def _work(self, identity: str) -> None:
        with self._store.write() as db:
            creating = INDICES.c.status == "CREATING"
            db.execute(update(INDICES).where(INDICES.c.id == identity, creating).values(status="ACTIVE"))
            deleting = db.execute(select(INDICES).filter_by(id=identity, status="DELETING")).first()
        if deleting is None:
            return
        self._live.drop(identity)
        with self._store.write() as db:
            for table in CHILDREN:
                db.execute(delete(table).filter_by(index_id=identity))
            db.execute(delete(INDICES).filter_by(id=identity))


def _check(request: Mapping[str, Any]) -> None:
    if request.get("UserTokenConfigurations") or request.get("UserContextPolicy") == "USER_TOKEN":
        raise bad(
            "UserTokenConfigurations: tokens are not checked by this server; give UserContext.UserId and "
            "Groups, which the caller's key has to be allowed to speak for"
        )
    mode = (request.get("UserGroupResolutionConfiguration") or {}).get("UserGroupResolutionMode", "NONE")
    if mode != "NONE":
        raise bad(f"UserGroupResolutionMode {mode} is not done by this server: use PutPrincipalMapping")
    if request.get("ServerSideEncryptionConfiguration"):
        raise bad("ServerSideEncryptionConfiguration is not done by this server: encrypt its disk")


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {
        "Name": row.name,
        "Id": row.id,
        "Edition": row.given.get("Edition", "ENTERPRISE_EDITION"),
        "CreatedAt": row.created,
        "UpdatedAt": row.updated,
        "Status": row.status,
    }
