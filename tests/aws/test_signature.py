"""Signatures: the requests that are accepted, and every reason to refuse one."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from brume.aws.wire.keys import Key
from brume.aws.wire.server import Call, Engine
from tests.aws.serving import KEY, KEYS, OTHER, client_of, serve_engine

PATH = "/2020-11-20/projects"
SESSION = Key("AKIDSESSION", "secret of a session", "123456789012", "a token")


class Projects:
    """A service that answers who called it, and with what."""

    def create_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"ProjectMetadata": {"ProjectName": request["ProjectName"], "ProjectArn": call.account}}

    def describe_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"ProjectDescription": {"ProjectName": request["ProjectName"], "ProjectArn": call.region}}

    def list_projects(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"Projects": [], "NextToken": json.dumps(request)}

    def detect_anomalies(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        result = {"Source": {"Type": "direct"}, "AnomalyMask": request["Body"]}
        return {"DetectAnomalyResult": result}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    keys = {**KEYS, SESSION.access_key: SESSION}
    with serve_engine(Engine({"lookoutvision": Projects()}), keys=keys) as address:
        yield address


Answer = tuple[int, str, dict[str, Any]]


def send(method: str, address: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    """Return status, error code and body of an answer; path and query go as they are."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
    target = address[address.index(parts.netloc) + len(parts.netloc) :]
    connection.request(method, target, body=body or None, headers=headers or {})
    answer = connection.getresponse()
    content = json.loads(answer.read() or b"{}")
    connection.close()
    assert answer.headers["x-amzn-requestid"]
    return answer.status, answer.headers.get("x-amzn-errortype", ""), content


def signed(
    method: str,
    address: str,
    body: bytes = b"",
    *,
    headers: dict[str, str] | None = None,
    key: Key = KEY,
    service: str = "lookoutvision",
) -> dict[str, str]:
    """Return the headers of a request that botocore signed now."""
    request = AWSRequest(method, address, data=body, headers=headers or {})
    credentials = Credentials(key.access_key, key.secret, key.token or None)
    SigV4Auth(credentials, service, "eu-west-1").add_auth(request)
    return dict(request.headers.items())


