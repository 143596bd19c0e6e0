"""Code and commands of Lookout for Vision's time, unchanged, against an engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brume.aws.client import MODELS
from brume.aws.engine.paging import page
from brume.aws.wire.server import Call, Engine, ServiceError
from tests.aws import old_sdk
from tests.aws.serving import KEY, OTHER, serve_engine

pytestmark = pytest.mark.long

MODEL = "lookoutvision/2020-11-20"

SCRIPT = """
import io, json
import boto3
from botocore.exceptions import ClientError

client = boto3.client("lookoutvision")
results = {"version": boto3.__version__}
made = client.create_project(ProjectName="bricks")["ProjectMetadata"]
results["created"] = [made["ProjectName"], made["ProjectArn"], made["CreationTimestamp"].timestamp()]
results["bytes"] = client.detect_anomalies(
    ProjectName="bricks", ModelVersion="1", Body=b"0123456789", ContentType="image/png"
)["DetectAnomalyResult"]["Confidence"]
results["file"] = client.detect_anomalies(
    ProjectName="bricks", ModelVersion="1", Body=io.BytesIO(bytes(range(256))), ContentType="image/jpeg"
)["DetectAnomalyResult"]["AnomalyMask"].hex()
pages = client.get_paginator("list_models").paginate(ProjectName="bricks")
results["models"] = [model["ModelVersion"] for page in pages for model in page["Models"]]
try:
    client.describe_model(ProjectName="bricks", ModelVersion="9")
except client.exceptions.ResourceNotFoundException as error:
    results["absent"] = [error.response["ResourceType"], error.response["Error"]["Message"]]
try:
    client.create_project(ProjectName="no spaces")
except ClientError as error:
    results["wrong"] = error.response["Error"]["Code"]
print(json.dumps(results))
"""


class Lookout:
    """A few operations, which answer with what their clients sent."""

    def create_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {
            "ProjectMetadata": {
                "ProjectName": request["ProjectName"],
                "ProjectArn": call.account,
                "CreationTimestamp": datetime(2030, 1, 1, tzinfo=UTC),
            }
        }

    def detect_anomalies(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"DetectAnomalyResult": {"Confidence": len(request["Body"]), "AnomalyMask": request["Body"]}}

    def list_models(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        versions = [f"{number}" for number in range(100, 330)]
        part, token = page(versions, request, call, key=str)
        return {"Models": [{"ModelVersion": version} for version in part], "NextToken": token}

    def describe_model(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        raise ServiceError("ResourceNotFoundException", "no version 9", ResourceId="9", ResourceType="MODEL")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_engine(Engine({"lookoutvision": Lookout()})) as address:
        yield address


def test_boto3_of_the_time_works_unchanged(url: str) -> None:
    answer = subprocess.run(
        [str(old_sdk.python()), "-c", SCRIPT],
        env=old_sdk.environment(url, KEY),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {
        "version": "1.39.17",
        "created": ["bricks", KEY.account, datetime(2030, 1, 1, tzinfo=UTC).timestamp()],
        "bytes": 10,
        "file": bytes(range(256)).hex(),
        "models": [str(number) for number in range(100, 330)],
        "absent": ["MODEL", "no version 9"],
        "wrong": "ValidationException",
    }


def test_the_command_line_of_the_time_works_unchanged(url: str, tmp_path: Path) -> None:
    image = tmp_path / "part.png"
    image.write_bytes(b"0123456789")

    def aws(*words: str, key: Any = KEY) -> subprocess.CompletedProcess[str]:
        command = [str(old_sdk.python()), "-m", "awscli", "lookoutvision", *words]
        return subprocess.run(
            command, env=old_sdk.environment(url, key), capture_output=True, text=True, check=False
        )

    made = aws("create-project", "--project-name", "bricks", key=OTHER)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["ProjectMetadata"]["ProjectArn"] == OTHER.account
    words = ["--project-name", "bricks", "--model-version", "1", "--content-type", "image/png"]
    found = aws("detect-anomalies", *words, "--body", str(image))
    assert json.loads(found.stdout)["DetectAnomalyResult"]["Confidence"] == 10, found.stderr
    listed = aws("list-models", "--project-name", "bricks")
    assert len(json.loads(listed.stdout)["Models"]) == 230
    absent = aws("describe-model", "--project-name", "bricks", "--model-version", "9")
    assert absent.returncode != 0
    assert "ResourceNotFoundException" in absent.stderr


def _bare(value: Any) -> Any:
    """Return a model without its documentation; the order of lists of names means nothing."""
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if key != "documentation"}
    if isinstance(value, list):
        return sorted((_bare(item) for item in value), key=repr)
    return value


def _expanded(model: dict[str, Any], reference: dict[str, Any], above: tuple[str, ...] = ()) -> Any:
    """Return a shape with those it refers to put in place of their names, which are no part of the API."""
    name = reference["shape"]
    if name in above:
        return "recursion"
    shape = dict(model["shapes"][name])
    below = (*above, name)
    if "members" in shape:
        shape["members"] = {key: _expanded(model, item, below) for key, item in shape["members"].items()}
    if "member" in shape:
        shape["member"] = _expanded(model, shape["member"], below)
    return _bare({**shape, **{key: value for key, value in reference.items() if key != "shape"}})


def _operations(model: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "http": operation["http"],
            "input": _expanded(model, operation["input"]),
            "output": _expanded(model, operation["output"]),
            "errors": {error["shape"]: _expanded(model, error) for error in operation["errors"]},
        }
        for name, operation in model["operations"].items()
    }


def test_the_model_of_lookout_for_vision_is_that_of_the_time() -> None:
    script = (
        "import json; from botocore.loaders import Loader\nloader = Loader()\n"
        "print(json.dumps([loader.load_service_model('lookoutvision', kind) for kind in"
        " ('service-2', 'paginators-1')]))"
    )
    answer = subprocess.run(
        [str(old_sdk.python()), "-c", script], capture_output=True, text=True, check=True, env={}
    )
    then, pages = json.loads(answer.stdout)
    now = json.loads((MODELS / MODEL / "service-2.json").read_bytes())
    assert len(now["operations"]) == 22
    assert _operations(now) == _operations(then)
    assert json.loads((MODELS / MODEL / "paginators-1.json").read_bytes()) == pages
    for key in ("apiVersion", "endpointPrefix", "protocol", "serviceId", "signatureVersion", "signingName"):
        assert now["metadata"][key] == then["metadata"][key]
