"""A data store of HealthLake as the source: boto3 over HTTP against a double of the service's jobs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from brume.aws import addresses
from brume.aws.engine.resources import Service
from brume.aws.engine.service import Call, Engine, ServiceError
from brume.pipelines.running import catalog
from brume.records import demo
from brume.records.model.entities import read_entities
from brume.records.model.lake import Lake
from brume.records.pipeline import healthlake_export, stages
from tests.aws.serving import KEY, client_of, serve_engine
from tests.components.records import healthlake as hl
from tests.components.records.terminologies import extractor
from tests.pipelines.runs import brume

ROLE = "arn:aws:iam::123456789012:role/export"


EXPORT = {"export_to": "s3://outputs/exports", "export_role": ROLE, "export_key": "alias/records"}


class Exports:
    """A double of HealthLake's export jobs: a job has the next of `statuses` each time it is looked at.

    Without any it knows no data store.
    """

    def __init__(self, statuses: list[str]) -> None:
        self.statuses = statuses
        self.asked: list[dict[str, Any]] = []

    def start_fhir_export_job(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        if not self.statuses:
            raise ServiceError("ResourceNotFoundException", "there is no such data store")
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
    monkeypatch.setattr(healthlake_export, "_PAUSES", (0,))
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


def test_a_service_that_does_not_know_the_data_store_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(healthlake_export.ExportError, match=r"http://127.* data store a+: .*no such data"):
        export(Exports([]), monkeypatch)


def test_a_run_that_exports_a_data_store_has_an_engine_to_ask(tmp_path: Path) -> None:
    """Without an endpoint of its own, also where nothing but the export asks a service."""
    records = catalog.load("records")
    words = ["index=none", "graph=files"]
    assert not records.engines(records.arguments(words), tmp_path)
    words += [f"source=healthlake:{'a' * 32}", *(f"{name}={value}" for name, value in EXPORT.items())]
    assert records.engines(records.arguments(words), tmp_path).keys() == {"records"}
    for wrong in ("healthlake:", "healthlake:my-store"):
        with pytest.raises(catalog.ParameterError, match=f"source={wrong} needs the id"):
            records.arguments([f"source={wrong}"])


def entities(lake: str) -> dict[str, list[Any]]:
    """Return what is found in the notes of a lake, by note: places, types, and the best code."""
    return {
        row["note"]: [
            (one.begin, one.end, one.type, one.concepts[0].code if one.concepts else "")
            for one in read_entities(row["json"])
            if one.category != "PROTECTED_HEALTH_INFORMATION"
        ]
        for row in Lake(lake).table("entities").to_pylist()
    }


@pytest.mark.slow
def test_a_data_store_goes_through_the_pipeline_by_the_engines_own_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HealthLake's engine exports, Comprehend Medical's finds; a later run takes what this one wrote."""
    extractor()  # or a reason to skip
    truth = demo.generate(tmp_path / "demo", patients=4)
    engine, out = hl.make_engine(tmp_path), tmp_path / "out"
    shutil.copytree(tmp_path / "demo" / demo.EXPORT, tmp_path / "inputs" / "demo")
    with serve_engine(engine) as url:
        boto = client_of(url, "healthlake")
        store = hl.make_datastore(boto)
        hl.imported(boto, store, hl.start_import(boto, store, "s3://inputs/demo"))
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv(addresses.FOLDERS, json.dumps({"s3://outputs/": str(tmp_path / "outputs")}))
        words = [f"source=healthlake:{store}", *(f"{name}={value}" for name, value in EXPORT.items())]
        words += ["nlp=comprehendmedical", "index=none", "graph=files"]
        done = brume("run", "records", *words, "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    found = entities(str(out / "lake"))
    assert found.keys() == {row["id"] for row in Lake(str(out / "lake")).table("notes").to_pylist()}
    assert {note.patient for note in truth.notes} >= set(
        Lake(str(out / "lake")).table("notes")["patient"].to_pylist()
    )
    assert sum(map(len, found.values())) > 5 * len(found) > 0

    def unused(name: str) -> Any:
        return SimpleNamespace(uri=str(tmp_path / "present" / name), metadata={})

    outputs = {name: unused(name) for name in ("tables", "rejects", "metrics")}
    lake = stages.ingest_resources(source=str(out / "resources"), lake="", max_rejected=0.0, **outputs)
    stages.make_notes(lake=lake, status="", deidentify="none", metrics=unused("metrics"))
    stages.find_entities(lake=lake, nlp="present", terminology="", metrics=unused("metrics"))
    present = entities(lake)
    assert present and present == {note: found[note] for note in present}
