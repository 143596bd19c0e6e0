"""The predictor's protocol: a real SavedModel, a real process, real HTTP."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from brume.cluster import serving
from brume.cluster.serving import Endpoint, Model, ServingError
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
    assert about == {"name": "colours", "classes": CLASSES, "tile_size": 32, "mpp": 0.5}
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
        ("/v1/models/colours", {"name": "colours", "ready": True}),
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
        ("/nothing", "GET", 404),
        ("/v1/models/colours:predict", "GET", 404),
        ("/v1/models", "POST", 405),
    ],
)
def test_what_is_not_there_is_a_json_error(endpoint: Endpoint, path: str, method: str, status: int) -> None:
    code, answer, _headers = ask(endpoint.url + path, None, method)
    assert code == status
    assert list(answer) == ["error"]


TRUNCATED = picture(1, 2, 3, "JPEG", 256)[:700]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ([1], "instances"),
        ({"inputs": []}, "instances"),
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
