"""The state of visual inspection (`tables`), and requests that take effect once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from brume.aws.engine import store
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import StoreError
from brume.inspection.engine.tables import SCHEMA, tokens

__all__ = ["Answer", "Store", "StoreError", "once"]

TOKEN_SECONDS = 8 * 3600.0  # for how long a client's token stands for its first request


class Store(store.Store):
    """The database of visual inspection."""

    def __init__(self, url: str, data: Path) -> None:
        """Open the database at `url` ("" for `data`/state.db). Raises `StoreError`."""
        super().__init__(url, data, SCHEMA)


@contextmanager
def once(store: Store, call: Call, request: Mapping[str, Any], resource: str, kind: str) -> Iterator[Answer]:
    """Yield a writing transaction for a request with a ClientToken, which takes effect once.

    `Answer.known` is the answer of an earlier request with the same token and parameters, else None; the
    block then sets `Answer.value`, which is kept together with what it wrote. Raises ConflictException,
    naming the resource (its `kind` is PROJECT, DATASET ...), for a token that came with other parameters.
    """
    token = str(request.get("ClientToken") or "")
    plain = {name: value for name, value in request.items() if name != "ClientToken"}
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True, default=_as_text).encode()).hexdigest()
    key = {"account": call.account, "operation": call.operation, "token": token}
    with store.write() as db:
        answer = Answer(db)
        if token:
            db.execute(delete(tokens).where(tokens.c.created < time.time() - TOKEN_SECONDS))
            found = db.execute(select(tokens).filter_by(**key)).one_or_none()
            if found and found.request != digest:
                raise ServiceError(
                    "ConflictException",
                    f"ClientToken {token} came before with other parameters of {call.operation}: "
                    "give every new request a token of its own",
                    ResourceId=resource,
                    ResourceType=kind,
                )
            if found:
                answer.known = json.loads(found.answer)
        yield answer
        if token and answer.known is None:
            written = json.dumps(answer.value)
            db.execute(insert(tokens).values(**key, request=digest, answer=written, created=time.time()))


class Answer:
    """A transaction, and what is to be answered."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.known: dict[str, Any] | None = None
        self.value: dict[str, Any] = {}


def _as_text(value: object) -> str:
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)
