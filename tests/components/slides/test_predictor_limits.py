"""The predictor's limits: sizes, a queue, a time, and SIGTERM."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
import urllib3

from brume.cluster import serving
from tests.components.slides.colours import (
    RED,
    ask,
    b64,
    save_model,
)
from tests.polling import until

pytestmark = pytest.mark.slow


MAX_BODY = 300_000


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


def test_what_a_small_gzip_holds_is_bounded_too(slow: Slow) -> None:
    bomb = gzip.compress(b" " * 30_000_000)
    code, answer, _headers = ask(
        f"{slow.url}/v1/models/slow:predict", bomb, headers={"Content-Encoding": "gzip"}
    )
    assert len(bomb) < MAX_BODY
    assert code == 413
    assert "larger than 300000 bytes" in answer["error"]


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
