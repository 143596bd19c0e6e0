"""Rows of the caller's trials and results, and their descriptions in responses."""

from __future__ import annotations

import json
import time
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from brume.aws.engine import lookup
from brume.aws.engine.service import Call
from brume.inspection.engine.console.trial_tables import results, trials
from brume.inspection.engine.errors import absent
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import projects


def owned(call: Call) -> Select[Any]:
    """Return the selection of the caller's trials, each with `project_name`."""
    return (
        select(trials, projects.c.name.label("project_name"))
        .join(projects, projects.c.id == trials.c.project)
        .where(projects.c.account == call.account, projects.c.status == "ACTIVE")
    )


def find(db: Connection, call: Call, identity: str) -> tuple[AnyRow, AnyRow]:
    """Return the project of a trial of the caller's, and the trial. Raises ResourceNotFoundException."""
    none = absent(f"there is no trial {identity}: list_trials shows those there are", identity, "TRIAL")
    trial = lookup.one(db, owned(call).where(trials.c.id == identity), none)
    return db.execute(select(projects).filter_by(id=trial.project)).one(), trial


def result(db: Connection, trial: AnyRow, identity: str) -> AnyRow:
    """Return a result of a trial. Raises ResourceNotFoundException."""
    row = db.execute(select(results).filter_by(trial=trial.id, id=identity)).one_or_none()
    if row is None or row.status == "PENDING":
        raise absent(f"trial {trial.id} has no result {identity}", identity, "PICTURE")
    return row


def true_label(row: AnyRow) -> bool | None:
    """Return whether a picture is anomalous by the verdict on it; None without a verdict."""
    if row.verdict == "UNVERIFIED" or row.anomalous is None:
        return None
    return bool(row.anomalous == (row.verdict == "CORRECT"))


def describe_result(row: AnyRow) -> dict[str, Any]:
    """Return a row as a TrialResult."""
    truth = true_label(row)
    return {
        "ResultId": row.id,
        "Name": row.name,
        "Status": row.status,
        "StatusMessage": row.message or None,
        "IsAnomalous": row.anomalous,
        "Confidence": row.confidence,
        "Anomalies": json.loads(row.anomalies) or None,
        "Verdict": row.verdict,
        "TrueLabel": None if truth is None else "ANOMALY" if truth else "NORMAL",
        "AddedTo": row.added,
        "Width": row.width,
        "Height": row.height,
        "CreationTimestamp": row.created,
    }


def describe_trial(db: Connection, trial: AnyRow) -> dict[str, Any]:
    """Return a trial, one of those that `owned` selects, as a Trial, with its counts."""

    def of(condition: Any) -> Any:
        return func.count(case((condition, 1)))

    processed = results.c.status == "DETECTED"
    counted = {
        "Total": func.count(),
        "Detected": of(processed),
        "Rejected": of(results.c.status == "REJECTED"),
        "Anomalous": of(processed & results.c.anomalous.is_(True)),
        "Correct": of(results.c.verdict == "CORRECT"),
        "Incorrect": of(results.c.verdict == "INCORRECT"),
        "Added": of(results.c.added.is_not(None)),
    }
    found = db.execute(select(*counted.values()).where(results.c.trial == trial.id)).one()
    return {
        "TrialId": trial.id,
        "Name": trial.name,
        "ProjectName": trial.project_name,
        "ModelVersion": str(trial.version),
        "Source": trial.source or None,
        "Status": trial.status,
        "StatusMessage": trial.message or None,
        "CreationTimestamp": trial.created,
        "Counts": dict(zip(counted, map(int, found), strict=True)),
    }


def blank(trial: str, identity: str, name: str, address: str) -> dict[str, Any]:
    """Return the columns of a picture that is pending."""
    return {
        "trial": trial,
        "id": identity,
        "name": name,
        "address": address,
        "status": "PENDING",
        "message": "",
        "anomalies": "[]",
        "verdict": "UNVERIFIED",
        "created": time.time(),
    }
