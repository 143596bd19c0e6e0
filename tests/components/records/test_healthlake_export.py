"""A data store of HealthLake as the source: boto3 over HTTP against a double of the service's jobs."""

from __future__ import annotations

from typing import Any

import pytest

from brume.aws.engine.resources import Service
from brume.aws.engine.service import Call, Engine
from brume.records.pipeline import healthlake_export
from tests.aws.serving import KEY, serve_engine

ROLE = "arn:aws:iam::123456789012:role/export"


class Exports:
    """A double of HealthLake's export jobs: a job has the next of `statuses` each time it is looked at."""

    def __init__(self, statuses: list[str]) -> None:
        self.statuses = statuses
        self.asked: list[dict[str, Any]] = []

    def start_fhir_export_job(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.asked.append(request)
        return {"JobId": "job1", "JobStatus": "SUBMITTED", "DatastoreId": request["DatastoreId"]}

    def describe_fhir_export_job(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {
            "ExportJobProperties": {
                "JobId": request["JobId"],
                "JobStatus": self.statuses.pop(0),
                "SubmitTime": 0,
                "DatastoreId": request["DatastoreId"],
                "OutputDataConfig": self.asked[0]["OutputDataConfig"],
                "Message": "no access to the bucket",
            }
        }


def export(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(healthlake_export, "_PAUSE", 0)
    with serve_engine(Engine({"healthlake": Service("healthlake", (Exports,)).mount(exports)})) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_HEALTHLAKE", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
        return healthlake_export.export("a" * 32, "s3://mine/exports", ROLE, "key")


def test_a_data_store_is_exported_to_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    exports = Exports(["SUBMITTED", "IN_PROGRESS", "COMPLETED"])
    folder = export(exports, monkeypatch)
    assert folder.startswith("s3://mine/exports/brume-")
    (asked,) = exports.asked
    assert asked["DatastoreId"] == "a" * 32 and asked["DataAccessRoleArn"] == ROLE
    assert asked["OutputDataConfig"] == {"S3Configuration": {"S3Uri": folder, "KmsKeyId": "key"}}
    assert export(Exports(["COMPLETED_WITH_ERRORS"]), monkeypatch) != folder


@pytest.mark.parametrize("status", ["FAILED", "CANCEL_COMPLETED"])
def test_a_job_that_failed_is_named_with_the_reason(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(healthlake_export.ExportError, match=f"job1 .* {status}: no access to the bucket"):
        export(Exports(["IN_PROGRESS", status]), monkeypatch)
