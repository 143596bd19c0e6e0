"""The dashboard: detections over time, and drift from the training pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from brume.aws.engine import lookup
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.inspection.engine import rows
from brume.inspection.engine.errors import invalid
from brume.inspection.engine.monitoring import LIMIT, WINDOW
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import detections, drift_sums, models, projects

_PERIODS = {"MINUTE": 1, "HOUR": 60, "DAY": 24 * 60, "WEEK": 7 * 24 * 60}  # minutes
# The first week of the epoch began on a Thursday; weeks begin on Mondays.
_FIRST_MONDAY = 4 * 24 * 60
_MOST_POINTS = 1500


class Dashboard:
    """The operation that counts detections."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get_dashboard(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """GetDashboard."""
        until = request.get("Until") or datetime.now(UTC)
        since = request.get("Since") or until - timedelta(hours=24)
        if since >= until:
            raise invalid("Since must be before Until")
        minutes = (until - since).total_seconds() / 60
        period = request.get("Period") or next(
            (name for name, length in _PERIODS.items() if minutes / length <= 120), "WEEK"
        )
        starts = _starts(since, until, period)
        with self._store.read() as db:
            if name := request.get("ProjectName"):
                mine = [rows.project(db, call, name)]
            else:
                wanted = lookup.owned(projects, call, status="ACTIVE").order_by(projects.c.name)
                mine = list(db.execute(wanted))
            first, last = int(since.timestamp() // 60), int(until.timestamp() // 60)
            activity = [_activity(db, project, _PERIODS[period], starts, first, last) for project in mine]
            alarms = [alarm for project in mine for alarm in _alarms(db, project, first, last)]
        total = [
            {
                "Timestamp": start * 60,
                "Processed": sum(item["Points"][index]["Processed"] for item in activity),
                "Anomalous": sum(item["Points"][index]["Anomalous"] for item in activity),
            }
            for index, start in enumerate(starts)
        ]
        return {
            "Since": since,
            "Until": until,
            "Period": period,
            "Total": {**_sums(total), "Points": total},
            "Projects": activity,
            "Alarms": alarms,
        }


def _start(minute: int, period: str) -> int:
    """Return the minute, since the epoch, in which the period of a minute began (UTC)."""
    length = _PERIODS[period]
    offset = _FIRST_MONDAY if period == "WEEK" else 0
    return (minute - offset) // length * length + offset


def _starts(since: datetime, until: datetime, period: str) -> list[int]:
    first, last = (_start(int(moment.timestamp() // 60), period) for moment in (since, until))
    count = (last - first) // _PERIODS[period] + 1
    if count > _MOST_POINTS:
        raise invalid(f"Period: {count:,} periods of one {period.lower()} are too many: choose a longer one")
    return [first + index * _PERIODS[period] for index in range(count)]


def _activity(
    db: Connection, project: AnyRow, length: int, starts: Sequence[int], first: int, last: int
) -> dict[str, Any]:
    part = (
        select(
            ((detections.c.minute - starts[0]) // length).label("place"),
            detections.c.processed,
            detections.c.anomalous,
        )
        .where(detections.c.project == project.id, detections.c.minute >= first, detections.c.minute <= last)
        .subquery()
    )
    sums = select(part.c.place, func.sum(part.c.processed), func.sum(part.c.anomalous))
    rows = db.execute(sums.group_by(part.c.place))
    counted = {int(index): (int(processed), int(anomalous)) for index, processed, anomalous in rows}
    points = [
        {"Timestamp": start * 60, "Processed": processed, "Anomalous": anomalous}
        for index, start in enumerate(starts)
        for processed, anomalous in [counted.get(index, (0, 0))]
    ]
    return {"ProjectName": project.name, **_sums(points), "Points": points}


def _sums(points: Iterable[dict[str, Any]]) -> dict[str, Any]:
    processed = anomalous = 0
    for point in points:
        processed += point["Processed"]
        anomalous += point["Anomalous"]
    ratio = anomalous / processed if processed else None
    return {"Processed": processed, "Anomalous": anomalous, "AnomalyRatio": ratio}


def _alarms(db: Connection, project: AnyRow, first: int, last: int) -> list[dict[str, Any]]:
    """Return which statistics of which model were in alarm in the range, by its newest detections."""
    found = []
    trained = select(models).where(models.c.project == project.id, models.c.bundle.is_not(None))
    for model in db.execute(trained):
        mine = (drift_sums.c.project == project.id) & (drift_sums.c.version == model.version)
        begun = select(drift_sums.c.statistic, func.sum(drift_sums.c.alarms)).where(
            mine, drift_sums.c.minute >= first, drift_sums.c.minute <= last
        )
        alarmed = {name for name, alarms in db.execute(begun.group_by(drift_sums.c.statistic)) if alarms}
        images, since = _newest(db, project, model, first, last)
        newest = select(drift_sums.c.statistic, func.sum(drift_sums.c.total)).where(
            mine, drift_sums.c.minute >= since, drift_sums.c.minute <= last
        )
        rows = db.execute(newest.group_by(drift_sums.c.statistic))
        totals = {str(name): float(total) for name, total in rows}
        drift = json.loads(model.bundle)["drift"]
        for name, mean, deviation in zip(drift["names"], drift["mean"], drift["std"], strict=True):
            if not images or name not in totals or not deviation > 0:
                continue
            distance = (totals[name] / images - mean) / deviation
            now = images >= WINDOW and abs(distance) > LIMIT
            if now or name in alarmed:
                alarm = {
                    "Mean": totals[name] / images,
                    "TrainingMean": mean,
                    "TrainingDeviation": deviation,
                    "Distance": distance,
                    "Images": images,
                    "Active": now,
                }
                about = {"ProjectName": project.name, "ModelVersion": str(model.version), "Statistic": name}
                found.append({**about, **alarm, "Message": _words(name, alarm)})
    return found


def _newest(db: Connection, project: AnyRow, model: AnyRow, first: int, last: int) -> tuple[int, int]:
    """Return the number of the range's newest detections, as many as drift is measured on, and their
    first minute."""
    images, since = 0, last + 1
    # Each minute that has a row has a detection: so many minutes are enough.
    rows = db.execute(
        select(detections.c.minute, detections.c.processed)
        .filter_by(project=project.id, version=model.version)
        .where(detections.c.minute >= first, detections.c.minute <= last)
        .order_by(detections.c.minute.desc())
        .limit(WINDOW)
    )
    for row in rows:
        if images >= WINDOW:
            break
        images, since = images + row.processed, row.minute
    return images, since


def _words(name: str, alarm: dict[str, Any]) -> str:
    found = (
        f"the last {alarm['Images']} pictures are {abs(alarm['Distance']):.1f} standard deviations "
        f"{'above' if alarm['Distance'] > 0 else 'below'} training's mean"
    )
    if not alarm["Active"]:
        return f"{name} was out of training's range earlier in this time; {found}"
    return f"{name} of {found} ({alarm['Mean']:.3g}, training {alarm['TrainingMean']:.3g})"
