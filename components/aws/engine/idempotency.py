"""Requests that take effect once: the same client token gives the first answer again.

Which member of a request holds the token is in the service's model (`idempotencyToken`). What is kept for
each account and operation is the token, a digest of the other parameters, and the answer.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Connection, Float, MetaData, String, Table, Text, delete, insert, select

from brume.aws.client import service_model
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store

SECONDS = 8 * 3600.0  # for how long a token stands for its first request

Refuse = Callable[[str], ServiceError]


def tokens_table(metadata: MetaData, name: str = "client_tokens") -> Table:
    """Return the table of an engine's client tokens."""
    return Table(
        name,
        metadata,
        Column("account", String(64), primary_key=True),
        Column("operation", String(64), primary_key=True),
        Column("token", String(128), primary_key=True),
        Column("request", String(64), nullable=False),  # SHA-256 of the parameters
        Column("answer", Text, nullable=False),  # JSON
        Column("created", Float, nullable=False),
    )


class Token:
    """The client token of one request; "" when it has none, and then nothing is kept."""

    def __init__(
        self, store: Store, call: Call, request: Mapping[str, Any], refuse: Refuse, seconds: float = SECONDS
    ) -> None:
        """`refuse(message)` makes the service's error for a token that came with other parameters."""
        if store.schema.tokens is None:
            raise TypeError("the schema of this engine has no table of client tokens")
        self._table = store.schema.tokens
        self._refuse, self._seconds = refuse, seconds
        members = service_model(call.service).operation_model(call.operation).idempotent_members
        self._member = members[0] if members else ""
        self.text = str(request.get(self._member) or "")
        plain = {name: value for name, value in request.items() if name not in members}
        self._digest = hashlib.sha256(json.dumps(plain, sort_keys=True, default=_text).encode()).hexdigest()
        self._key = {"account": call.account, "operation": call.operation, "token": self.text}

    def known(self, db: Connection) -> dict[str, Any] | None:
        """Return the answer of the first request with this token, None for the first one itself."""
        if not self.text:
            return None
        db.execute(delete(self._table).where(self._table.c.created < time.time() - self._seconds))
        found = db.execute(select(self._table).filter_by(**self._key)).one_or_none()
        if found is None:
            return None
        if found.request != self._digest:
            raise self._refuse(
                f"Idempotent parameters do not match: {self._member} {self.text} came before with other "
                f"parameters of {self._key['operation']}: give every new request a token of its own"
            )
        answer: dict[str, Any] = json.loads(found.answer)
        return answer

    def keep(self, db: Connection, answer: Mapping[str, Any]) -> None:
        """Keep the answer, which has to be JSON, in the transaction that the request's effect is in."""
        if self.text:
            written = json.dumps(answer)
            values = {"request": self._digest, "answer": written, "created": time.time()}
            db.execute(insert(self._table).values(**self._key, **values))


class Answer:
    """A writing transaction, the known answer of an earlier request, and the answer to be kept."""

    def __init__(self, db: Connection, known: dict[str, Any] | None) -> None:
        self.db = db
        self.known = known
        self.value: dict[str, Any] = {}


@contextmanager
def once(
    store: Store, call: Call, request: Mapping[str, Any], refuse: Refuse, seconds: float = SECONDS
) -> Iterator[Answer]:
    """Yield a writing transaction for a request that takes effect once.

    `Answer.known` is the answer of an earlier request with the same token and parameters, else None; the
    block then sets `Answer.value`, which is kept together with what it wrote. For a token that came with
    other parameters the error that `refuse(message)` makes is raised.
    """
    token = Token(store, call, request, refuse, seconds)
    with store.write() as db:
        answer = Answer(db, token.known(db))
        yield answer
        if answer.known is None:
            token.keep(db, answer.value)


def _text(value: object) -> str:
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)
