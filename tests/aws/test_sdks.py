"""AWS's SDKs for JavaScript (cbor, rest-json, event streams) and Go (query) against engines.

What a value looks like is drawn by hypothesis; each SDK runs once and makes all calls. The SDKs are installed
in the user's cache, by the versions in sdks/; without the language or its registry the test is skipped.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from brume.aws.client import service_model
from brume.aws.wire.server import Call, Engine, ServiceError
from tests.aws.generating import parameters
from tests.aws.serving import KEY, serve_engine

SDKS = Path(__file__).parent / "sdks"

ASKED = 3  # requests for each operation
pytestmark = pytest.mark.slow


def installed(language: str, program: str, *command: str) -> Path:
    """Return a folder with the sources of sdks/`language` in which `command` has run, kept in the cache."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: AWS's SDK for {language} is not tried")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brume"
    cache.mkdir(parents=True, exist_ok=True)
    folder, complete = cache / f"sdk-{language}", cache / f"sdk-{language}" / "complete"
    sources = sorted(path for path in (SDKS / language).iterdir() if path.is_file())
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    with (cache / f"sdk-{language}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists() or complete.read_text() != version:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(SDKS / language, folder)
            made = subprocess.run(
                [program, *command], cwd=folder, capture_output=True, text=True, check=False
            )
            if made.returncode:
                last = made.stderr.strip().rpartition("\n")[2]
                pytest.skip(f"AWS's SDK for {language} cannot be installed: {last}")
            complete.write_text(version)
    return folder


def run(folder: Path, *command: str, trusted: Path | None = None, **fields: Any) -> Any:
    """Run a program of an SDK with JSON as its input; returns its output. `trusted`: certificates."""
    text = json.dumps({"key": KEY.access_key, "secret": KEY.secret, **fields}, default=_jsonable)
    made = subprocess.run(
        command,
        cwd=folder,
        input=text,
        env=os.environ | ({"NODE_EXTRA_CA_CERTS": str(trusted)} if trusted else {}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout, parse_int=float)  # JavaScript writes 1e16 as a whole number


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$time": value.timestamp()}
    return {"$bytes": base64.b64encode(value).decode()}


def _plain(value: Any) -> Any:
    """Return a value as JSON shows it, so that what both sides have can be compared."""
    return json.loads(json.dumps(value, default=_jsonable), parse_int=float)


class Answering:
    """A service that keeps what it got and answers from a list, one for each request."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers = answers

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def method(request: dict[str, Any], call: Call) -> dict[str, Any]:
            self.got.append(request)
            return self.answers[len(self.got) - 1]

        return method


def drawn(service: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return (operation, parameters, answer) for every operation of a service, some of each."""
    model = service_model(service)
    return [one for name in model.operation_names for one in _of_operation(model.operation_model(name))]


def _of_operation(operation: Any) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    found = []

    @settings(
        max_examples=ASKED,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(parameters(operation.input_shape), parameters(operation.output_shape, output=True))
    def draw(sent: dict[str, Any], answer: dict[str, Any]) -> None:
        found.append((operation.name, sent, answer))

    draw()
    return found


def installed_javascript() -> Path:
    """Return the folder with the SDK for JavaScript."""
    return installed("javascript", "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")


@pytest.fixture(scope="module")
def javascript() -> Path:
    return installed_javascript()


@pytest.mark.parametrize(
    ("service", "protocol"),
    [
        ("comprehendmedical", "rpc-v2-cbor"),
        ("comprehendmedical", "application/x-amz-json-1.1"),
        ("lookoutvision", "application/json"),
    ],
)
def test_javascript_gives_and_gets_what_the_engine_does(
    javascript: Path, service: str, protocol: str
) -> None:
    calls = drawn(service)
    model = service_model(service)
    answering = Answering([answer for _, _, answer in calls])
    requests = [{"service": service, "operation": name, "parameters": sent} for name, sent, _ in calls]
    with serve_engine(Engine({service: answering})) as url:
        given = run(
            javascript,
            "node",
            "main.mjs",
            call="send",
            endpoint=url,
            requests=requests,
            cbor=protocol == "rpc-v2-cbor",
        )
    assert len(given) == len(calls) >= ASKED
    for (name, sent, answer), got, received in zip(calls, answering.got, given, strict=True):
        tokens = model.operation_model(name).idempotent_members
        assert _plain({key: value for key, value in got.items() if key in sent or key not in tokens}) == (
            _plain(sent)
        ), name
        assert received.get("output") == _plain(answer), (name, received)
    assert protocol in {received["protocol"] for received in given}


def test_javascript_reads_errors(javascript: Path) -> None:
    class Failing:
        def detect_entities_v2(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
            raise ServiceError("InvalidRequestException", "no text of any use")

    with serve_engine(Engine({"comprehendmedical": Failing()})) as url:
        valid = {
            "service": "comprehendmedical",
            "operation": "DetectEntitiesV2",
            "parameters": {"Text": "a"},
        }
        empty = {**valid, "parameters": {"Text": ""}}
        failed, wrong = run(
            javascript, "node", "main.mjs", call="send", endpoint=url, requests=[valid, empty]
        )
    assert (failed["error"], failed["message"]) == ("InvalidRequestException", "no text of any use")
    assert failed["status"] == 400
    assert wrong["error"] == "InvalidRequestException"
    assert "Text must be at least 1" in wrong["message"]


class Polly:
    def synthesize_speech(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        parts = (f"{word};".encode() for word in request["Text"].split())
        return {"AudioStream": parts, "ContentType": "audio/pcm", "RequestCharacters": len(request["Text"])}

    def get_lexicon(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        raise ServiceError("LexiconNotFoundException", f"there is no {request['Name']}")


class Neptune:
    def create_db_cluster(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        return {
            "DBCluster": {
                "DBClusterIdentifier": request["DBClusterIdentifier"],
                "AvailabilityZones": request["AvailabilityZones"],
                "DatabaseName": tags["owner"],
                "ClusterCreateTime": datetime(2030, 1, 31, tzinfo=UTC),
                "MultiAZ": True,
            }
        }

    def delete_db_cluster(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        raise ServiceError("DBClusterNotFoundFault", "there is no such cluster")


def test_go_speaks_query_and_reads_a_streamed_answer() -> None:
    folder = installed("go", "go", "build", "-o", "sdk", ".")
    with serve_engine(Engine({"polly": Polly(), "neptune": Neptune()})) as url:
        given = run(folder, "./sdk", endpoint=url)
    assert given["speechError"] == given["clusterError"] == given["audioError"] == ""
    assert (given["audio"], given["characters"]) == ("a;&;b;", 5)
    assert given["absent"] == "LexiconNotFoundException: there is no absent"
    cluster = given["cluster"]["DBCluster"]
    assert (cluster["DBClusterIdentifier"], cluster["AvailabilityZones"]) == ("graph & co", ["a", "b"])
    assert (cluster["DatabaseName"], cluster["MultiAZ"]) == ("<me>", True)
    assert cluster["ClusterCreateTime"] == "2030-01-31T00:00:00Z"
    assert given["absentCluster"] == "DBClusterNotFoundFault: there is no such cluster"
