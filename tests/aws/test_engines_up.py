"""Several engines on one port: as a process, with TLS, unsigned, and one that fails."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import ssl
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from brume.aws.engine import catalog, up
from brume.aws.engine.routes import Reply, RouteRequest, SignedRoute
from brume.aws.wire.server import Call, Engine, Failed, Served, create_apps
from brume.labels.model.lake import Lake
from brume.pipelines.cli import main
from tests.aws.lake import fill
from tests.aws.serving import KEY, KEYS, Held, client_of, serve_app
from tests.polling import until

UP = [sys.executable, "-m", "brume", "engines", "up"]


@contextlib.contextmanager
def process(base: Path, *words: str, starts: tuple[str, ...], **more: str) -> Iterator[subprocess.Popen[str]]:
    """Run engines on a free port until those of `starts` run, or the process has ended."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BRUME_", "SSL_"))
    }
    with subprocess.Popen(
        [*UP, *words, "--port", "0", "--data", str(base)],
        env=environment | more,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            until(lambda: running.poll() is not None or all(catalog.running(base / one) for one in starts))
            yield running
        finally:
            if running.poll() is None:
                running.terminate()


def ask(url: str, bundle: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """Return status and JSON of a request without signature."""
    request = urllib.request.Request(url + path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=bundle)) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.slow
def test_two_engines_on_one_port_with_tls_and_one_service_unsigned(tmp_path: Path) -> None:
    both = ("inspection", "labels")
    lake = Lake(str(tmp_path / "lake"))
    fill(lake)
    words = (*both, "--tls", "--unsigned", "athena")
    with process(tmp_path, *words, starts=both, BRUME_LAKE=lake.uri) as running:
        state = catalog.running(tmp_path / "inspection")
        assert state is not None, running.communicate()
        other = catalog.running(tmp_path / "labels")
        assert other is not None
        assert state.url == other.url
        assert state.url.startswith("https://127.0.0.1:")
        env = CliRunner().invoke(main, ["env", "--data", str(tmp_path)])
        assert env.exit_code == 0, env.output
        script = (
            "import boto3\nfrom brume.aws.client import client\n"
            "print(client('lookoutvision').list_projects()['Projects'])\n"
            "print(boto3.client('athena').list_work_groups()['WorkGroups'][0]['Name'])\n"
        )
        completed = subprocess.run(
            ["/bin/sh", "-c", f'{env.output}\n"$0" -c "$1"', sys.executable, script],
            capture_output=True,
            text=True,
            env={},
            check=False,
        )
        assert completed.stdout == "[]\nprimary\n", completed.stderr
        for name in ("inspection", "labels"):
            assert ask(state.url, state.bundle, f"/_brume/{name}/readyz") == (200, {"ready": True})
        target = {"X_Amz_Target": "AmazonAthena.ListWorkGroups", "Content_Type": "application/x-amz-json-1.1"}
        assert ask(state.url, state.bundle, "/", b"{}", **target)[0] == 200
        assert ask(state.url, state.bundle, "/", b"{}", Origin="https://elsewhere.test", **target)[0] == 403
        assert ask(state.url, state.bundle, "/2020-11-20/projects")[0] == 403
        for private in ("ca.key", "server.pem"):
            assert stat.S_IMODE((tmp_path / "tls" / private).stat().st_mode) == 0o600
    assert running.returncode == 0
    assert catalog.running(tmp_path / "labels") is None


@pytest.mark.slow
def test_an_engine_that_does_not_start_is_named_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    with (tmp_path / "labels" / catalog.LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with process(tmp_path, "inspection", "labels", starts=("inspection",)) as running:
            state = catalog.running(tmp_path / "inspection")
            assert state is not None
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"{state.url}/readyz")
            assert caught.value.code == 503
            assert "the engine labels did not start" in caught.value.read().decode()
            with urllib.request.urlopen(f"{state.url}/_brume/inspection/readyz") as ready:
                assert ready.status == 200
            running.terminate()
            assert running.stderr is not None
            reason = f"an engine runs on {tmp_path / 'labels'}"
            assert f"the engine labels did not start: {reason}" in running.stderr.read()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["inspektion"], "did you mean inspection?"),
        (["--host", "0.0.0.0", "--unsigned", "athena"], "opens athena to everyone who reaches 0.0.0.0"),
        (["labels", "--unsigned", "lookoutvision"], "--unsigned lookoutvision: there are: athena"),
        (["labels", "--database", "inspection=sqlite://"], "a database of its own"),
        (["labels", "--tls-name", "example.test"], "give --tls"),
        (["labels", "--tls-key", "key.pem"], "give both"),
    ],
)
def test_a_command_that_cannot_be_followed_says_why(
    tmp_path: Path, words: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        up.main([*words, "--port", "0", "--data", str(tmp_path)])
    assert caught.value.code == 1 and part in capsys.readouterr().err


class Athena:
    """One operation, which answers with the account of its caller."""

    def get_work_group(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"WorkGroup": {"Name": f"{call.account} {call.access_key}"}}


def _who(request: RouteRequest, call: Call) -> Reply:
    text = f"{request.method} {request.labels['id']} {request.body.decode()} {call.account} {call.operation}"
    return Reply(201, text.encode(), {"content-type": "text/plain"})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    route = SignedRoute("healthlake", "/datastore/{id}/r4/Patient", "CreatePatient", _who, ("POST",))
    served = [
        Served("inspection", Engine({"lookoutvision": Held()})),
        Served("labels", Engine({"athena": Athena()}), unsigned=frozenset({"athena"})),
        Served("records", Engine({}, routes=[route])),
    ]
    absent = Failed("speech", frozenset({"polly"}), "the engine speech did not start")
    with serve_app(create_apps(served, keys=KEYS, failed=[absent])) as address:
        yield address


def test_the_service_of_the_signature_says_which_engine(url: str) -> None:
    assert client_of(url, "lookoutvision").list_projects()["Projects"] == []
    group = client_of(url, "athena").get_work_group(WorkGroup="primary")["WorkGroup"]
    assert group["Name"] == f"{KEY.account} {KEY.access_key}"  # also where no signature is needed
    with pytest.raises(ClientError) as caught:
        client_of(url, "polly").describe_voices()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    with pytest.raises(ClientError) as caught:
        client_of(url, "glue").get_databases()
    assert "not served here" in caught.value.response["Error"]["Message"]


def _signed(url: str, service: str, body: bytes) -> urllib.request.Request:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", f"{url}/datastore/a%20b/r4/Patient", {"Content-Type": "text/plain"}, body)
    SigV4Auth(Credentials(KEY.access_key, KEY.secret), service, "us-east-1").add_auth(request)
    return urllib.request.Request(request.url, body, dict(request.headers.items()))


def test_a_signed_route_is_reached_by_its_signature_alone(url: str) -> None:
    with urllib.request.urlopen(_signed(url, "healthlake", b"data")) as answer:
        assert answer.status == 201
        assert answer.read().decode() == f"POST a b data {KEY.account} CreatePatient"
    changed = _signed(url, "healthlake", b"data")
    changed.data = b"Data"
    for request in (
        changed,
        _signed(url, "athena", b"data"),  # signed, for another service
        urllib.request.Request(f"{url}/datastore/a/r4/Patient", b"data"),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code in (403, 404)


def test_metrics_are_of_all_engines_and_of_each(url: str) -> None:
    client_of(url, "lookoutvision").list_projects()

    def counted(path: str) -> set[tuple[str, str]]:
        with urllib.request.urlopen(url + path) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        assert len({family.name for family in families}) == len(families)
        return {
            (sample.labels.get("engine", ""), sample.labels["service"])
            for family in families
            for sample in family.samples
            if sample.name == "brume_requests_total"
        }

    assert ("inspection", "lookoutvision") in counted("/metrics")
    assert ("", "lookoutvision") in counted("/_brume/inspection/metrics")
    assert ("", "lookoutvision") not in counted("/_brume/labels/metrics")


def test_two_engines_of_one_service_are_refused() -> None:
    served = [Served(name, Engine({"athena": Athena()})) for name in ("one", "two")]
    with pytest.raises(ValueError, match="two engines answer for the service athena"):
        create_apps(served, keys=KEYS)
