"""The `brume` command as a user types it, right and wrong."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from brume.pipelines.cli import main
from brume.pipelines.running import remote


def brume(*words: str, cwd: Path | None = None, **variables: str) -> Result:
    """Run the command in this process: importing kfp once is enough."""
    before = Path.cwd()
    os.chdir(cwd or before)
    try:
        return CliRunner().invoke(main, list(words), prog_name="brume", env=variables)
    finally:
        os.chdir(before)


def test_the_command_is_installed() -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "brume", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("brume, version ")


def test_help_imports_no_pipeline_library() -> None:
    """The help answers at once: kfp alone takes longer to import than it may take."""
    code = (
        "import sys; from brume.pipelines.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'kfp', 'numpy', 'boto3', 'rich', 'pyarrow'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_list_names_each_pipeline() -> None:
    lines = brume("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "captions",
        "inspection",
        "labels",
        "narration",
        "records",
        "slides",
        "slides_predict",
    ]
    assert all(len(line.split()) > 3 for line in lines)


def test_the_parameters_are_shown_with_type_default_and_meaning() -> None:
    printed = " ".join(brume("run", "slides", "--help").stdout.split())
    assert "tile_size=INT Side of a tile in pixels. [default 512]" in printed
    assert "slides=STR Folder or s3:// prefix with the slides. [required]" in printed
    assert "max_background=FLOAT" in printed and "[default 0.5]" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "slidez"], "no pipeline is called 'slidez': did you mean slides?"),
        (["run", "slides"], "labels is required"),
        (["run", "slides", "slides=.", "labels=.", "tile_siz=9"], "did you mean tile_size?"),
        (["run", "slides", "slides=.", "labels=.", "epochs=many"], "epochs=many: must be a whole number"),
        (["run", "slides", "slides=.", "labels=.", "mpp=x"], "mpp=x: must be a number"),
        (["run", "slides", "slides=.", "labels=.", "seed=1", "seed=2"], "seed is given twice"),
        (["run", "slides", "slides=.", "labels=.", "tolerations={}"], "must be a JSON list"),
        (["run", "slides", "slides=.", "labels=.", "word"], "'word' is not of the form name=value"),
        (["run", "slides", "slides=/no/such", "labels=."], "slides=/no/such is not there"),
        (["run", "slides", "slides=.", "labels=.", "model=huge"], "small, resnet50"),
        (["run", "slides", "slides=.", "labels=.", "tile_size=0"], "tile_size=0"),
        (["run", "slides", "slides=.", "labels=.", "max_rejected=2"], "max_rejected=2.0 must be from 0 to 1"),
        (["compile"], "name one pipeline, or give --all"),
        (["schedule", "slides", "--cron", "0 3 * *", "--host", "http://localhost:1"], "takes five fields"),
        (["schedule", "slides", "--cron", "0 30 * * *"], "is no schedule (bad hour)"),
        (["submit", "slides"], "--host"),
        (["serve", "/no/such"], "holds no model"),
    ],
)
def test_wrong_words_are_answered_with_what_would_be_right(
    words: list[str], message: str, tmp_path: Path
) -> None:
    answer = brume(*words, cwd=tmp_path)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
    assert list(tmp_path.iterdir()) == []  # nothing has started


def test_an_empty_value_means_the_default() -> None:
    from brume.pipelines.running.catalog import load

    arguments = load("slides").arguments(["slides=.", "labels=.", "mpp=", "tile_size=", "weights="])
    assert (arguments["mpp"], arguments["tile_size"], arguments["weights"]) == (0.0, 512, "")
    assert isinstance(arguments["tile_size"], int)


def test_compiled_pipelines_load_in_kfp(tmp_path: Path) -> None:
    from kfp import components
    from kfp.dsl.graph_component import GraphComponent

    ran = brume("compile", "--all", "-o", str(tmp_path))
    assert ran.exit_code == 0, ran.stderr
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [
        "captions.yaml",
        "inspection.yaml",
        "labels.yaml",
        "narration.yaml",
        "records.yaml",
        "slides.yaml",
        "slides_predict.yaml",
    ]
    for file in files:
        loaded = components.load_component_from_file(str(file))
        assert loaded.pipeline_spec.root.dag.tasks
        assert not isinstance(loaded, GraphComponent)


def test_a_pipeline_is_defined_without_a_look_at_its_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such looks, one for each setter of kfp's tasks, made half of the time in which `brume run` starts."""

    def look(*_: object) -> None:
        raise AssertionError("the source of all callers was read")

    monkeypatch.setattr("inspect.stack", look)
    module = importlib.import_module("brume.pipelines.records")
    importlib.reload(module)


