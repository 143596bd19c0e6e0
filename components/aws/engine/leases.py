"""Rows of work that one engine does, of several that share a database.

An engine takes a row by a lease, which it renews while it works. What is leased by an engine that was killed
is free again once the lease has lapsed, and another takes it up; `Background.resume` with `every` looks for
such rows. SQLite's file belongs to one engine: there a lease of an earlier process is free at once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Float, Row, String, Table, select, update

from brume.aws.engine.background import Background
from brume.aws.engine.store import Store

LASTS = 60.0  # seconds; clocks of machines may differ by less
_RENEWED = 2.0  # seconds after which a lease is renewed


def lease_columns() -> tuple[Column[str], Column[float]]:
    """Return the columns of a table whose rows are leased."""
    return (
        Column("lease", String(32), nullable=False, default=""),
        Column("leased", Float, nullable=False, default=0.0),  # seconds since 1970
    )


class Leases:
    """The leases of one engine on the rows of a table."""

    def __init__(self, store: Store, table: Table, pending: ColumnElement[bool]) -> None:
        """`pending` says which rows have work to do."""
        self.store, self.table, self._pending = store, table, pending
        self._held: set[str] = set()

    def take(self, which: Mapping[str, Any], **values: Any) -> Lease | None:
        """Lease a row and write values into it; None when there is nothing to do, or another does it."""
        with self.store.write() as db:
            row = db.execute(select(self.table).filter_by(**which).where(self._pending)).one_or_none()
            if row is None or self._is_held(row):
                return None
            token = secrets.token_hex(16)
            db.execute(
                update(self.table).filter_by(**which).values(lease=token, leased=time.time(), **values)
            )
        self._held.add(token)
        return Lease(self, row, token)

    def let_go(self, token: str, **values: Any) -> None:
        """End a lease and write values into its row, if it is still held."""
        self._held.discard(token)
        with self.store.write() as db:
            db.execute(update(self.table).filter_by(lease=token).values(lease="", leased=0.0, **values))

    def renew(self, token: str) -> bool:
        """Renew a lease; return whether it was held: not of a row that was deleted or taken by another."""
        with self.store.write() as db:
            found = db.execute(update(self.table).filter_by(lease=token).values(leased=time.time()))
        return bool(found.rowcount)

    def _is_held(self, row: Row[Any]) -> bool:
        if not self.store.shared:
            return row.lease in self._held
        return bool(row.lease) and time.time() - row.leased < LASTS


class Lease:
    """A row that this engine works on: `row` is what it was when it was taken."""

    def __init__(self, leases: Leases, row: Row[Any], token: str) -> None:
        self.row = row
        self._leases, self._token = leases, token
        self._renewed = time.monotonic()

    def held(self) -> bool:
        """Return whether the row is still there and this engine's; to be asked again and again."""
        if time.monotonic() - self._renewed < _RENEWED:
            return True
        return self.renew()

    def renew(self) -> bool:
        """Renew the lease now; return what `held` does."""
        self._renewed = time.monotonic()
        return self._leases.renew(self._token)

    def end(self, **values: Any) -> None:
        """Write the end of the work into the row; without values the row is free for another engine."""
        self._leases.let_go(self._token, **values)


class LeasedWork:
    """Work that waits in a table; of several engines that share it each does some, in the order of requests.

    The table has the columns of `lease_columns`, and `created`. A killed engine's work is begun again.
    """

    def __init__(
        self,
        store: Store,
        background: Background,
        kind: str,
        table: Table,
        pending: ColumnElement[bool],
        work: Callable[[Lease], Mapping[str, Any]],
        begun: Callable[[], Mapping[str, Any]],
    ) -> None:
        """`kind` names the work; `pending` says which rows wait, `begun` what a row gets when it is taken.

        `work` returns the values of the row's end. It raises `InterruptedError` when it stopped early, as it
        shall soon after `stops` is true: then the row waits again.
        """
        self._leases, self._work, self._begun = Leases(store, table, pending), work, begun
        self._names = [column.name for column in table.primary_key]
        keys = select(*table.primary_key).where(pending).order_by(table.c.created)
        self._waiting = background.kind(kind, keys, self._do)
        self._closing = False

    def submit(self, *key: str, again: bool = False) -> None:
        """Do a row's work soon; with `again`, once more after what runs now for the same key."""
        self._waiting.submit(*key, again=again)

    def close(self) -> None:
        """Let what runs stop; another engine or the next start does it."""
        self._closing = True

    def stops(self, lease: Lease) -> bool:
        """Return whether work is to stop: the engine ends, or the row is deleted or another engine's."""
        return self._closing or not lease.held()

    def _do(self, *key: str) -> None:
        lease = self._leases.take(dict(zip(self._names, key, strict=True)), **self._begun())
        if lease is None:
            return
        try:
            values = self._work(lease)
        except InterruptedError:
            lease.end()
        else:
            lease.end(**values)
