"""Emergency access ("break-glass"): all records for a limited time, with a reason, in the audit."""

from __future__ import annotations

import time
import uuid

from sqlalchemy import insert, select, update

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.audit import DENIED, Audit
from brume.records.engine.access.scopes import Scopes, denied
from brume.records.engine.access.tables import EMERGENCIES

LONGEST = 240
"""Minutes for which an emergency access may be opened."""
_SHORTEST_REASON = 10  # characters


class ReasonError(ValueError):
    """A reason or a time that does not do; the message says what does."""


class Emergencies:
    """The emergency accesses that are open, in the database: they hold for every engine on it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open_of(self, call: Call) -> str:
        """Return the id of the key's open emergency access, "" for none."""
        mine = select(EMERGENCIES.c.id).filter_by(account=call.account, key=call.access_key)
        with self._store.read() as db:
            found = db.execute(mine.where(EMERGENCIES.c.ends > time.time()).limit(1)).scalar()
        return str(found or "")

    def ends(self, identity: str) -> float | None:
        """Return when an emergency access ends, in seconds since 1970; None where there is none."""
        with self._store.read() as db:
            found = db.execute(select(EMERGENCIES.c.ends).filter_by(id=identity)).scalar()
        return None if found is None else float(found)

    def begin(self, scopes: Scopes, audit: Audit, call: Call, reason: str, minutes: int) -> tuple[str, float]:
        """Open all records for a key; returns the id, and when it ends (seconds since 1970).

        Raises `ReasonError`, and `ServiceError` for a key whose rights do not have `emergency`; both the
        opening and a denial are in the audit.
        """
        scope = scopes.of(call)
        if not scopes.rights(call).emergency:
            audit.write(call, scope, outcome=DENIED, reason=reason)
            raise denied(
                "The access key of this request may not open an emergency access: in the server's file of "
                'rights (BRUME_RECORDS_ACCESS) "emergency": true lets it',
                audited=True,
            )
        if len(reason.strip()) < _SHORTEST_REASON:
            raise ReasonError(f"Reason: say why in {_SHORTEST_REASON} characters or more: it is kept")
        if not 1 <= minutes <= LONGEST:
            raise ReasonError(f"Minutes is from 1 to {LONGEST}")
        identity, now = str(uuid.uuid4()), time.time()
        row = {"id": identity, "account": call.account, "key": call.access_key}
        with self._store.write() as db:
            db.execute(insert(EMERGENCIES).values(**row, began=now, ends=now + minutes * 60))
            audit.write(call, scope, reason=f"{identity}: {reason.strip()}", db=db)
        return identity, now + minutes * 60

    def end(self, audit: Audit, scopes: Scopes, call: Call) -> None:
        """End the key's emergency accesses; without one nothing happens."""
        mine = update(EMERGENCIES).filter_by(account=call.account, key=call.access_key)
        scope = scopes.of(call)
        with self._store.write() as db:
            ended = db.execute(mine.where(EMERGENCIES.c.ends > time.time()).values(ends=time.time()))
            if ended.rowcount:
                audit.write(call, scope, db=db)
