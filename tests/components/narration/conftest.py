"""A double of Polly, and a site that many tests look at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.components.narration.polly import State, environment, serving
from tests.components.narration.sites import ENGLISH, SPANISH, Made, site_of


@pytest.fixture
def polly(monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """A double of Polly that this process's clients ask."""
    with serving() as state:
        for name, value in environment(state).items():
            monkeypatch.setenv(name, value)
        yield state


@pytest.fixture
def made(polly: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Articles of a test, none yet, and the stages that work on them."""
    return site_of(tmp_path, monkeypatch)


@pytest.fixture
def serve_pages() -> Iterator[Callable[[dict[str, bytes | int]], str]]:
    """Serve pages over HTTP, each its bytes or a status; returns the URL."""
    servers: list[ThreadingHTTPServer] = []

    def serve(found: dict[str, bytes | int]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                page = found.get(self.path, 404)
                data = page if isinstance(page, bytes) else b""
                self.send_response(200 if isinstance(page, bytes) else page)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def narration_site(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A site of two articles, in English and Spanish, with all formats."""
    with serving() as state, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(state).items():
            patch.setenv(name, value)
        made = site_of(tmp_path_factory.mktemp("it's a site"), patch)
        return made.write(walk=ENGLISH, carta=SPANISH).run(formats="mp3,opus")
