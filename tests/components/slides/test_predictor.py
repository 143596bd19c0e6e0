"""The predictor: a real SavedModel, a real process, real HTTP."""

from __future__ import annotations

import base64
import contextlib
import http.server
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3
from PIL import Image

from brume.cluster import serving
from brume.cluster.serving import Endpoint, Model, ServingError
from brume.slides.model.predictor import RequestError, image_size, read_instances
from tests.polling import until

PREDICTOR = "brume.slides.model.predictor"

pytestmark = pytest.mark.slow
CLASSES = ["blue", "green", "red"]
MAX_BODY = 300_000


def picture(red: int, green: int, blue: int, kind: str = "PNG", size: int = 32) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (size, size), (red, green, blue)).save(data, kind)
    return data.getvalue()


RED, GREEN, BLUE = picture(255, 0, 0), picture(0, 255, 0, "JPEG", 48), picture(0, 0, 255)


def save_model(folder: Path, seconds: float = 0.0, hold: str = "") -> str:
    """A model whose probabilities are the fractions of the three colours, after `seconds`.

    It does not answer while a file `hold` exists.
    """
    import tensorflow as tf

    class Colours(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])  # type: ignore[untyped-decorator]
        def serve(self, image_bytes: Any) -> dict[str, Any]:
            def one(data: Any) -> Any:
                image = tf.io.decode_image(data, channels=3, expand_animations=False)
                mean = tf.reduce_mean(tf.cast(image, tf.float32), [0, 1]) + 1e-3
                return tf.reverse(mean / tf.reduce_sum(mean), [0])

            end = tf.timestamp() + seconds
            tf.while_loop(
                lambda: tf.timestamp() < end or tf.size(tf.io.matching_files(hold)) > 0, lambda: (), ()
            )
            return {"probabilities": tf.map_fn(one, image_bytes, fn_output_signature=tf.float32)}

    module = Colours()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    (folder / "labels.json").write_text(json.dumps({"classes": CLASSES}))
    (folder / "training.json").write_text(json.dumps({"tile_size": 32, "mpp": 0.5, "epochs": 3}))
    return str(folder)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRUME_OUT", str(folder))
        patch.setenv("BRUME_COMPUTE", "local")
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        yield folder


