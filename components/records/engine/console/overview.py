"""What the page shows first: for whom it is, and which indexes of notes there are."""

from __future__ import annotations

from typing import Any

from brume.aws.engine.lookup import owned
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.emergency import Emergencies
from brume.records.engine.access.scopes import Scope
from brume.records.engine.kendra.service import Search
from brume.records.engine.kendra.tables import INDICES
from brume.records.model.search.index import SearchIndex


class Overview:
    """The operation that the page begins with."""

    def __init__(self, store: Store, search: Search, emergencies: Emergencies) -> None:
        self._store, self._search, self._emergencies = store, search, emergencies

    def get_console(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """GetConsole."""
        scope = self._search.scopes.of(call)
        with self._store.read() as db:
            rows = db.execute(owned(INDICES, call).order_by(INDICES.c.created.desc(), INDICES.c.id)).all()
            readers = [self._search.readers.page(db, call, row.id) for row in rows]
        indexes = [
            {
                "IndexId": row.id,
                "Name": row.name,
                "Status": row.status,
                "Notes": self._live(row.id, scope).count(reader) if row.status == "ACTIVE" else 0,
            }
            for row, reader in zip(rows, readers, strict=True)
        ]
        return {
            "Name": scope.name,
            "Role": str(scope.role),
            "Administers": scope.administers,
            "Deidentified": scope.deidentified,
            "MayOpen": self._search.scopes.rights(call).emergency,
            "Emergency": scope.emergency or None,
            "EmergencyEnds": self._emergencies.ends(scope.emergency),
            "Indexes": indexes,
        }

    def _live(self, index: str, scope: Scope) -> SearchIndex:
        return self._search.live.of(index, deidentified=scope.deidentified)
