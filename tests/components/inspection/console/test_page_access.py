"""Who gets to see the page, and what a foreign page cannot do; over HTTP."""

from __future__ import annotations

import http.client
import json
import stat
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from brume.aws.engine.page_token import TOKEN
from tests.aws.serving import OTHER
from tests.components.inspection.console.conftest import PROJECT, Served
from tests.components.inspection.parts import photo

pytestmark = pytest.mark.slow
JSON = "application/json"


class Visitor:
    """A client that keeps its cookie as a browser would; `origin` is where its page comes from."""

    def __init__(self, served: Served) -> None:
        self.host = urlsplit(served.url).netloc
        self.cookie = ""

    def send(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            named["Cookie"] = self.cookie
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def enter(self, served: Served) -> dict[str, str]:
        token = (served.data / TOKEN).read_text()
        status, headers, _ = self.send("GET", f"/console/?token={token}")
        assert status == 303 and headers["location"] == "/console/"
        self.cookie = headers.get("set-cookie", "").split(";")[0]
        return headers

    def call(
        self, operation: str, service: str = "lookoutvision", **headers: str
    ) -> tuple[int, dict[str, object]]:
        given = {"Content_Type": JSON, "Origin": f"http://{self.host}"} | headers
        given = {name: value for name, value in given.items() if value}
        status, _, body = self.send("POST", f"/console/api/{service}/{operation}", b"{}", **given)
        return status, json.loads(body)


@pytest.fixture
def visitor(served: Served) -> Iterator[Visitor]:
    """A visitor with a session."""
    one = Visitor(served)
    one.enter(served)
    yield one


def test_nobody_enters_without_the_token_and_it_works_once(served: Served) -> None:
    path = served.data / TOKEN
    token = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and len(token) >= 40
    guest = Visitor(served)
    status, headers, body = guest.send("GET", "/console/")
    assert status == 403 and b"brume inspection console" in body
    for wrong in ("", "x", token[:-1], "ünïcode"):
        status, headers, _ = guest.send("GET", f"/console/?token={wrong.encode('ascii', 'replace').decode()}")
        assert status == 303 and "set-cookie" not in headers
    assert path.read_text() == token
    assert guest.call("ListProjects")[0] == 401
    assert guest.send("GET", "/console/picture/trial?TrialId=0&ResultId=0")[0] == 401
    flags = guest.enter(served)["set-cookie"].lower()
    assert all(flag in flags for flag in ("httponly", "samesite=strict", "path=/console", "max-age=43200"))
    assert guest.send("GET", "/console/")[0] == 200
    assert guest.call("ListProjects")[1]["Projects"]
    assert path.read_text() != token
    late = Visitor(served)
    _, headers, _ = late.send("GET", f"/console/?token={token}")
    assert "set-cookie" not in headers


def test_every_answer_forbids_foreign_content(served: Served, visitor: Visitor) -> None:
    for path in (
        "/console/",
        "/console/assets/app.js",
        "/console/assets/report.css",
        "/console/assets/nothing.js",
    ):
        _, headers, _ = visitor.send("GET", path)
        policy = headers["content-security-policy"]
        assert (
            "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        )
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    for path in ("/console/assets/..%2fpage.py", "/console/assets/index.html", "/console/../metrics"):
        assert visitor.send("GET", path)[0] == 404 or b"def routes" not in visitor.send("GET", path)[2]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
    ],
)
def test_a_foreign_page_changes_nothing(visitor: Visitor, headers: dict[str, str]) -> None:
    status, _ = visitor.call("ListProjects", **headers)
    assert status in (403, 415)


def test_the_door_opens_two_services_only_and_checks_parameters(served: Served, visitor: Visitor) -> None:
    assert visitor.call("ListBuckets", "s3")[0] == 404
    assert visitor.call("NoSuchThing")[0] == 404
    status, answer = visitor.call("DescribeProject")
    assert (status, answer["code"]) == (400, "ValidationException") and "ProjectName" in str(
        answer["message"]
    )
    origin = {"Origin": f"http://{visitor.host}"}
    assert (
        visitor.send("POST", "/console/api/lookoutvision/ListProjects", b"[", **origin, Content_Type=JSON)[0]
        == 400
    )
    assert visitor.send("GET", "/console/api/lookoutvision/ListProjects")[0] == 405
    big = b" " * (9 << 20)
    trial = served.console.create_trial(ProjectName=PROJECT, ModelVersion="1")["Trial"]["TrialId"]
    path = f"/console/upload/DetectTrialImage?TrialId={trial}&Name=a.png"
    assert visitor.send("POST", path, photo(980), **origin, Content_Type="image/png")[0] == 200
    assert visitor.send("POST", path, photo(980), **origin, Content_Type="text/html")[0] == 415
    assert visitor.send("POST", path, photo(980), Content_Type="image/png")[0] == 403
    assert visitor.send("POST", path, big, **origin, Content_Type="image/png")[0] == 413


def test_a_session_sees_its_own_account_alone(served: Served, visitor: Visitor) -> None:
    trial = served.console.create_trial(ProjectName=PROJECT, ModelVersion="1")["Trial"]["TrialId"]
    body = json.dumps({"TrialId": trial}).encode()
    given = {"Content_Type": JSON, "Origin": f"http://{visitor.host}"}
    path = "/console/api/brumeinspection/DescribeTrial"
    assert visitor.send("POST", path, body, **given)[0] == 200
    keys = served.data / "credentials"
    mine = keys.read_text()
    try:
        keys.write_text(
            f"[x]\naws_access_key_id = {OTHER.access_key}\naws_secret_access_key = s\n"
            f"account = {OTHER.account}\n"
        )
        stranger = Visitor(served)
        stranger.enter(served)
        assert stranger.send("POST", path, body, **given)[0] == 404
        assert stranger.call("ListProjects")[1] == {"Projects": []}
    finally:
        keys.write_text(mine)


def test_what_the_page_does_is_logged_without_what_was_sent(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="brume.engine"):
        visitor.call("ListProjects")
        visitor.send("GET", "/console/picture/trial?TrialId=secret&ResultId=name")
    lines = [json.loads(record.message) for record in caplog.records if record.name == "brume.engine"]
    assert [(line["page"], line["status"]) for line in lines] == [
        ("/console/api/lookoutvision/ListProjects", 200),
        ("/console/picture/trial", 400),
    ]
    assert "secret" not in caplog.text and visitor.cookie not in caplog.text
