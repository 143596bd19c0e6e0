"""The predictor's protocol: a real SavedModel, a real process, real HTTP."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from brume.cluster import serving
from brume.cluster.serving import Endpoint, Model, ServingError
from tests.aws import environments
from tests.components.slides.colours import (
    BLUE,
    CLASSES,
    GREEN,
    PREDICTOR,
    RED,
    ask,
    b64,
    picture,
    save_model,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def endpoint(out: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    uri = save_model(tmp_path_factory.mktemp("models") / "colours")
    endpoint = serving.serve(Model("colours", uri, module=PREDICTOR), print)
    yield endpoint
    serving.stop(endpoint)


def test_pictures_are_scored_in_the_order_of_the_published_classes(endpoint: Endpoint) -> None:
    rows = serving.predict(endpoint.url, "colours", [RED, GREEN, BLUE])
    about = ask(f"{endpoint.url}/v1/models/colours/metadata", None, "GET")[1]
    assert about.items() >= {"name": "colours", "classes": CLASSES, "tile_size": 32, "mpp": 0.5}.items()
    assert [about["classes"][row.index(max(row))] for row in rows] == ["red", "green", "blue"]
    assert all(sum(row) == pytest.approx(1) for row in rows)


def test_the_form_of_tensorflow_serving_gives_the_same(endpoint: Endpoint) -> None:
    url = f"{endpoint.url}/v1/models/colours:predict"
    plain = ask(url, {"instances": [b64(RED), b64(BLUE)]})
    named = ask(
        url,
        {"signature_name": "serving_default", "instances": [{"image_bytes": b64(i)} for i in (RED, BLUE)]},
    )
    assert plain[0] == named[0] == 200
    assert plain[1] == named[1]


def test_columns_of_tensorflow_serving_give_outputs_by_any_version(endpoint: Endpoint) -> None:
    url = f"{endpoint.url}/v1/models/colours/versions/1:predict"
    files = [b64(RED), b64(BLUE)]
    rows = ask(url, {"instances": files})[1]["predictions"]
    for inputs in (files, {"image_bytes": files}):
        assert ask(url, {"inputs": inputs})[:2] == (200, {"outputs": rows})


def test_status_and_metadata_are_those_of_tensorflow_serving_too(endpoint: Endpoint) -> None:
    status = ask(f"{endpoint.url}/v1/models/colours/versions/1", None, "GET")[1]
    state = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert status == {"name": "colours", "ready": True, "model_version_status": [state]}
    about = ask(f"{endpoint.url}/v1/models/colours/metadata", None, "GET")[1]
    signature = about["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["image_bytes"]["dtype"] == "DT_STRING"
    assert [one["size"] for one in signature["outputs"]["probabilities"]["tensor_shape"]["dim"]] == [
        "-1",
        "3",
    ]


def test_base64_with_line_breaks_is_read(endpoint: Endpoint) -> None:
    url = f"{endpoint.url}/v1/models/colours:predict"
    broken = {"b64": base64.encodebytes(GREEN).decode()}
    assert ask(url, {"instances": [broken]})[1] == ask(url, {"instances": [b64(GREEN)]})[1]


def test_v2_gives_the_rows_of_v1(endpoint: Endpoint) -> None:
    rows = serving.predict(endpoint.url, "colours", [RED, GREEN])
    data = [base64.b64encode(image).decode() for image in (RED, GREEN)]
    url = f"{endpoint.url}/v2/models/colours"
    tensor = {"name": "image_bytes", "shape": [2], "datatype": "BYTES", "data": data}
    about = ask(url, None, "GET")[1]
    assert about["inputs"] == [{"name": "image_bytes", "datatype": "BYTES", "shape": [-1]}]
    for given in (tensor, tensor | {"shape": [2, 1], "data": [[one] for one in data]}):
        answer = ask(f"{url}/infer", {"id": "a", "inputs": [given]})[1]
        assert (answer["id"], answer["model_name"]) == ("a", "colours")
        (output,) = answer["outputs"]
        assert output == about["outputs"][0] | {"shape": [2, 3], "data": [v for row in rows for v in row]}


TENSOR: dict[str, Any] = {"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": ["AAAA"]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "inputs must be a list of one tensor"),
        ({"inputs": [TENSOR, TENSOR]}, "inputs must be a list of one tensor"),
        ({"inputs": [TENSOR | {"name": "x"}]}, "the input is 'x'"),
        ({"inputs": [TENSOR | {"datatype": "FP32"}]}, "datatype is 'FP32'"),
        ({"inputs": [TENSOR | {"shape": [1, 512, 512, 3]}]}, "shape is"),
        ({"inputs": [TENSOR | {"shape": [2]}]}, "it has 1 elements"),
        ({"inputs": [TENSOR | {"data": [7]}]}, "data must be"),
        ({"inputs": [TENSOR | {"data": None}]}, "data must be"),
        ({"inputs": [TENSOR | {"data": ["####"]}]}, "instance 0: bad base64"),
        ({"inputs": [TENSOR]}, "instance 0: not a JPEG or PNG"),
        (
            {"inputs": [TENSOR | {"parameters": {"binary_data_size": 9}}]},
            "binary_data_size is 9; 0 bytes follow",
        ),
        ({"inputs": [TENSOR], "outputs": [{"name": "scores"}]}, "the output is 'scores'"),
        ({"inputs": [TENSOR], "outputs": [1], "parameters": [1]}, "outputs must be"),
    ],
)
def test_a_bad_request_of_v2_is_answered_with_its_reason(endpoint: Endpoint, body: Any, reason: str) -> None:
    code, answer, _headers = ask(f"{endpoint.url}/v2/models/colours/infer", body)
    assert code == 400
    assert reason in answer["error"]


@pytest.mark.parametrize("length", ["x", "9999", "-1"])
def test_a_bad_length_of_a_binary_request_is_refused(endpoint: Endpoint, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    code, answer, _headers = ask(f"{endpoint.url}/v2/models/colours/infer", {}, headers=headers)
    assert code == 400
    assert "Inference-Header-Content-Length" in answer["error"]


@pytest.mark.long
def test_kserve_s_own_client(endpoint: Endpoint, tmp_path: Path) -> None:
    program = Path(__file__).with_name("kserve_client.py")
    files = [tmp_path / "red.png", tmp_path / "green.jpg"]
    for file, data in zip(files, (RED, GREEN), strict=True):
        file.write_bytes(data)
    command = [environments.python(program.with_name("kserve-client.txt")), program, endpoint.url, "colours"]
    answers = json.loads(subprocess.run([*command, *files], check=True, stdout=subprocess.PIPE).stdout)
    rows = answers["v1"]
    assert [CLASSES[row.index(max(row))] for row in rows] == ["red", "green"]
    assert answers["live"] == answers["model"] == [True, True]
    assert answers["ready"] == [True]
    for kind in ("text", "binary"):
        request, name, found = answers[kind]
        assert (request, name) == ("7", "colours")
        assert found == [pytest.approx(row) for row in rows]


def test_requests_and_answers_in_gzip(endpoint: Endpoint) -> None:
    url = f"{endpoint.url}/v1/models/colours:predict"
    body = json.dumps({"instances": [b64(RED)] * 90}).encode()
    headers = {"Content-Encoding": "gzip"}
    code, answer, _headers = ask(url, gzip.compress(body), headers=headers)
    assert (code, answer) == ask(url, body)[:2]
    assert len(answer["predictions"]) == 90
    packed = ask(url, body, headers={"Accept-Encoding": "gzip"})
    assert (packed[1], packed[2]["Content-Encoding"]) == (answer, "gzip")
    assert ask(url, gzip.compress(body)[:-9], headers=headers)[1]["error"] == "the body's gzip is cut short"
    assert "no gzip" in ask(url, body, headers=headers)[1]["error"]
    assert ask(url, body, headers={"Content-Encoding": "br"})[0] == 415


def test_metrics_count_by_protocol_and_phase(endpoint: Endpoint) -> None:
    serving.predict(endpoint.url, "colours", [RED])
    ask(f"{endpoint.url}/v2/models/colours/infer", {})
    text = urllib3.request("GET", f"{endpoint.url}/metrics").data.decode()
    counted = {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    for phase in ("preprocess", "predict", "postprocess"):
        assert f'request_{phase}_seconds_count{{model_name="colours"}}' in counted
    assert 'brume_predictions_total{protocol="v1",status="200"}' in counted
    assert 'brume_predictions_total{protocol="v2",status="400"}' in counted
    assert "brume_prediction_instances_total" in counted


def test_more_images_than_the_model_takes_at_once_keep_their_order(endpoint: Endpoint) -> None:
    images = [RED, GREEN, BLUE, BLUE, RED] * 31
    rows = serving.predict(endpoint.url, "colours", images)
    assert [CLASSES[row.index(max(row))] for row in rows] == ["red", "green", "blue", "blue", "red"] * 31


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/", {"status": "alive"}),
        ("/healthz", {"status": "alive"}),
        ("/readyz", {"ready": True}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v1/models", {"models": ["colours"]}),
        ("/v2/models/colours/ready", {"name": "colours", "ready": True}),
        ("/v2/models/colours/versions/1/ready", {"name": "colours", "ready": True}),
    ],
)
def test_health_and_status(endpoint: Endpoint, path: str, answer: dict[str, Any]) -> None:
    assert ask(endpoint.url + path, None, "GET")[:2] == (200, answer)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/v1/models/other", "GET", 404),
        ("/v1/models/other:predict", "POST", 404),
        ("/v1/models/other/metadata", "GET", 404),
        ("/v1/models/colours/versions/2:predict", "POST", 404),
        ("/v2/models/other/infer", "POST", 404),
        ("/v2/models/colours/versions/2/infer", "POST", 404),
        ("/nothing", "GET", 404),
        ("/v1/models/colours:predict", "GET", 404),
        ("/v1/models", "POST", 405),
    ],
)
def test_what_is_not_there_is_a_json_error(endpoint: Endpoint, path: str, method: str, status: int) -> None:
    code, answer, _headers = ask(endpoint.url + path, None, method)
    assert code == status
    assert list(answer) == ["error"]


TRUNCATED = picture(1, 2, 3, "JPEG", 128)[:640]
BOMB = RED[:16] + (60_000).to_bytes(4, "big") * 2 + RED[24:]  # claims gigabytes of pixels


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ([1], "instances"),
        ({"inputs": {"pictures": []}}, "inputs must be"),
        ({"inputs": [], "instances": []}, "both instances and inputs"),
        ({"instances": [], "signature_name": "explain"}, "signature_name is 'explain'"),
        ({"instances": [b64(RED), b64(picture(1, 2, 3, size=129))]}, "instance 1: 129 x 129 pixels"),
        ({"instances": [b64(BOMB)]}, "instance 0: 60000 x 60000 pixels"),
        ({"instances": "x"}, "instances"),
        ({"instances": [b64(RED), [0, 1]]}, "instance 1: it must be"),
        ({"instances": [b64(RED), b64(RED), {"b64": 7}]}, "instance 2: it must be"),
        ({"instances": [{"b64": "####"}]}, "instance 0: bad base64"),
        ({"instances": [{"b64": "é"}]}, "instance 0: bad base64"),
        ({"instances": [b64(RED)] * 3 + [b64(b"%PDF-1.7")]}, "instance 3: not a JPEG or PNG"),
        ({"instances": [b64(RED)] * 40 + [b64(TRUNCATED)]}, "instance 40: the image is damaged"),
    ],
)
def test_a_bad_request_is_answered_with_position_and_reason(
    endpoint: Endpoint, body: Any, reason: str
) -> None:
    code, answer, _headers = ask(f"{endpoint.url}/v1/models/colours:predict", body)
    assert code == 400
    assert reason in answer["error"]


def test_a_client_gets_the_reason_why_its_images_are_refused(endpoint: Endpoint) -> None:
    with pytest.raises(ServingError, match=r"answered 400.*instance 1: not a JPEG"):
        serving.predict(endpoint.url, "colours", [RED, b"GIF89a"])


def test_no_images_are_no_requests_and_no_instances_no_predictions(endpoint: Endpoint) -> None:
    assert serving.predict("http://127.0.0.1:1", "colours", []) == []
    assert ask(f"{endpoint.url}/v1/models/colours:predict", {"instances": []})[:2] == (
        200,
        {"predictions": []},
    )


def test_the_log_never_holds_what_was_sent(endpoint: Endpoint) -> None:
    ask(f"{endpoint.url}/v1/models/colours:predict", {"instances": [{"b64": "c2VjcmV0LXBhdGllbnQ="}]})
    serving.predict(endpoint.url, "colours", [RED])
    text = Path(endpoint.handle).read_text()
    assert "1 images" in text
    assert "c2VjcmV0" not in text
    assert base64.b64encode(RED).decode()[:40] not in text


def test_any_process_can_stop_a_model_and_twice(out: Path, endpoint: Endpoint) -> None:
    again = serving.serve(Model("second", str(Path(save_model(out / "second"))), module=PREDICTOR), print)
    code = "from brume.cluster import serving; serving.stop('second'); serving.stop('second')"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        ask(again.url, None, "GET")
    serving.stop(again)
    assert ask(endpoint.url, None, "GET")[0] == 200
