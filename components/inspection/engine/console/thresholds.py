"""A model's evaluation by its out-of-fold scores, and its threshold."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from brume import storage
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.inspection.engine import rows
from brume.inspection.engine.console import inference
from brume.inspection.engine.errors import absent, invalid
from brume.inspection.engine.locations import Locations
from brume.inspection.engine.models import set_threshold
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.training_files import BUNDLE
from brume.inspection.model.calibration import choose_threshold
from brume.inspection.model.metrics import model_metrics

_POINTS = 201  # of a curve, at most


class Thresholds:
    """The operations on a model's evaluation and threshold."""

    def __init__(self, store: Store, locations: Locations) -> None:
        self._store = store
        self._locations = locations

    def get_model_evaluation(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """GetModelEvaluation."""
        with self._store.read() as db:
            project, model = _model(db, request, call)
        training = read_training(self._locations, model)
        truth, probabilities = _out_of_fold(training)
        now = inference.threshold(model)
        return {
            "ProjectName": project.name,
            "ModelVersion": str(model.version),
            "Detector": training["chosen"],
            "Tried": [
                {
                    "Name": candidate["name"],
                    "Chosen": candidate["name"] == training["chosen"],
                    "AreaUnderCurve": candidate.get("auroc"),
                    "LogLoss": candidate.get("loss"),
                }
                for candidate in training["tried"]
            ],
            "Curve": _curve(truth, probabilities),
            "Threshold": now,
            "Current": _point(truth, probabilities, now),
            "NormalImages": int((~truth).sum()),
            "AnomalousImages": int(truth.sum()),
            "Seconds": training.get("seconds"),
        }

    def update_model_threshold(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """UpdateModelThreshold."""
        given = request.get("Threshold")
        costs = request.get("MissCost"), request.get("FalseAlarmCost")
        if (given is None) == (costs == (None, None)):
            raise invalid("give either Threshold, or MissCost and FalseAlarmCost")
        if given is None and (None in costs or not any(costs)):
            raise invalid("MissCost and FalseAlarmCost are both needed, and one of them above 0")
        with self._store.read() as db:
            project, model = _model(db, request, call)
        truth, probabilities = _out_of_fold(read_training(self._locations, model))
        if given is None:
            if not truth.any():
                raise invalid(
                    "MissCost: the model was trained without anomalous pictures, so that what a threshold "
                    "costs cannot be estimated: give Threshold"
                )
            given = choose_threshold(probabilities, truth, float(costs[0] or 0), float(costs[1] or 0))
        with self._store.write() as db:
            set_threshold(db, project, model.version, float(given))
        return {
            "ProjectName": project.name,
            "ModelVersion": str(model.version),
            "Threshold": given,
            "Expected": _point(truth, probabilities, float(given)),
        }


def _model(db: Connection, request: dict[str, Any], call: Call) -> tuple[AnyRow, AnyRow]:
    project = rows.project(db, call, request["ProjectName"])
    model = rows.model(db, project, request["ModelVersion"])
    inference.trained(project, model)
    return project, model


def read_training(locations: Locations, model: AnyRow) -> dict[str, Any]:
    """Return the training.json of a trained model. Raises ResourceNotFoundException when it is gone."""
    address = storage.join(locations.model(model.project, model.version), BUNDLE, "training.json")
    try:
        found: dict[str, Any] = json.loads(storage.read_bytes(address))
    except (OSError, ValueError, storage.StorageError) as error:
        raise absent(f"what training found cannot be read: {error}", str(model.version), "MODEL") from error
    return found


def _out_of_fold(training: dict[str, Any]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return label and probability of every training picture, by a model that had not seen it."""
    predictions = list(training["out_of_fold"].values())
    truth = np.array([item["anomalous"] for item in predictions], dtype=bool)
    return truth, np.array([item["probability"] for item in predictions], dtype=np.float64)


def _curve(truth: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return what each threshold gives; none without anomalous pictures, where nothing could be found."""
    if not truth.any():
        return []
    between = np.unique(np.concatenate([[0.0, 1.0], probabilities]))
    if between.size > _POINTS:
        between = np.unique(
            np.concatenate([[0.0, 1.0], np.quantile(probabilities, np.linspace(0, 1, _POINTS - 2))])
        )
    return [_point(truth, probabilities, float(value)) for value in between]


def _point(truth: NDArray[np.bool_], probabilities: NDArray[np.float64], threshold: float) -> dict[str, Any]:
    found = model_metrics(truth, probabilities, threshold)
    normal = found.images - found.anomalous
    return {
        "Threshold": threshold,
        "Precision": found.precision,
        "Recall": found.recall,
        "F1Score": found.f1,
        "FalseAlarmRate": found.false_positives / normal if normal else None,
    }
