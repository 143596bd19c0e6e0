"""Requests to a served model: batches, limits of a body, and attempts after failures."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator

import pytest

from brume.cluster import serving
from tests.components.slides.colours import (
    RED,
)


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
