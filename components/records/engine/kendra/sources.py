"""The operations on data sources: S3, and CUSTOM ones whose documents their owner puts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.records.engine.kendra import documents, principals
from brume.records.engine.kendra.common import arn, bad, conflict, index_row, list_of_index, source_row
from brume.records.engine.kendra.indexing import Indexing
from brume.records.engine.kendra.tables import DATA_SOURCES, DOCUMENTS, SYNC_JOBS

_GIVEN = ("Configuration", "Description", "RoleArn", "LanguageCode")
_AT_ONCE = 500


class DataSources:
    """The operations on data sources."""

    def __init__(self, store: Store, background: Background, indexing: Indexing, tags: Tags) -> None:
        self._store, self._indexing, self._tags = store, indexing, tags
        columns = DATA_SOURCES.c
        deleting = select(columns.index_id, columns.id).filter_by(status="DELETING")
        self._deleting = background.kind("kendra-source", deleting, self._delete)

    def create_data_source(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Make a data source; it is ACTIVE at once."""
        _check(request["Type"], request)
        with once(self._store, call, request, conflict) as answer:
            if answer.known is not None:
                return answer.known
            index = index_row(answer.db, call, request["IndexId"], active=True)
            identity, now = str(uuid.uuid4()), time.time()
            row = {"index_id": index.id, "id": identity, "name": request["Name"], "type": request["Type"]}
            given = {name: request[name] for name in _GIVEN if name in request}
            answer.db.execute(
                insert(DATA_SOURCES).values(**row, given=given, status="ACTIVE", created=now, updated=now)
            )
            path = ("index", index.id, "data-source", identity)
            self._tags.put(answer.db, arn(call, *path), pairs(request.get("Tags") or []))
            answer.value = {"Id": identity}
        return answer.value

    def describe_data_source(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Describe a data source."""
        with self._store.read() as db:
            index = index_row(db, call, request["IndexId"])
            row = source_row(db, index.id, request["Id"])
        return {
            **row.given,
            "Id": row.id,
            "IndexId": row.index_id,
            "Name": row.name,
            "Type": row.type,
            "Status": row.status,
            "CreatedAt": row.created,
            "UpdatedAt": row.updated,
        }

    def list_data_sources(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List the data sources of an index, the newest first."""
        return list_of_index(self._store, request, call, DATA_SOURCES, _summary)

    def update_data_source(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change a data source; the next sync job does what it says."""
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            row = source_row(db, index.id, request["Id"])
            given = {**row.given, **{name: request[name] for name in _GIVEN if name in request}}
            _check(row.type, {**request, **given})
            values = {"name": request.get("Name") or row.name, "given": given, "updated": time.time()}
            db.execute(update(DATA_SOURCES).filter_by(index_id=index.id, id=row.id).values(**values))
        return {}

    def delete_data_source(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Begin to delete a data source with its documents, groups and jobs."""
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            row = source_row(db, index.id, request["Id"])
            db.execute(update(DATA_SOURCES).filter_by(index_id=index.id, id=row.id).values(status="DELETING"))
            self._tags.remove(db, arn(call, "index", index.id, "data-source", row.id))
        self._deleting.submit(index.id, row.id)
        return {}

    def _delete(self, index: str, source: str) -> None:
        after = ""
        while True:
            with self._store.write() as db:
                mine = select(DOCUMENTS.c.id, DOCUMENTS.c.digest).filter_by(index_id=index, source_id=source)
                left = mine.where(DOCUMENTS.c.digest > after).order_by(DOCUMENTS.c.digest)
                rows = db.execute(left.limit(_AT_ONCE)).all()
                if not rows:
                    break
                documents.remove(db, index, [row.id for row in rows])
                after = rows[-1].digest
        with self._store.write() as db:
            principals.forget(db, index, source)
            db.execute(delete(SYNC_JOBS).filter_by(index_id=index, source_id=source))
            db.execute(delete(DATA_SOURCES).filter_by(index_id=index, id=source))
        self._indexing.submit(index)


def _check(kind: str, request: Mapping[str, Any]) -> None:
    if kind not in ("S3", "CUSTOM"):
        raise bad(f"Type {kind} is not done by this server: S3 and CUSTOM are")
    if request.get("CustomDocumentEnrichmentConfiguration"):
        raise bad("CustomDocumentEnrichmentConfiguration is not done by this server: change documents first")
    if request.get("VpcConfiguration"):
        raise bad("VpcConfiguration is not done by this server: it reaches what its network reaches")
    if request.get("Schedule"):
        raise bad("Schedule is not done by this server: call StartDataSourceSyncJob from your scheduler")
    configuration = {name: one for name, one in (request.get("Configuration") or {}).items() if one}
    if kind == "CUSTOM" and configuration:
        raise bad("a CUSTOM data source has no Configuration")
    if kind == "S3" and set(configuration) != {"S3Configuration"}:
        raise bad("an S3 data source needs Configuration.S3Configuration, and no other")


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {
        "Name": row.name,
        "Id": row.id,
        "Type": row.type,
        "CreatedAt": row.created,
        "UpdatedAt": row.updated,
        "Status": row.status,
        "LanguageCode": row.given.get("LanguageCode", "en"),
    }
