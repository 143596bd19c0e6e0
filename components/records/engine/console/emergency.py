"""BeginEmergencyAccess and EndEmergencyAccess: all records for a limited time, with a reason that is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from brume.aws.engine.service import Call
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.emergency import Emergencies, ReasonError
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.console.common import invalid

_MINUTES = 60


class EmergencyAccess:
    """The operations by which a key opens all records, and closes them."""

    def __init__(self, emergencies: Emergencies, scopes: Scopes, audit: Audit) -> None:
        self._emergencies, self._scopes, self._audit = emergencies, scopes, audit

    def begin_emergency_access(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """BeginEmergencyAccess."""
        minutes = request.get("Minutes") or _MINUTES
        try:
            identity, ends = self._emergencies.begin(
                self._scopes, self._audit, call, request["Reason"], minutes
            )
        except ReasonError as error:
            raise invalid(str(error)) from error
        return {"EmergencyId": identity, "Ends": datetime.fromtimestamp(ends, UTC)}

    def end_emergency_access(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """EndEmergencyAccess."""
        self._emergencies.end(self._audit, self._scopes, call)
        return {}