def presigned(address: str, *, expires: int = 60, key: Key = KEY) -> str:
    request = AWSRequest("GET", address)
    credentials = Credentials(key.access_key, key.secret, key.token or None)
    SigV4QueryAuth(credentials, "lookoutvision", "eu-west-1", expires=expires).add_auth(request)
    return request.url


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set the clock of the signing side."""

    def shift(**by: float) -> None:
        now = datetime.now(UTC).replace(tzinfo=None) + timedelta(**by)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: now)

    return shift


def test_a_signed_request_is_of_the_account_and_region_that_signed_it(url: str) -> None:
    for key in (KEY, OTHER, SESSION):
        made = client_of(url, "lookoutvision", key=key).create_project(ProjectName="bricks")
        assert made["ProjectMetadata"]["ProjectArn"] == key.account
    described = client_of(url, "lookoutvision").describe_project(ProjectName="bricks")
    assert described["ProjectDescription"]["ProjectArn"] == "eu-west-1"


def test_an_unsigned_request_is_refused(url: str) -> None:
    assert send("GET", url + PATH)[:2] == (403, "MissingAuthenticationTokenException")
    assert send("GET", url + "/nowhere")[:2] == (403, "MissingAuthenticationTokenException")


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (Key("AKIDNOBODY", KEY.secret), "UnrecognizedClientException"),
        (Key(KEY.access_key, "wrong"), "InvalidSignatureException"),
        (Key(KEY.access_key, OTHER.secret), "InvalidSignatureException"),
        (Key(KEY.access_key, KEY.secret, token="made up"), "UnrecognizedClientException"),
        (Key(SESSION.access_key, SESSION.secret), "UnrecognizedClientException"),
        (Key(SESSION.access_key, SESSION.secret, token="another"), "UnrecognizedClientException"),
    ],
)
def test_a_wrong_key_secret_or_token_is_refused(url: str, key: Key, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        client_of(url, "lookoutvision", key=key).list_projects()
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_what_was_changed_on_the_way_is_refused(url: str) -> None:
    body = b'{"ProjectName":"bricks"}'
    token = {"X-Amzn-Client-Token": "one"}
    headers = signed("POST", url + PATH, body, headers=token)
    assert send("POST", url + PATH, headers, body)[0] == 200
    changed = [
        send("POST", url + PATH, headers, b'{"ProjectName":"brocks"}'),
        send("POST", url + PATH, headers | {"X-Amzn-Client-Token": "two"}, body),
        send("POST", url + PATH, {name: value for name, value in headers.items() if name not in token}, body),
        send("POST", url + PATH + "?a=b", headers, body),
        send("POST", url + PATH, headers | {"X-Amzn-Other": "unsigned"}, body),
        send("POST", url + PATH, headers | {"X-Amz-Content-Sha256": "0" * 64}, body),
    ]
    assert {answer[:2] for answer in changed} == {(403, "InvalidSignatureException")}
    headers = signed("GET", f"{url}{PATH}?maxResults=1&nextToken=a")
    assert send("GET", f"{url}{PATH}?nextToken=a&maxResults=1", headers)[0] == 200
    assert send("GET", f"{url}{PATH}?nextToken=a&maxResults=2", headers)[0] == 403
    assert send("GET", f"{url}{PATH}/bricks?nextToken=a&maxResults=1", headers)[0] == 403
    assert send("POST", f"{url}{PATH}?nextToken=a&maxResults=1", headers)[0] == 403


def test_a_path_with_the_signature_of_another_is_refused(url: str) -> None:
    headers = signed("GET", f"{url}{PATH}/bricks")
    for path in (f"{PATH}/x/../bricks", f"{PATH}/./bricks", f"{PATH}//bricks"):
        status, code, _ = send("GET", url + path, headers)
        assert (status, code) in ((403, "InvalidSignatureException"), (404, "UnknownOperationException"))


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_request_of_another_time_is_refused(url: str, clock: Any, minutes: int) -> None:
    clock(minutes=minutes)
    status, code, answer = send("GET", url + PATH, signed("GET", url + PATH))
    assert (status, code) == (403, "InvalidSignatureException")
    assert ("expired" if minutes < 0 else "not yet current") in answer["message"]


def test_a_clock_that_is_a_little_off_is_taken(url: str, clock: Any) -> None:
    clock(minutes=4)
    assert send("GET", url + PATH, signed("GET", url + PATH))[0] == 200


def test_a_signature_for_another_service_is_refused(url: str) -> None:
    answer = send("GET", url + PATH, signed("GET", url + PATH, service="s3"))
    assert answer[:2] == (403, "InvalidSignatureException")
    assert "lookoutvision" in answer[2]["message"]


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=AKIDTEST/20300101/eu-west-1/lookoutvision/aws4_request, Signature=0",
        "AWS4-HMAC-SHA256 Credential=A/20300101/../s3/aws4_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=////, SignedHeaders=host, Signature=\u00e9",
    ],
)
def test_a_malformed_signature_is_refused(url: str, authorization: str) -> None:
    headers = {"Authorization": authorization, "X-Amz-Date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")}
    assert send("GET", url + PATH, headers)[:2] == (400, "IncompleteSignatureException")
    headers = signed("GET", url + PATH)
    del headers["X-Amz-Date"]
    assert send("GET", url + PATH, headers)[:2] == (400, "IncompleteSignatureException")


def test_a_presigned_request_holds_until_it_expires(url: str, clock: Any) -> None:
    for key in (KEY, SESSION):
        assert send("GET", presigned(f"{url}{PATH}/bricks", key=key))[0] == 200
    clock(seconds=-90)
    assert send("GET", presigned(f"{url}{PATH}/bricks", expires=120))[0] == 200
    assert send("GET", presigned(f"{url}{PATH}/bricks", expires=60))[:2] == (403, "RequestExpired")
    clock(minutes=6)
    assert send("GET", presigned(f"{url}{PATH}/bricks"))[:2] == (403, "InvalidSignatureException")


def test_a_presigned_request_that_was_changed_is_refused(url: str) -> None:
    address = presigned(f"{url}{PATH}?maxResults=1")
    assert send("GET", address)[0] == 200
    for changed in (
        address.replace("maxResults=1", "maxResults=2"),
        address.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        address.replace(PATH, PATH + "/bricks"),
        address + "&more=1",
    ):
        assert send("GET", changed)[:2] == (403, "InvalidSignatureException"), changed
    assert send("POST", address, body=b"{}")[:2] == (403, "InvalidSignatureException")
    assert send("GET", address, body=b"{}")[:2] == (403, "InvalidSignatureException")
    assert send("GET", address.replace("=60", "=604801"))[:2] == (400, "IncompleteSignatureException")
    assert send("GET", address + "&X-Amz-Expires=600")[:2] == (400, "IncompleteSignatureException")


def test_an_unsigned_body_is_refused_where_the_operation_signs_it(url: str) -> None:
    headers = signed("POST", url + PATH, headers={"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"})
    assert send("POST", url + PATH, headers, b'{"ProjectName":"a"}')[:2] == (403, "InvalidSignatureException")


def _chunked(address: str, parts: list[bytes], *, trailer: bool) -> tuple[dict[str, str], list[bytes]]:
    """Sign a body in chunks, as the specification has it; return the headers and the chunks."""
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + "-TRAILER" * trailer
    headers = signed(
        "POST",
        address,
        headers={
            "Content-Encoding": "aws-chunked",
            "Content-Type": "image/png",
            "X-Amz-Content-Sha256": kind,
            "X-Amz-Decoded-Content-Length": str(sum(map(len, parts))),
        },
    )
    time = headers["X-Amz-Date"]
    scope = f"{time[:8]}/eu-west-1/lookoutvision/aws4_request"
    secret = f"AWS4{KEY.secret}".encode()
    for word in scope.split("/"):
        secret = hmac.digest(secret, word.encode(), "sha256")
    last = headers["Authorization"].rpartition("Signature=")[2]
    empty = hashlib.sha256(b"").hexdigest()
    chunks = []
    for part in [*parts, b""]:
        text = (
            f"AWS4-HMAC-SHA256-PAYLOAD\n{time}\n{scope}\n{last}\n{empty}\n{hashlib.sha256(part).hexdigest()}"
        )
        last = hmac.digest(secret, text.encode(), "sha256").hex()
        chunks.append(f"{len(part):x};chunk-signature={last}\r\n".encode() + part + b"\r\n" * bool(part))
    if trailer:
        line = b"x-amz-checksum-crc32:" + _crc32(b"".join(parts)) + b"\n"
        text = f"AWS4-HMAC-SHA256-TRAILER\n{time}\n{scope}\n{last}\n{hashlib.sha256(line).hexdigest()}"
        last = hmac.digest(secret, text.encode(), "sha256").hex()
        chunks += [line.replace(b"\n", b"\r\n"), f"x-amz-trailer-signature:{last}\r\n".encode()]
    return headers, [*chunks, b"\r\n"]


def _crc32(data: bytes) -> bytes:
    import base64
    import zlib

    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big"))


@pytest.mark.parametrize("trailer", [False, True])
def test_a_body_in_signed_chunks_is_put_together(url: str, trailer: bool) -> None:
    import base64

    address = f"{url}{PATH}/bricks/models/1/detect"
    parts = [b"a" * 70_000, b"bc\r\n", b"d"]
    headers, chunks = _chunked(address, parts, trailer=trailer)
    status, _, answer = send("POST", address, headers, b"".join(chunks))
    assert status == 200
    assert base64.b64decode(answer["DetectAnomalyResult"]["AnomalyMask"]) == b"".join(parts)


@pytest.mark.parametrize("trailer", [False, True])
def test_chunks_that_were_changed_are_refused(url: str, trailer: bool) -> None:
    address = f"{url}{PATH}/bricks/models/1/detect"
    headers, chunks = _chunked(address, [b"first", b"other"], trailer=trailer)
    bodies = {
        "a byte": b"".join(chunks).replace(b"first", b"fIrst"),
        "the order": b"".join([chunks[1], chunks[0], *chunks[2:]]),
        "one left out": b"".join([chunks[0], *chunks[2:]]),
        "the end left out": b"".join(chunks[:2]),
        "no chunks": b"firstother",
    }
    if trailer:
        bodies["the trailer"] = b"".join(chunks).replace(b"crc32:", b"crc32:A")
    for what, body in bodies.items():
        status, code, _ = send("POST", address, headers, body)
        assert (status, code) in (
            (403, "InvalidSignatureException"),
            (400, "IncompleteSignatureException"),
        ), what


def test_anonymous_requests_are_taken_only_when_allowed_and_from_no_web_page() -> None:
    with serve_engine(Engine({"lookoutvision": Projects()}), keys=None) as url:
        assert send("GET", f"{url}{PATH}/bricks")[0] == 200
        made = client_of(url, "lookoutvision").create_project(ProjectName="bricks")
        assert made["ProjectMetadata"]["ProjectArn"] == "000000000000"
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            assert send("GET", f"{url}{PATH}/bricks", headers)[:2] == (403, "AccessDeniedException")