@pytest.fixture(scope="module")
def endpoint(out: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    uri = save_model(tmp_path_factory.mktemp("models") / "colours")
    endpoint = serving.serve(Model("colours", uri, module=PREDICTOR), print)
    yield endpoint
    serving.stop(endpoint)


def ask(url: str, body: Any, method: str = "POST") -> tuple[int, Any, Any]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    with urllib3.PoolManager(retries=False, timeout=30) as pool:
        answer = pool.request(method, url, body=data)
    return answer.status, answer.json(), answer.headers


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


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


class Slow(NamedTuple):
    """A slow predictor, which does not answer while the file `hold` exists."""

    url: str
    process: subprocess.Popen[str]
    hold: Path


@pytest.fixture(scope="module")
def slow(out: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    """A model of one second an answer, one request at a time and one more waiting, of 0.3 MB at most."""
    folder = tmp_path_factory.mktemp("models") / "slow"
    port_file, hold = folder.with_name("port"), folder.with_name("hold")
    options = {"model": save_model(folder, 1.0, str(hold)), "name": "slow", "port": 0, "port-file": port_file}
    options |= {"workers": 1, "queue": 1, "max-body": MAX_BODY, "seconds": 10, "batch": 1}
    command = [sys.executable, "-m", "brume.slides.model.predictor"]
    for key, value in options.items():
        command += [f"--{key}", str(value)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    url = f"http://127.0.0.1:{port_file.read_text()}"
    serving.predict(url, "slow", [RED])  # waits until it answers
    yield Slow(url, process, hold)
    process.kill()
    process.wait()
    process.stdout.close()


def test_too_large_a_body_is_refused_with_and_without_a_content_length(slow: Slow) -> None:
    url = f"{slow.url}/v1/models/slow:predict"
    assert ask(url, b"x" * (MAX_BODY + 1))[0] == 413
    with urllib3.PoolManager(retries=False) as pool:
        chunks = (b"x" * 1000 for _ in range(MAX_BODY // 1000 + 1))
        answer = pool.request("POST", url, body=chunks, chunked=True)
    assert answer.status == 413
    assert "larger than 300000 bytes" in answer.json()["error"]


def test_a_full_queue_refuses_requests_and_health_still_answers(slow: Slow) -> None:
    url = f"{slow.url}/v1/models/slow:predict"
    slow.hold.touch()
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(ask, url, {"instances": [b64(RED)]}) for _ in range(6)]
        until(lambda: sum(answer.done() for answer in answers) == 4, "four answers of a full queue")
        assert ask(f"{slow.url}/healthz", None, "GET")[0] == 200
        slow.hold.unlink()
        results = [answer.result() for answer in answers]
    assert sorted(status for status, _, _ in results) == [200, 200, 503, 503, 503, 503]
    assert all(headers["Retry-After"] == "1" for status, _, headers in results if status == 503)


def test_a_client_waits_for_its_turn(slow: Slow) -> None:
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(serving.predict, slow.url, "slow", [RED]) for _ in range(3)]
        assert [len(answer.result()) for answer in answers] == [1, 1, 1]


def test_a_request_of_too_many_images_ends_at_its_time(slow: Slow) -> None:
    status, answer, _headers = ask(f"{slow.url}/v1/models/slow:predict", {"instances": [b64(RED)] * 50})
    assert status == 504
    assert "10 s" in answer["error"]
    # Its work stops too: the next one is answered, and not after the 50 images of the first.
    assert len(serving.predict(slow.url, "slow", [RED])) == 1


def test_sigterm_lets_the_running_request_finish(slow: Slow) -> None:
    """Of three requests one is running and one waiting when the third is refused."""
    slow.hold.touch()
    with ThreadPoolExecutor(3) as pool:
        body = {"instances": [b64(RED)]}
        answers = [pool.submit(ask, f"{slow.url}/v1/models/slow:predict", body) for _ in range(3)]
        until(lambda: any(answer.done() for answer in answers), "the answer of a full queue")
        slow.process.send_signal(signal.SIGTERM)
        slow.hold.unlink()
        assert sorted(answer.result()[0] for answer in answers) == [200, 200, 503]
    assert slow.process.wait(60) == 0


def test_any_process_can_stop_a_model_and_twice(out: Path, endpoint: Endpoint) -> None:
    again = serving.serve(Model("second", str(Path(save_model(out / "second"))), module=PREDICTOR), print)
    code = "from brume.cluster import serving; serving.stop('second'); serving.stop('second')"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        ask(again.url, None, "GET")
    serving.stop(again)
    assert ask(endpoint.url, None, "GET")[0] == 200


def test_a_recycled_pid_is_left_alone(out: Path) -> None:
    """The state file of a process that ended long ago names a pid that another process has now."""
    bystander = subprocess.Popen(["sleep", "600"])
    folder = out / "work" / "serving"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "old.json").write_text(json.dumps({"pid": bystander.pid, "started": "1"}))
    serving.stop("old")
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    assert not (folder / "old.json").exists()


def test_a_model_that_cannot_be_loaded_is_explained_and_nothing_is_left(out: Path, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"labels\.json.*cannot be read"):
        serving.serve(Model("absent", str(tmp_path), module=PREDICTOR), print)
    assert not (out / "work" / "serving" / "absent.json").exists()


def test_a_model_ends_with_the_run_that_started_it(out: Path, tmp_path: Path) -> None:
    """kill -9 of the run: it cannot stop its predictor any more."""
    uri = save_model(tmp_path / "model")
    code = (
        "import os, signal, sys; from pathlib import Path; from brume.run import lifeline; "
        "from brume.cluster import serving; "
        "line = lifeline.Lifeline(Path(sys.argv[1])); os.environ.update(line.environment()); "
        f"model = serving.Model('orphan', sys.argv[2], module={PREDICTOR!r}); "
        "print(serving.serve(model, lambda _l: None).url, flush=True); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock"), uri]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert run.returncode == -signal.SIGKILL

    def look() -> None:
        with contextlib.suppress(urllib3.exceptions.ProtocolError):  # cut while it answered
            ask(run.stdout.strip(), None, "GET")

    with pytest.raises(urllib3.exceptions.NewConnectionError):
        until(look, "the end of the predictor")


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b"])
def test_a_name_cannot_leave_the_folder(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a name"):
        serving.stop(name)


class Counting(http.server.BaseHTTPRequestHandler):
    """Answers as a model that fails in several ways before it works."""

    failures: list[int]
    batches: list[int]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = type(self).failures.pop(0) if type(self).failures else 200
        if status == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if status == 200:
            type(self).batches.append(len(body["instances"]))
        answer = json.dumps({"predictions": [[1.0]] * len(body["instances"])}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def counting() -> Iterator[str]:
    Counting.failures, Counting.batches = [], []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counting) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_tiles_travel_in_batches(counting: str) -> None:
    """One tile a request was the original's way: a slide of 2,000 tiles cost 2,000 round trips."""
    assert len(serving.predict(counting, "m", [RED] * 2000)) == 2000
    assert sum(Counting.batches) == 2000
    assert len(Counting.batches) <= 2000 / 50


def test_requests_stay_below_the_limit_of_a_body(counting: str) -> None:
    assert len(serving.predict(counting, "m", [b"x" * (6 << 20)] * 5)) == 5
    assert Counting.batches == [2, 2, 1]


def test_failures_on_the_way_are_tried_again_and_nothing_is_doubled(counting: str) -> None:
    Counting.failures = [503, 0, 429, 502]
    assert serving.predict(counting, "m", [RED] * 3) == [[1.0]] * 3
    assert Counting.batches == [3]


def test_headers_of_images() -> None:
    assert image_size(picture(0, 0, 0, "PNG", 20)) == (20, 20)
    assert image_size(picture(0, 0, 0, "JPEG", 33)) == (33, 33)
    for damaged in (
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a" + b"\0" * 40,
        os.urandom(64),
    ):
        with pytest.raises(ValueError, match="not a JPEG or PNG"):
            image_size(damaged)


def test_an_image_that_claims_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    bomb = RED[:16] + (60_000).to_bytes(4, "big") * 2 + RED[24:]
    with pytest.raises(RequestError, match="instance 0: 60000 x 60000"):
        read_instances(json.dumps({"instances": [b64(bomb)]}).encode())
