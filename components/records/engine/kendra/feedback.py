"""SubmitFeedback, and what it changes: judged results move for the same query.

They move for everyone, but those that a limited key judged move for it alone.
"""

from __future__ import annotations

import hmac
import time
import uuid
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.kendra.common import bad, index_row
from brume.records.engine.kendra.results import DOCUMENT
from brume.records.engine.kendra.tables import DOCUMENTS, FEEDBACK

_ID = 36  # characters of an id
_QUERY = 12  # hexadecimal digits of a query id that are of the query


class Judged:
    """Query ids and judgements. No query is kept: an id begins with a keyed digest of it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def query_id(self, index: str, text: str) -> str:
        """Return a new id of a query, which begins alike for the same words."""
        start = self._digest(index, text)
        made = str(uuid.uuid4())
        return f"{start[:8]}-{start[8:]}{made[13:]}"

    def asker(self, call: Call) -> str:
        """Return the keyed digest of who judges."""
        return self._asker(call.account, call.access_key)

    def askers(self, call: Call, keys: Iterable[str] | None) -> set[str] | None:
        """Return the digests of access keys of the call's account, None for None."""
        return None if keys is None else {self._asker(call.account, key) for key in keys}

    def of(
        self, db: Connection, index: str, text: str, askers: Collection[str] | None = None
    ) -> dict[str, float]:
        """Return the documents judged for a query, with the mean of the judgements (-1 to 1).

        Judgements are those of some askers, None for all.
        """
        wanted = select(DOCUMENTS.c.id, FEEDBACK.c.value).join(
            FEEDBACK,
            (FEEDBACK.c.index_id == DOCUMENTS.c.index_id)
            & (FEEDBACK.c.document == func.substr(DOCUMENTS.c.digest, 1, DOCUMENT)),
        )
        mine = wanted.where(
            FEEDBACK.c.index_id == index,
            FEEDBACK.c.query == self._digest(index, text),
            FEEDBACK.c.kind == "JUDGED",
            *(() if askers is None else (FEEDBACK.c.asker.in_(askers),)),
        )
        values: dict[str, list[int]] = {}
        for identity, value in db.execute(mine):
            values.setdefault(identity, []).append(value)
        return {identity: sum(given) / len(given) for identity, given in values.items()}

    def mine(self, db: Connection, index: str, text: str, asker: str) -> dict[str, int]:
        """Return what one asker judged for a query, by the key of each document."""
        wanted = select(FEEDBACK.c.document, FEEDBACK.c.value).filter_by(
            index_id=index, query=self._digest(index, text), kind="JUDGED", asker=asker
        )
        return {document: int(value) for document, value in db.execute(wanted)}

    def is_of(self, query: str, result: str) -> bool:
        """Return whether a result is of a query, by their ids."""
        return len(query) == _ID and result.startswith(f"{query}-") and len(result) == 2 * _ID + 1

    def _asker(self, account: str, key: str) -> str:
        return hmac.digest(self._secret, f"asker\n{account}\n{key}".encode(), "sha256").hex()

    def _digest(self, index: str, text: str) -> str:
        words = " ".join(text.lower().split())
        return hmac.digest(self._secret, f"query\n{index}\n{words}".encode(), "sha256").hex()[:_QUERY]


class Feedback:
    """The operation by which people say which results were right."""

    def __init__(self, store: Store, judged: Judged) -> None:
        self._store, self._judged = store, judged

    def submit_feedback(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Take clicks and judgements; a later judgement of the same key replaces its earlier one."""
        query, asker = request["QueryId"], self._judged.asker(call)
        rows = [
            ("CLICK", one["ResultId"], 1, one["ClickTime"].timestamp())
            for one in request.get("ClickFeedbackItems") or []
        ]
        rows += [
            ("JUDGED", one["ResultId"], 1 if one["RelevanceValue"] == "RELEVANT" else -1, time.time())
            for one in request.get("RelevanceFeedbackItems") or []
        ]
        for _, result, _, _ in rows:
            if not self._judged.is_of(query, result):
                raise bad(f"ResultId {result} is no result of the query {query}")
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            for kind, result, value, when in rows:
                key = {
                    "index_id": index.id,
                    "query": query.replace("-", "")[:_QUERY],
                    "document": result[_ID + 1 :][:DOCUMENT],
                    "asker": asker,
                    "kind": kind,
                }
                db.execute(delete(FEEDBACK).filter_by(**key))
                db.execute(insert(FEEDBACK).values(**key, value=value, time=when))
        return {}
