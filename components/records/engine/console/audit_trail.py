"""ListAuditEvents and VerifyAudit: who read what, for stewards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from brume.aws.engine.paging import Pager
from brume.aws.engine.service import Call
from brume.records.engine.access.audit import Audit
from brume.records.engine.console.common import invalid

_SIZE = 50  # events of a page
_MOST = 2**31 - 1


class AuditTrail:
    """The operations that show and check the audit; `access.policy` has who may ask."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def list_audit_events(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListAuditEvents."""
        pager = Pager(request, call, default=_SIZE)
        rows = self._audit.rows(
            call.account,
            before=pager.number(_MOST) if pager.after else None,
            most=pager.size + 1,
            key=request.get("AccessKey") or "",
            document=request.get("Document") or "",
        )
        shown = rows[: pager.size]
        return {
            "Events": [_event(row) for row in shown],
            "NextToken": pager.token(str(shown[-1].number)) if len(rows) > len(shown) else None,
        }

    def verify_audit(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """VerifyAudit."""
        number, known = request.get("Number") or 0, request.get("Hash") or ""
        if bool(number) != bool(known):
            raise invalid("Number and Hash are given together: those of a row that was written down earlier")
        found = self._audit.verify(number, known)
        return {
            "Rows": found.rows,
            "Hash": found.hash,
            "Whole": not found.fault,
            "Fault": found.fault or None,
        }


def _event(row: Row[Any]) -> dict[str, Any]:
    return {
        "Number": row.number,
        "Time": datetime.fromtimestamp(row.time, UTC),
        "AccessKey": row.key,
        "User": row.user or None,
        "Role": row.role,
        "Operation": row.operation,
        "Outcome": row.outcome,
        "Documents": row.documents,
        "Query": row.query or None,
        "Reason": row.reason or None,
        "Emergency": row.emergency or None,
        "Hash": row.hash,
    }
