"""Verdicts on a trial's results, and the dataset entries that verified pictures become."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, insert, select, update

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.inspection.engine.console import trial_rows
from brume.inspection.engine.console.trial_tables import results
from brume.inspection.engine.datasets import replace
from brume.inspection.engine.errors import conflict
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import datasets, entries
from brume.inspection.model.manifest import Line, parse_line, write_line

_OTHER = {"train": "test", "test": "train"}


class Verdicts:
    """The operations by which a trial's results are verified and used."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def verify_trial_result(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """VerifyTrialResult."""
        with self._store.write() as db:
            _, trial = trial_rows.find(db, call, request["TrialId"])
            row = trial_rows.result(db, trial, request["ResultId"])
            if row.status != "DETECTED":
                raise conflict(f"{row.name} could not be processed: {row.message}", row.id, "PICTURE")
            if row.added and row.verdict != request["Verdict"]:
                raise conflict(
                    f"{row.name} is in the {row.added} dataset by its verdict: change its label there, with "
                    "update_dataset_entries",
                    row.id,
                    "PICTURE",
                )
            mine = (results.c.trial == trial.id) & (results.c.id == row.id)
            db.execute(update(results).where(mine).values(verdict=request["Verdict"]))
            return {"Result": trial_rows.describe_result(trial_rows.result(db, trial, row.id))}

    def add_verified_to_dataset(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """AddVerifiedToDataset: all of them or, when the dataset would overflow, none.

        A picture of the other dataset is left out: in both, it would be trained on and tested with.
        """
        kind, now = request["DatasetType"], time.time()
        with self._store.write() as db:
            project, trial = trial_rows.find(db, call, request["TrialId"])
            processed = db.execute(select(results).filter_by(trial=trial.id, status="DETECTED")).all()
            verified = [row for row in processed if row.verdict != "UNVERIFIED"]
            other = set(
                db.scalars(select(entries.c.source_ref).filter_by(project=project.id, type=_OTHER[kind]))
            )
            fresh = [row for row in verified if not row.added and row.address not in other]
            if fresh:
                put(db, project, kind, [_line(row, trial, now) for row in fresh])
                mine = results.c.id.in_([row.id for row in fresh])
                db.execute(update(results).where(results.c.trial == trial.id, mine).values(added=kind))
        return {
            "ProjectName": project.name,
            "DatasetType": kind,
            "Added": len(fresh),
            "AlreadyAdded": len(verified) - len(fresh),
            "Unverified": len(processed) - len(verified),
        }


def _line(row: AnyRow, trial: AnyRow, now: float) -> Line:
    text = write_line(row.address, trial_rows.true_label(row), now, f"trial-detection/{trial.id}")
    return parse_line(text)


def put(db: Connection, project: AnyRow, kind: str, lines: list[Line]) -> None:
    """Put lines into a dataset of a project, which is made when there is none.

    Raises ConflictException while the dataset is being made, or when its making failed.
    """
    there = db.execute(select(datasets).filter_by(project=project.id, type=kind)).one_or_none()
    if there is None:
        now = time.time()
        row = {"status": "CREATE_COMPLETE", "message": "", "created": now, "updated": now, "source": ""}
        db.execute(insert(datasets).values(project=project.id, type=kind, **row))
    elif there.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise conflict(
            f"the {kind} dataset is {there.status}: {there.message or 'wait, or delete it'}",
            f"{project.name}/{kind}",
            "DATASET",
        )
    replace(db, project, kind, lines)
