"""How a load job stands, as Neptune's loader describes it."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from sqlalchemy import Row

from brume.records.engine.neptune.tables import COMPLETED, PENDING


def now() -> float:
    """Return the time, in seconds since 1970."""
    return time.time()


def describe(row: Row[Any]) -> dict[str, Any]:
    """Return the payload of GetLoaderJobStatus without details."""
    feeds = Counter(feed["status"] for feed in row.feeds)
    if row.status not in feeds and not (row.status == COMPLETED and feeds):
        feeds[row.status] = 1  # of the job as a whole
    total = {name: sum(feed.get(name, 0) for feed in row.feeds) for name in ("records", "new", "wrong")}
    return {
        "feedCount": [{status: count} for status, count in feeds.items()],
        "overallStatus": {
            "fullUri": row.source,
            "runNumber": max(row.run, 1),
            "retryNumber": max(row.run - 1, 0),
            "status": row.status,
            "totalTimeSpent": _seconds(row),
            "startTime": int(row.started or row.created),
            **_totals(total),
        },
    }


def failed_feeds(row: Row[Any]) -> list[dict[str, Any]]:
    """Return the files of a job that did not load, as `failedFeeds`."""
    return [
        {
            "fullUri": feed["uri"],
            "runNumber": max(row.run, 1),
            "retryNumber": max(row.run - 1, 0),
            "status": feed["status"],
            "totalTimeSpent": int(feed.get("seconds", 0)),
            "startTime": int(feed.get("started", row.started or row.created)),
            **_totals(feed),
        }
        for feed in row.feeds
        if feed["status"] not in (COMPLETED, *PENDING)
    ]


def errors(row: Row[Any], page: int, size: int) -> dict[str, Any]:
    """Return a page of a job's errors, as `errors`; pages count from 1."""
    first = (page - 1) * size
    shown = row.errors[first : first + size]
    return {
        "startIndex": first + 1 if shown else 0,
        "endIndex": first + len(shown),
        "loadId": row.id,
        "errorLogs": [
            {"errorCode": code, "errorMessage": reason, "fileName": file, "recordNum": line}
            for file, line, code, reason in shown
        ],
    }


def _totals(counts: dict[str, Any]) -> dict[str, int]:
    records, new = counts.get("records", 0), counts.get("new", 0)
    return {
        "totalRecords": records + counts.get("wrong", 0),
        "totalDuplicates": max(records - new, 0),
        "parsingErrors": counts.get("wrong", 0),
        "datatypeMismatchErrors": 0,
        "insertErrors": 0,
    }


def _seconds(row: Row[Any]) -> int:
    if row.started is None:
        return 0
    return int((row.completed or now()) - row.started)
