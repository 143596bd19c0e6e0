"""DetectAnomalies: the request goes to the hosted model, and its result is the response."""

from __future__ import annotations

import base64
import json
from typing import Any

import urllib3

from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.inspection.engine import rows
from brume.inspection.engine.errors import conflict, invalid
from brume.inspection.engine.hosting import Hosting, served_name
from brume.inspection.engine.monitoring import DetectionRecord, Monitor
from brume.inspection.engine.rows import AnyRow
from brume.inspection.model.images import MAX_BYTES

_TYPES = {
    "image/png": ("PNG", b"\x89PNG\r\n\x1a\n"),
    "image/jpeg": ("JPEG", b"\xff\xd8\xff"),
    "image/jpg": ("JPEG", b"\xff\xd8\xff"),
}
_CONNECTIONS = 32
_SECONDS = urllib3.Timeout(connect=3, read=120)


class AnomalyDetection:
    """Asks hosted models, over connections that are kept."""

    def __init__(self, store: Store, hosting: Hosting, monitor: Monitor) -> None:
        self._store = store
        self._hosting = hosting
        self._monitor = monitor
        # A kept connection that the predictor let go of meanwhile is worth another attempt.
        retries = urllib3.Retry(total=1, connect=0, read=1, status=0, allowed_methods=None, backoff_factor=0)
        self._pool = urllib3.PoolManager(maxsize=_CONNECTIONS, retries=retries, timeout=_SECONDS)

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def detect_anomalies(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """DetectAnomalies."""
        with self._store.read() as db:
            project = rows.project(db, call, request["ProjectName"])
            row = rows.model(db, project, request["ModelVersion"])
        _check(request["ContentType"], request["Body"])
        prediction = self._predict(project, row, request["Body"])
        result: dict[str, Any] = {
            "Source": {"Type": "direct"},
            "IsAnomalous": prediction["anomalous"],
            "Confidence": prediction["confidence"],
        }
        if "mask" in prediction:
            result["Anomalies"] = [
                {
                    "Name": item["name"],
                    "PixelAnomaly": {"TotalPercentageArea": item["area"], "Color": item["color"]},
                }
                for item in prediction["anomalies"]
            ]
            result["AnomalyMask"] = base64.b64decode(prediction["mask"])
        return {"DetectAnomalyResult": result}

    def _predict(self, project: AnyRow, row: AnyRow, image: bytes) -> dict[str, Any]:
        """Return a hosted model's prediction for a picture (see predictor.py), and count it.

        Raises ConflictException when the version is not HOSTED, ValidationException for a picture that cannot
        be used, ThrottlingException when the model is busy, InternalServerException when it is not there.
        """
        resource = f"{project.name}/{row.version}"
        if row.status != "HOSTED":
            raise conflict(
                f"version {row.version} of project {project.name} is {row.status}: call start_model and wait "
                "until it is HOSTED",
                resource,
                "MODEL",
            )
        instance: dict[str, Any] = {"b64": base64.b64encode(image).decode()}
        if row.threshold is not None:
            instance["threshold"] = row.threshold
        address = f"{row.url}/v1/models/{served_name(row.project, row.version)}:predict"
        try:
            answer = self._pool.request("POST", address, json={"instances": [instance]})
        except urllib3.exceptions.HTTPError as error:
            self._hosting.revive(row)
            raise ServiceError(
                "InternalServerException",
                f"the hosted model {resource} does not answer; it is being started again",
                RetryAfterSeconds=2,
            ) from error
        if answer.status == 503:
            raise ServiceError(
                "ThrottlingException",
                f"the hosted model {resource} has as many requests as it can take: send fewer at a time, or "
                "start it with more inference units",
                RetryAfterSeconds=1,
            )
        if answer.status == 400:
            raise invalid(str(answer.json()["error"]))
        if answer.status != 200:
            raise ServiceError("InternalServerException", f"the hosted model {resource} failed")
        prediction: dict[str, Any] = answer.json()["predictions"][0]
        drift = json.loads(row.bundle)["drift"]
        names = drift["names"]
        self._monitor.count(
            DetectionRecord(
                row.project,
                row.version,
                (project.account, project.name, str(row.version)),
                bool(prediction["anomalous"]),
                dict(zip(names, prediction["drift"], strict=True)),
                dict(zip(names, zip(drift["mean"], drift["std"], strict=True), strict=True)),
            )
        )
        return prediction


def _check(content_type: str, image: bytes) -> None:
    """Refuse a body whose first bytes are wrong, before it is sent on."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _TYPES:
        raise invalid(f"ContentType is {content_type}: it must be image/png or image/jpeg")
    if len(image) > MAX_BYTES:
        raise invalid(f"the image has {len(image):,} bytes; at most {MAX_BYTES:,} (8 MB) are allowed")
    name, magic = _TYPES[kind]
    if image.startswith(magic):
        return
    really = next((name for name, magic in _TYPES.values() if image.startswith(magic)), None)
    if really:
        raise invalid(f"ContentType is {content_type}, but the bytes of the image are {really}")
    raise invalid(f"the body is no {name} file: only PNG and JPEG images are accepted")
