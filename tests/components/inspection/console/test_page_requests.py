"""Requests to the page that no browser sends; over HTTP."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from brume.aws.engine.page_token import TOKEN
from brume.aws.wire.server import Call, Engine
from brume.inspection.engine.console.page import routes
from tests.aws.serving import serve_engine


class Lookout:
    """One operation."""

    def list_projects(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"Projects": []}


def test_what_no_browser_sends_is_refused(tmp_path: Path) -> None:
    engine = Engine({"lookoutvision": Lookout()})
    engine.pages = routes(engine, tmp_path)
    with serve_engine(engine) as url:
        host = urlsplit(url).netloc
        connection = http.client.HTTPConnection(host, timeout=30)

        def send(method: str, path: str, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
            connection.request(method, f"/console/{path}", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer

        entered = send("GET", f"?token={(tmp_path / TOKEN).read_text()}")
        cookie = (entered.getheader("Set-Cookie") or "").split(";")[0]

        def call(operation: str, body: bytes = b"{}", origin: str = url) -> int:
            named = {"Cookie": cookie, "Origin": origin, "Content-Type": "application/json"}
            return send("POST", f"api/lookoutvision/{operation}", body, **named).status

        assert call("ListProjects") == 200
        assert call("ListProjects", b"") == 200
        assert call("ListProjects", origin="http://[") == 403
        assert call("ListProjects", origin="") == 403
        assert call("ListProjects", b"[" * 200_000) == 400
        assert call("ListProjects", "{}".encode("utf-16")) == 400
        assert call("Foo") == 404
        assert call("ListProjects/") == 404  # no redirection to whatever host was named
        connection.close()
