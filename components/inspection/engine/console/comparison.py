"""Versions of a model side by side, on pictures that none of them was trained on.

A model's probability for a picture is kept: a comparison that a kill cut short is resumed where it was, and a
changed threshold is compared at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from brume import storage
from brume.aws.engine.background import Background
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.inspection.engine import rows
from brume.inspection.engine.console import inference, renditions
from brume.inspection.engine.console.inference import LoadedModels
from brume.inspection.engine.console.thresholds import read_training
from brume.inspection.engine.console.trial_tables import comparisons, predictions
from brume.inspection.engine.errors import invalid
from brume.inspection.engine.locations import LocationError, Locations
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import datasets, entries, projects
from brume.inspection.model import images
from brume.inspection.model.metrics import model_metrics
from brume.run.rejects import unreachable


@dataclass(frozen=True)
class _ComparedPictures:
    """The pictures of a comparison, by id: address and whether anomalous.

    `description` is for people; `left_out` counts those that a version was trained on.
    """

    pictures: Mapping[str, tuple[str, bool]]
    description: str
    left_out: int


class Comparisons:
    """The operation that compares models."""

    def __init__(
        self, store: Store, locations: Locations, background: Background, loaded_models: LoadedModels
    ) -> None:
        self._store = store
        self._locations = locations
        pending = select(comparisons.c.project, comparisons.c.versions).filter_by(status="IN_PROGRESS")
        self._comparing = background.kind("comparison", pending, self._predict_all)
        self._models = loaded_models

    def compare_models(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """CompareModels."""
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
            versions = [rows.model(db, project, version) for version in request["ModelVersions"]]
            for model in versions:
                inference.trained(project, model)
            if len({model.version for model in versions}) < len(versions):
                raise invalid("ModelVersions: a version stands there twice")
            compared = self._choose_pictures(db, project, versions)
            probabilities = {model.version: _probabilities(db, project, model) for model in versions}
        answer = {"ProjectName": project.name}
        if not compared.pictures:
            message = (
                "there is no picture that none of these versions was trained on: add some to the test dataset"
            )
            return {**answer, "Status": "FAILED", "StatusMessage": message}
        missing = sum(len(compared.pictures.keys() - known.keys()) for known in probabilities.values())
        if missing:
            numbers = ",".join(str(model.version) for model in versions)
            if failure := self._begin(project.id, numbers):
                return {**answer, "Status": "FAILED", "StatusMessage": failure}
            self._comparing.submit(project.id, numbers)
            done = 1 - missing / (len(compared.pictures) * len(versions))
            return {**answer, "Status": "IN_PROGRESS", "Progress": done}
        return {**answer, **_compared(versions, compared, probabilities, self._locations)}

    def _choose_pictures(
        self, db: Connection, project: AnyRow, versions: Sequence[AnyRow]
    ) -> _ComparedPictures:
        """Choose labelled pictures: of the test dataset, or of the training dataset where there is none."""
        kinds = set(db.scalars(select(datasets.c.type).filter_by(project=project.id)))
        kind = "test" if "test" in kinds else "train"
        wanted = select(entries.c.source_ref, entries.c.anomalous).filter_by(project=project.id, type=kind)
        labelled = db.execute(
            wanted.where(entries.c.anomalous.is_not(None)).order_by(entries.c.position)
        ).all()
        seen = {ref for model in versions for ref in read_training(self._locations, model)["out_of_fold"]}
        chosen = {
            renditions.identity(row.source_ref): (row.source_ref, bool(row.anomalous))
            for row in labelled
            if row.source_ref not in seen
        }
        if kind == "test":
            return _ComparedPictures(chosen, "the test dataset", len(labelled) - len(chosen))
        return _ComparedPictures(chosen, "what no version was trained on, of the training dataset", 0)

    def _begin(self, project: str, numbers: str) -> str:
        """Write the row of a comparison, unless it is there; of one that failed, remove it and return why."""
        key = {"project": project, "versions": numbers}
        with self._store.write() as db:
            row = db.execute(select(comparisons).filter_by(**key)).one_or_none()
            if row is None:
                db.execute(insert(comparisons).values(**key, status="IN_PROGRESS", message=""))
            elif row.status == "FAILED":
                db.execute(delete(comparisons).filter_by(**key))
                return str(row.message)
        return ""

    def _predict_all(self, project: str, numbers: str) -> None:
        """Predict what a comparison still needs, and remove its row, or write there why it failed."""
        key = {"project": project, "versions": numbers}
        with self._store.read() as db:
            if db.execute(select(comparisons).filter_by(**key, status="IN_PROGRESS")).one_or_none() is None:
                return
            owner = db.execute(select(projects).filter_by(id=project)).one()
        try:
            with self._store.read() as db:
                versions = [rows.model(db, owner, number) for number in numbers.split(",")]
                compared = self._choose_pictures(db, owner, versions)
            for model in versions:
                self._models.check(model)
            for identity, (address, _) in compared.pictures.items():
                self._detect(owner, versions, identity, address)
        except ServiceError as error:
            failed = {"status": "FAILED", "message": error.message}
            with self._store.write() as db:
                db.execute(update(comparisons).filter_by(**key).values(**failed))
            return
        with self._store.write() as db:
            db.execute(delete(comparisons).filter_by(**key))

    def _detect(self, project: AnyRow, versions: Sequence[AnyRow], identity: str, address: str) -> None:
        mine = {"project": project.id, "picture": identity}
        with self._store.read() as db:
            known = set(db.scalars(select(predictions.c.version).filter_by(**mine)))
        todo = [model for model in versions if model.version not in known]
        if not todo:
            return
        probabilities: dict[int, float | None] = {model.version: None for model in todo}
        try:
            pixels = images.decode(storage.read_bytes(self._locations.locate(address, project.id)))
            probabilities = {model.version: self._models.detect(model, pixels).probability for model in todo}
        except (LocationError, storage.StorageError, OSError, images.ImageError) as error:
            if unreachable(error):
                raise ServiceError(
                    "InternalServerException", f"{address} cannot be reached: {error}"
                ) from error
            # written as a picture that cannot be processed
        with self._store.write() as db:
            there = set(db.scalars(select(predictions.c.version).filter_by(**mine)))
            fresh = [
                {**mine, "version": version, "probability": probability}
                for version, probability in probabilities.items()
                if version not in there
            ]
            if fresh:
                db.execute(insert(predictions), fresh)


def _probabilities(db: Connection, project: AnyRow, model: AnyRow) -> dict[str, float | None]:
    wanted = select(predictions.c.picture, predictions.c.probability)
    rows = db.execute(wanted.filter_by(project=project.id, version=model.version))
    return {row.picture: row.probability for row in rows}


def _compared(
    versions: Sequence[AnyRow],
    compared: _ComparedPictures,
    probabilities: Mapping[int, Mapping[str, float | None]],
    locations: Locations,
) -> dict[str, Any]:
    def complete(identity: str) -> bool:
        return all(known[identity] is not None for known in probabilities.values())

    usable = [identity for identity in compared.pictures if complete(identity)]
    truth = [compared.pictures[identity][1] for identity in usable]
    models = []
    for model in versions:
        found = model_metrics(
            truth,
            [float(probabilities[model.version][key] or 0) for key in usable],
            inference.threshold(model),
        )
        models.append(
            {
                "ModelVersion": str(model.version),
                "Detector": read_training(locations, model)["chosen"],
                "Threshold": found.threshold,
                "Precision": found.precision,
                "Recall": found.recall,
                "F1Score": found.f1,
                "AreaUnderCurve": found.auroc,
                "Counts": {
                    "TrueAnomalies": found.true_positives,
                    "MissedAnomalies": found.false_negatives,
                    "FalseAlarms": found.false_positives,
                    "TrueNormals": found.true_negatives,
                },
            }
        )
    differing, wrong = [], []
    for identity in usable:
        address, anomalous = compared.pictures[identity]
        calls = [_prediction(model, float(probabilities[model.version][identity] or 0)) for model in versions]
        decided = {item["IsAnomalous"] for item in calls}
        item = {
            "PictureId": identity,
            "Name": renditions.title(address),
            "TrueLabel": "ANOMALY" if anomalous else "NORMAL",
            "Predictions": calls,
        }
        if len(decided) > 1:
            differing.append(item)
        elif anomalous not in decided:
            wrong.append(item)
    remarks = []
    if compared.left_out:
        remarks.append(f"{compared.left_out} pictures are left out: a version was trained on them.")
    if unusable := len(compared.pictures) - len(usable):
        remarks.append(f"{unusable} pictures could not be processed.")
    return {
        "Status": "COMPLETE",
        "StatusMessage": " ".join(remarks) or None,
        "Progress": 1.0,
        "Images": len(usable),
        "Basis": compared.description,
        "Models": models,
        "Differences": differing,
        "SharedErrors": wrong,
    }


def _prediction(model: AnyRow, probability: float) -> dict[str, Any]:
    anomalous = probability >= inference.threshold(model)
    return {
        "ModelVersion": str(model.version),
        "IsAnomalous": anomalous,
        "Confidence": probability if anomalous else 1 - probability,
    }
