"""The audit: one row for each request that reads records, chained by hashes.

A row says who (key, and the user it spoke for), when, which operation and documents, and a keyed digest of
what was asked; it holds no text of a query or a record. Its hash covers its content and the hash of the row
before, so that a row that is changed, taken out or put in breaks the chain (the construction of Haber and
Stornetta, "How to time-stamp a digital document", 1991). Rows cut off at the end leave a chain that is
whole: `verify` therefore takes a number and hash that were written down earlier.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.scopes import Scope
from brume.records.engine.access.tables import AUDIT

ANSWERED, DENIED = "ANSWERED", "DENIED"
START = "0" * 64
"""The hash before the first row."""
_AT_ONCE = 1000
_COVERED = (
    "number",
    "time",
    "account",
    "key",
    "user",
    "role",
    "operation",
    "outcome",
    "documents",
    "query",
    "reason",
    "emergency",
    "previous",
)


@dataclass(frozen=True)
class Verified:
    """What a check of the chain found: its rows, the last one's hash, and what is wrong, "" for nothing."""

    rows: int
    hash: str
    fault: str = ""


class Audit:
    """Writes, reads and checks the audit, for any thread."""

    def __init__(self, store: Store) -> None:
        self._store, self._secret = store, store.secret("audit")

    def write(
        self,
        call: Call,
        scope: Scope,
        documents: Iterable[str] = (),
        *,
        query: str = "",
        user: str = "",
        outcome: str = ANSWERED,
        reason: str = "",
        operation: str = "",
        db: Connection | None = None,
    ) -> None:
        """Write a row; it is on the disk when this returns, so it is called before the answer is given.

        `documents` are the ids of what the answer shows, `query` the text that was asked (its digest is
        kept), `user` for whom the key spoke, `operation` in place of the call's, and `db` the writing
        transaction that the row is a part of.
        """
        row: dict[str, Any] = {
            "account": call.account,
            "key": call.access_key,
            "user": user,
            "role": str(scope.role),
            "operation": f"{call.service}:{operation or call.operation}",
            "outcome": outcome,
            "documents": list(dict.fromkeys(documents)),
            "query": self.digest(query),
            "reason": reason,
            "emergency": scope.emergency,
        }
        with contextlib.nullcontext(db) if db is not None else self._store.write() as open_db:
            _append(open_db, row)

    def digest(self, query: str) -> str:
        """Return the keyed digest of a query, by which its rows are found again; "" of none."""
        if not query:
            return ""
        return hmac.digest(self._secret, query.encode("utf-8", "surrogatepass"), "sha256").hex()

    def rows(
        self, account: str, *, before: int | None = None, most: int = 100, key: str = "", document: str = ""
    ) -> list[Row[Any]]:
        """Return rows of an account, the newest first: those before a number, of a key, with a document."""
        wanted = select(AUDIT).filter_by(account=account).order_by(AUDIT.c.number.desc())
        if before is not None:
            wanted = wanted.where(AUDIT.c.number < before)
        if key:
            wanted = wanted.filter_by(key=key)
        found: list[Row[Any]] = []
        with self._store.read() as db:
            for row in db.execution_options(yield_per=_AT_ONCE).execute(wanted):
                if not document or document in row.documents:
                    found.append(row)
                if len(found) == most:
                    break
        return found

    def verify(self, number: int = 0, known: str = "") -> Verified:
        """Check the whole chain, and that the row of a number still has the hash `known`."""
        previous, count, after = START, 0, 0
        while True:
            with self._store.read() as db:
                wanted = select(AUDIT).where(AUDIT.c.number > after).order_by(AUDIT.c.number)
                rows = db.execute(wanted.limit(_AT_ONCE)).all()
            if not rows:
                break
            for row in rows:
                count += 1
                if fault := _fault(row._asdict(), count, previous):
                    return Verified(count, previous, fault)
                if row.number == number and row.hash != known:
                    return Verified(count, previous, f"row {number} has another hash than was given")
                previous, after = row.hash, row.number
        if number > count:
            return Verified(count, previous, f"it ends at row {count}, and row {number} was there before")
        return Verified(count, previous)


def _append(db: Connection, row: dict[str, Any]) -> None:
    last = select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)
    number, previous = db.execute(last).one_or_none() or (0, START)
    chained = row | {"number": number + 1, "time": time.time(), "previous": previous}
    db.execute(insert(AUDIT).values(**chained, hash=_hash(chained)))


def _fault(row: Mapping[str, Any], number: int, previous: str) -> str:
    if row["number"] != number:
        return f"row {number} is missing"
    if row["previous"] != previous:
        return f"row {number} does not follow the row before it"
    return "" if row["hash"] == _hash(row) else f"row {number} was changed"


def _hash(row: Mapping[str, Any]) -> str:
    written = json.dumps([row[name] for name in _COVERED], separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()
