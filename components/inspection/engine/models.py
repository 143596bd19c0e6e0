"""Versions of a project's model: created, described, listed and deleted."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from brume import storage
from brume.aws.engine import lookup
from brume.aws.engine.background import Background
from brume.aws.engine.idempotency import once
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.inspection.engine import quotas, rows
from brume.inspection.engine.datasets import counts
from brume.inspection.engine.errors import conflict, invalid, mismatch, over_quota
from brume.inspection.engine.locations import LocationError, Locations
from brume.inspection.engine.rows import AnyRow, model_arn
from brume.inspection.engine.tables import datasets, models, packaging_jobs, projects
from brume.inspection.engine.training_jobs import TrainingJobs
from brume.inspection.model.splitting import fewest_before_split

# What may be deleted: nothing that runs, or is about to.
_AT_REST = ("TRAINED", "TRAINING_FAILED", "HOSTING_FAILED", "DELETING")


class Models:
    """The operations on models, hosting apart."""

    def __init__(
        self, store: Store, locations: Locations, trainings: TrainingJobs, background: Background, tags: Tags
    ) -> None:
        self._store = store
        self._locations = locations
        self._trainings = trainings
        self._tags = tags
        deleting = select(models.c.project, models.c.version).filter_by(status="DELETING")
        background.kind("model", deleting, self._remove)

    def create_model(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """CreateModel: the version is TRAINING, and the training itself starts after the answer.

        KmsKeyId is stored and returned; files are encrypted by the disk or the bucket.
        """
        name = request["ProjectName"]
        output = request["OutputConfig"]["S3Location"]
        try:
            self._locations.locate(f"s3://{output['Bucket']}/{output.get('Prefix', '')}")
        except LocationError as error:
            raise invalid(f"OutputConfig: {error}") from error
        with once(self._store, call, request, mismatch(name, "PROJECT")) as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            project = rows.project(db, call, name)
            self._refuse(db, project)
            version = project.versions + 1
            db.execute(update(projects).where(projects.c.id == project.id).values(versions=version))
            row = {
                "project": project.id,
                "version": version,
                "status": "TRAINING",
                "message": "the training is about to start",
                "description": request.get("Description"),
                "created": time.time(),
                "output_bucket": output["Bucket"],
                "output_prefix": output.get("Prefix", ""),
                "kms_key": request.get("KmsKeyId"),
                "attempts": 0,
                "url": "",
            }
            db.execute(insert(models).values(**row))
            self._tags.put(db, model_arn(project, version), pairs(request.get("Tags") or []))
            answer.value = {"ModelMetadata": _metadata(project, rows.model(db, project, str(version)))}
        self._trainings.wake()
        return answer.value

    def _refuse(self, db: Connection, project: AnyRow) -> None:
        """Refuse to train where something runs already, too much is there, or images are wanting."""
        name = project.name
        trained_now = select(models.c.version).filter_by(project=project.id, status="TRAINING")
        training = db.scalars(trained_now).first()
        if training is not None:
            raise conflict(
                f"version {training} of project {name} is being trained: wait until it is TRAINED or "
                "TRAINING_FAILED",
                f"{name}/{training}",
                "MODEL",
            )
        if lookup.count(db, select(models.c.version).filter_by(project=project.id)) >= quotas.MODELS:
            raise over_quota(
                f"project {name} has {quotas.MODELS} model versions, which is as many as there may be: "
                "delete some",
                name,
                "PROJECT",
                "models-per-project",
            )
        rows.dataset(db, project, "train")
        mine = select(datasets).filter_by(project=project.id).order_by(datasets.c.type.desc())
        there = {row.type: row for row in db.execute(mine)}  # train before test
        for row in there.values():
            if row.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                raise conflict(
                    f"the {row.type} dataset of project {name} is {row.status}: {row.message}",
                    f"{name}/{row.type}",
                    "DATASET",
                )
            _, labelled, anomalous = counts(db, project.id, row.type)
            normal = labelled - anomalous
            needed = quotas.MIN_NORMAL if "test" in there else fewest_before_split(quotas.MIN_NORMAL)
            if row.type == "train" and normal < needed:
                raise invalid(
                    f"the train dataset of project {name} has {normal} labelled normal and {anomalous} "
                    f"anomalous images; at least {needed} normal ones are needed"
                    + ("" if "test" in there else ", as a fifth is held out for testing")
                    + " (anomalous ones may be absent, but make the model better)"
                )
            if row.type == "test" and not labelled:
                raise invalid(
                    f"the test dataset of project {name} has no labelled image: add some, or delete the "
                    "dataset, and a part of the train dataset is held out instead"
                )

    def list_models(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListModels, the oldest version first."""
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
            wanted = select(models).filter_by(project=project.id)
            return list_rows(db, request, call, wanted, models.c.version, partial(_metadata, project))

    def describe_model(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DescribeModel."""
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
            row = rows.model(db, project, request["ModelVersion"])
        evaluation = json.loads(row.evaluation) if row.evaluation else {}
        written = {
            member: {"Bucket": row.output_bucket, "Key": evaluation[key]}
            for member, key in (("EvaluationResult", "result_key"), ("EvaluationManifest", "manifest_key"))
            if key in evaluation
        }
        location = {"Bucket": row.output_bucket, "Prefix": row.output_prefix or None}
        return {
            "ModelDescription": {
                **_metadata(project, row),
                **written,
                "OutputConfig": {"S3Location": {key: value for key, value in location.items() if value}},
                "EvaluationEndTimestamp": row.evaluated,
                "KmsKeyId": row.kms_key,
                "MinInferenceUnits": row.min_units,
                "MaxInferenceUnits": row.max_units,
            }
        }

    def delete_model(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DeleteModel: its files go with it."""
        name, version = request["ProjectName"], request["ModelVersion"]
        with once(self._store, call, request, mismatch(f"{name}/{version}", "MODEL")) as answer:
            if answer.known is not None:
                return answer.known
            db = answer.db
            project = rows.project(db, call, name)
            row = rows.model(db, project, version)
            remedy = "stop it first" if row.status == "HOSTED" else "wait until that has ended"
            if row.status not in _AT_REST:
                raise conflict(
                    f"version {version} of project {name} is {row.status}: {remedy}",
                    f"{name}/{version}",
                    "MODEL",
                )
            packaging = select(packaging_jobs.c.name).where(
                packaging_jobs.c.project == project.id,
                packaging_jobs.c.version == row.version,
                packaging_jobs.c.status.in_(("CREATED", "RUNNING")),
            )
            if lookup.count(db, packaging):
                raise conflict(f"version {version} is being packaged", f"{name}/{version}", "MODEL")
            db.execute(
                update(models)
                .where(models.c.project == project.id, models.c.version == row.version)
                .values(status="DELETING", message="")
            )
            self._tags.remove(db, model_arn(project, row.version))
            answer.value = {"ModelArn": model_arn(project, row.version)}
        self._remove(project.id, row.version)
        return answer.value

    def _remove(self, project: str, version: int) -> None:
        storage.remove(self._locations.model(project, version))
        with self._store.write() as db:
            db.execute(delete(models).filter_by(project=project, version=version))


def set_threshold(db: Connection, project: AnyRow, version: int, threshold: float | None) -> None:
    """Let a version decide at another probability of being anomalous, from the next detection on.

    `threshold` is from 0 to 1; None goes back to the one found in training. Raises ValidationException.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise invalid(f"a threshold is a probability from 0 to 1, not {threshold:g}")
    row = rows.model(db, project, str(version))
    if row.bundle is None:
        raise conflict(
            f"version {version} of project {project.name} is {row.status}: it has no threshold yet",
            f"{project.name}/{version}",
            "MODEL",
        )
    mine = (models.c.project == project.id) & (models.c.version == row.version)
    db.execute(update(models).where(mine).values(threshold=threshold))


def _metadata(project: AnyRow, row: AnyRow) -> dict[str, Any]:
    metrics = {"F1Score": row.f1, "Precision": row.precision, "Recall": row.recall}
    known = {name: value for name, value in metrics.items() if value is not None}
    return {
        "ModelVersion": str(row.version),
        "ModelArn": model_arn(project, row.version),
        "CreationTimestamp": row.created,
        "Description": row.description,
        "Status": row.status,
        "StatusMessage": row.message or None,
        "Performance": known or None,
    }