def test_compiled_steps_get_image_endpoints_and_credentials(tmp_path: Path) -> None:
    code = "from brume.pipelines.cli import main; main()"  # own process: steps name their image on import
    subprocess.run(
        [sys.executable, "-c", code, "compile", "slides", "-o", str(tmp_path)],
        env=os.environ | {"BRUME_REGISTRY": "registry.example/team", "BRUME_TAG": "7"},
        check=True,
        capture_output=True,
    )
    spec, platform = yaml.safe_load_all((tmp_path / "slides.yaml").read_text())
    executors = spec["deploymentSpec"]["executors"]
    assert {e["container"]["image"] for e in executors.values()} == {"registry.example/team/brume-pipeline:7"}
    environment = executors["exec-train-model"]["container"]["env"]
    assert {"name": "BRUME_TAG", "value": "7"} in environment
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(pods) == set(executors)
    for pod in pods.values():
        assert pod["configMapAsEnv"][0]["configMapName"] == "brume-endpoints"
        assert pod["secretAsEnv"][0]["secretName"] == "brume-s3"


def test_kubernetes_objects_of_a_pipeline(tmp_path: Path) -> None:
    brume("compile", "slides", "-o", str(tmp_path), "--kubernetes-manifest", "--namespace", "team")
    objects = list(yaml.safe_load_all((tmp_path / "slides.yaml").read_text()))
    assert [item["kind"] for item in objects] == ["Pipeline", "PipelineVersion"]
    assert {item["apiVersion"] for item in objects} == {"pipelines.kubeflow.org/v2beta1"}
    assert {item["metadata"]["namespace"] for item in objects} == {"team"}


class PipelinesApi(BaseHTTPRequestHandler):
    """A double of the Kubeflow Pipelines API server: it keeps what it is sent, or answers with `refusal`."""

    received: list[tuple[str, dict[str, object]]]
    refusal: str = ""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "healthz" in self.path:
            self.answer({"multi_user": False})
        else:
            self.answer(
                {"experiments": [{"experiment_id": "e1", "display_name": "brume", "namespace": "kubeflow"}]}
            )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.path.split("?")[0], body))
        if self.refusal:
            self.answer({"error": self.refusal, "code": 13, "message": self.refusal}, status=500)
            return
        self.answer({"run_id": "run-1", "recurring_run_id": "again-1", "experiment_id": "e1"})

    def answer(self, content: dict[str, object], status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def api() -> Iterator[tuple[str, list[tuple[str, dict[str, object]]]]]:
    handler = type("Handler", (PipelinesApi,), {"received": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler.received
    server.shutdown()
    server.server_close()


def test_submit_sends_the_pipeline_and_its_parameters(
    api: tuple[str, list[tuple[str, dict[str, object]]]],
) -> None:
    host, received = api
    answer = brume("submit", "slides_predict", "slides=s3://b/in", "model=s3://b/model", "--host", host)
    assert answer.exit_code == 0, answer.stderr
    assert "run-1" in answer.stdout
    path, body = next(item for item in received if item[0].endswith("/runs"))
    assert path == "/apis/v2beta1/runs"
    assert body["runtime_config"]["parameters"]["slides"] == "s3://b/in"  # type: ignore[index]
    assert body["service_account"] == "brume-pipeline"
    assert body["pipeline_spec"]


@pytest.mark.parametrize(("cron", "made"), [("0 0 3 * * *", "0 0 3 * * *"), ("0 * * * *", "0 0 * * * *")])
def test_schedule_makes_a_recurring_run(
    api: tuple[str, list[tuple[str, dict[str, object]]]], cron: str, made: str
) -> None:
    host, received = api
    words = ["slides_predict", "slides=s3://b/in", "model=s3://b/model", "--host", host]
    answer = brume("schedule", *words, "--cron", cron)
    assert answer.exit_code == 0, answer.stderr
    assert "again-1" in answer.stdout
    body = next(body for path, body in received if path.endswith("/recurringruns"))
    assert body["trigger"] == {"cron_schedule": {"cron": made}}


def test_a_refusal_is_reported_in_one_line(
    api: tuple[str, list[tuple[str, dict[str, object]]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    message = (
        "Internal error: compiling DAG failed\nFailed to compile job\nexample.com/util.Wrap\n\terror.go:352"
    )
    monkeypatch.setattr(PipelinesApi, "refusal", message)
    answer = brume("submit", "slides_predict", "slides=s3://b/in", "model=s3://b/model", "--host", api[0])
    assert answer.exit_code == 1
    last = answer.stderr.splitlines()[-1]
    assert last == (
        f"brume: {api[0]} answered 500 Internal Server Error: Internal error: compiling DAG failed"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>\n<body>no such host</body>", "<html>"),
        ('{"message": "no"}', "no"),
        ("[1]", "[1]"),
        (None, "it gave no reason"),
    ],
)
def test_the_message_of_a_refusing_server_is_quoted(body: str | bytes | None, message: str) -> None:
    assert remote.why(body) == message


def test_an_unreachable_cluster_is_named(tmp_path: Path) -> None:
    answer = brume(
        "submit", "slides_predict", "slides=s3://b/in", "model=s3://b/m", "--host", "http://127.0.0.1:9"
    )
    assert answer.exit_code == 1
    assert "http://127.0.0.1:9" in answer.stderr
    assert "Traceback" not in answer.stderr
