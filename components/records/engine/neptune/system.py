"""The state of the engine, and the reset of the graph in two steps."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.neptune.errors import NeptuneError, answered
from brume.records.engine.neptune.generations import Generations
from brume.records.engine.neptune.settings import GraphSettings
from brume.records.engine.neptune.tables import VALUES

# Clients compare the first numbers with those of Neptune's releases, to know what they may ask for.
VERSION = "1.4.0.0.brume"
_TOKEN = "reset-token"  # noqa: S105 - a name
_TOKEN_SECONDS = 3600.0


class System:
    """The operations on the engine as a whole."""

    def __init__(self, store: Store, generations: Generations, limits: GraphSettings) -> None:
        self._store, self._generations, self._limits = store, generations, limits
        self._started = datetime.now(UTC)

    def get_engine_status(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return what the engine is."""
        return {
            "status": "healthy",
            "startTime": self._started.strftime("%a %b %d %H:%M:%S UTC %Y"),
            "dbEngineVersion": VERSION,
            "role": "writer",
            "sparql": {"version": "sparql-1.1"},
            "rollingBackTrxCount": 0,
            "settings": {"clusterQueryTimeoutInMs": str(self._limits.sparql_seconds * 1000)},
        }

    @answered
    def execute_fast_reset(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Give a token, or with the token that was given last empty the graph."""
        action = request.get("action")
        if action == "initiateDatabaseReset":
            return {"status": "200 OK", "payload": {"token": self._give()}}
        if action != "performDatabaseReset":
            raise NeptuneError(
                "InvalidParameterException", "action is initiateDatabaseReset or performDatabaseReset"
            )
        token = str(request.get("token") or "")
        if not token:
            raise NeptuneError("MissingParameterException", "performDatabaseReset needs the token")
        if not self._take(token):
            raise NeptuneError(
                "InvalidParameterException",
                f"System command parameter 'token' : '{token[:100]}' does not match database reset token",
            )
        self._generations.empty()
        return {"status": "200 OK"}

    def _give(self) -> str:
        token = secrets.token_hex(16)
        with self._store.write() as db:
            db.execute(delete(VALUES).filter_by(name=_TOKEN))
            db.execute(insert(VALUES).values(name=_TOKEN, value={"token": token, "given": time.time()}))
        return token

    def _take(self, token: str) -> bool:
        with self._store.write() as db:
            found = db.execute(select(VALUES.c.value).filter_by(name=_TOKEN)).scalar() or {}
            if not secrets.compare_digest(token.encode(), str(found.get("token", "")).encode()):
                return False
            db.execute(delete(VALUES).filter_by(name=_TOKEN))
            return bool(time.time() - found["given"] < _TOKEN_SECONDS)
