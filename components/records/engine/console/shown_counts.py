"""The counts of patients that an account was shown, so that the next ones give nobody away.

What is kept are conditions of cohorts, not who is in them: they are asked anew of each state of the lake.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Float, Integer, String, Table, insert, select

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.scopes import Scope
from brume.records.engine.console.common import ERRORS
from brume.records.engine.console.views import View
from brume.records.engine.tables import METADATA
from brume.records.model.overview.cohorts import Cohort, Criterion, select_any
from brume.records.model.overview.disclosure import Disclosure
from brume.records.model.overview.tables import Overview

_MOST = 2000
TABLE = Table(
    "console_shown_counts",
    METADATA,
    Column("account", String(64), primary_key=True),
    Column("patients", String(64), primary_key=True),  # digest of those that the reader may see
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("cohorts", JSON, nullable=False),  # whose union was counted
    Column("time", Float, nullable=False),
)


@dataclass
class _Known:
    overview: Overview
    disclosure: Disclosure
    day: date
    last: int = 0  # number of the last row that was taken
    lock: threading.Lock = field(default_factory=threading.Lock)


class ShownCounts:
    """What was shown, by account and patients that may be seen; for any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], _Known] = {}

    @contextlib.contextmanager
    def of(self, call: Call, view: View) -> Iterator[Disclosure]:
        """Yield what a caller knows; what the block adds is kept when it ends well.

        Raises `ServiceError` (ConflictException) where too much is known already to look through.
        """
        key = (call.account, _digest(view.scope))
        with self._lock:
            known = self._fresh(key, view)
        with known.lock:
            try:
                self._take(key, known)
                if known.last >= _MOST:
                    raise ERRORS(
                        "ConflictException",
                        f"{_MOST} different counts of these patients were shown to this account: another one "
                        "may give somebody away. A new database of the engine begins anew",
                    )
                yield known.disclosure
                self._keep(key, known)
            except BaseException:
                self._known.pop(key, None)  # what was added is not kept: read it again
                raise

    def _fresh(self, key: tuple[str, str], view: View) -> _Known:
        known, today = self._known.get(key), datetime.now(UTC).date()
        if known is None or known.overview is not view.overview or known.day != today:
            known = self._known[key] = _Known(view.overview, Disclosure(view.among), today)
        return known

    def _take(self, key: tuple[str, str], known: _Known) -> None:
        """Take in what this engine or another one on the database has kept since."""
        wanted = select(TABLE).filter_by(account=key[0], patients=key[1]).where(TABLE.c.number > known.last)
        with self._store.read() as db:
            rows = db.execute(wanted.order_by(TABLE.c.number)).all()
        everyone = known.disclosure.everyone
        for row in rows:
            cohorts = [_cohort(one) for one in row.cohorts]
            known.disclosure.add(select_any(known.overview, cohorts, everyone, known.day), *cohorts)
            known.last = row.number
        known.disclosure.added.clear()

    def _keep(self, key: tuple[str, str], known: _Known) -> None:
        if not known.disclosure.added:
            return
        with self._store.write() as db:
            mine = select(TABLE.c.number).filter_by(account=key[0], patients=key[1])
            last = db.execute(mine.order_by(TABLE.c.number.desc()).limit(1)).scalar() or 0
            rows = [
                {
                    "account": key[0],
                    "patients": key[1],
                    "number": last + place,
                    "cohorts": [asdict(one) for one in cohorts],
                    "time": time.time(),
                }
                for place, cohorts in enumerate(known.disclosure.added, 1)
            ]
            db.execute(insert(TABLE), rows)
        if last == known.last:
            known.last += len(rows)
            known.disclosure.added.clear()


def _digest(scope: Scope) -> str:
    written = json.dumps(None if scope.patients is None else sorted(scope.patients))
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def _cohort(kept: Mapping[str, Any]) -> Cohort:
    return Cohort(
        **{
            **kept,
            "include": _criteria(kept["include"]),
            "exclude": _criteria(kept["exclude"]),
            "sexes": tuple(kept["sexes"]),
        }
    )


def _criteria(kept: Sequence[Mapping[str, Any]]) -> tuple[Criterion, ...]:
    return tuple(
        Criterion(tuple((system, code) for system, code in one["codes"]), tuple(one["relations"]))
        for one in kept
    )
