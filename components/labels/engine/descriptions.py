"""An execution as the service describes it."""

from __future__ import annotations

import json
import time
from typing import Any

from brume.labels.engine.workgroups import ENGINE

_Members = dict[str, Any]


def kept(request: _Members) -> _Members:
    """Return the members of a request that GetQueryExecution answers as they came."""
    names = ("QueryExecutionContext", "ResultReuseConfiguration", "ExecutionParameters")
    return {name: request[name] for name in names if request.get(name) is not None}


def described(row: Any) -> _Members:
    """Return a row of the executions as QueryExecution."""
    status: _Members = {
        "State": row.state,
        "StateChangeReason": row.reason or None,
        "SubmissionDateTime": row.submitted,
        "CompletionDateTime": row.completed,
        "AthenaError": json.loads(row.error) if row.error else None,
    }
    request = json.loads(row.request)
    context = dict(request.pop("QueryExecutionContext", None) or {})
    return {
        "QueryExecutionId": row.id,
        "Query": row.text,
        "StatementType": row.kind,
        "SubstatementType": row.name,
        "ResultConfiguration": {"OutputLocation": row.output} if row.output else None,
        "ManagedQueryResultsConfiguration": {"Enabled": not row.output},
        "QueryExecutionContext": context,
        "Status": status,
        "Statistics": statistics(row),
        "WorkGroup": row.workgroup,
        "EngineVersion": ENGINE,
        **request,
    }


def statistics(row: Any) -> _Members:
    """Return the times of an execution, and the bytes that it read, as QueryExecutionStatistics."""
    end = row.completed or time.time()
    begin = row.started or end
    return {
        "EngineExecutionTimeInMillis": round(1000 * (end - begin)) if row.started else 0,
        "DataScannedInBytes": row.scanned,
        "DataManifestLocation": row.manifest or None,
        "TotalExecutionTimeInMillis": round(1000 * (end - row.submitted)),
        "QueryQueueTimeInMillis": max(0, round(1000 * (begin - row.submitted - row.planning))),
        "QueryPlanningTimeInMillis": round(1000 * row.planning),
        "ServicePreProcessingTimeInMillis": 0,
        "ServiceProcessingTimeInMillis": 0,
        "ResultReuseInformation": {"ReusedPreviousResult": False},
    }
