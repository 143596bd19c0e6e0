"""A small engine of the tests: Kendra's indexes, made with every part of the engine kit."""

from __future__ import annotations

import threading
import time
from typing import Any

from sqlalchemy import Column, Connection, Float, MetaData, String, Table, delete, insert, select, update

from brume.aws.engine import arns, lookup, schema
from brume.aws.engine.background import Background
from brume.aws.engine.catalog import Settings
from brume.aws.engine.errors import Errors
from brume.aws.engine.idempotency import once, tokens_table
from brume.aws.engine.listing import list_rows
from brume.aws.engine.resources import Service
from brume.aws.engine.service import Call, Engine
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs, tags_table

ERRORS = Errors("kendra")
metadata = MetaData()
indexes = Table(
    "indexes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("region", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("status", String(20), nullable=False),
    Column("created", Float, nullable=False),
)
SCHEMA = schema.Schema(schema.versions_table(metadata), tokens=tokens_table(metadata))
TAGS = tags_table(metadata)


def absent(identity: str) -> Any:
    return ERRORS("ResourceNotFoundException", f"there is no index {identity}")


def arn(row: Any) -> str:
    return str(arns.Arn("kendra", row.region, row.account, ("index", row.id)))


def find(db: Connection, call: Call, text: str) -> str:
    """Return the ARN of an index of the caller's."""
    try:
        parsed = arns.parse(text)
    except ValueError as error:
        raise ERRORS("ValidationException", str(error)) from error
    return arn(lookup.one(db, lookup.owned(indexes, call, id=parsed.path[-1]), absent(parsed.path[-1])))


class Indexes:
    """The operations on indexes. `go` holds back the work in the background until the test sets it."""

    def __init__(self, store: Store, background: Background, tags: Tags, go: threading.Event) -> None:
        self._store, self._tags, self._go = store, tags, go
        pending = select(indexes.c.id).filter_by(status="CREATING")
        self._making = background.kind("index", pending, self._make)

    def create_index(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        with once(self._store, call, request, lambda text: ERRORS("ConflictException", text)) as answer:
            if answer.known is not None:
                return answer.known
            row = {"id": arns.new_id(36), "account": call.account, "region": call.region}
            row |= {"name": request["Name"], "status": "CREATING"}
            answer.db.execute(insert(indexes).values(**row, created=time.time()))
            made = lookup.one(answer.db, select(indexes).filter_by(id=row["id"]), absent(row["id"]))
            self._tags.put(answer.db, arn(made), pairs(request.get("Tags") or []))
            answer.value = {"Id": row["id"]}
        self._making.submit(row["id"])
        return answer.value

    def _make(self, identity: str) -> None:
        assert self._go.wait(30)
        with self._store.write() as db:
            pending = indexes.c.status == "CREATING"
            db.execute(update(indexes).where(indexes.c.id == identity, pending).values(status="ACTIVE"))

    def describe_index(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        with self._store.read() as db:
            row = lookup.one(db, lookup.owned(indexes, call, id=request["Id"]), absent(request["Id"]))
        return {"Id": row.id, "Name": row.name, "Status": row.status, "CreatedAt": row.created}

    def list_indices(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        wanted = lookup.owned(indexes, call)
        order = (indexes.c.created, indexes.c.id)
        with self._store.read() as db:
            return list_rows(db, request, call, wanted, order, self._summary, newest_first=True)

    @staticmethod
    def _summary(row: Any) -> dict[str, Any]:
        members = {"Id": row.id, "Name": row.name, "Status": row.status}
        return {**members, "CreatedAt": row.created, "UpdatedAt": row.created}

    def delete_index(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        with self._store.write() as db:
            row = lookup.one(db, lookup.owned(indexes, call, id=request["Id"]), absent(request["Id"]))
            self._tags.remove(db, arn(row))
            db.execute(delete(indexes).filter_by(id=row.id))
        return {}


KENDRA = Service(
    "kendra",
    (Indexes, Tags),
    refused={"answers come from documents alone": ("CreateFaq", "DescribeFaq", "ListFaqs", "DeleteFaq")},
)


def create(settings: Settings, go: threading.Event) -> Engine:
    store = Store(settings.database, settings.data, SCHEMA)
    background = Background()
    tags = Tags(store, TAGS, find, invalid=lambda text: ERRORS("ValidationException", text))
    indices = Indexes(store, background, tags, go)
    background.resume(store)

    def close() -> None:
        background.close()
        store.close()

    return Engine({"kendra": KENDRA.mount(indices, tags)}, ready=store.trouble, close=close)
