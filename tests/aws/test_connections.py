"""Limits on what clients without a valid signature make the server hold, by raw sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from brume.aws.wire.http.connection import Connection
from brume.aws.wire.http.limits import ConnectionLimits
from brume.aws.wire.server import Engine, Limits
from tests.aws.serving import KEY, Held, client_of, serve_engine

ABOUT = {"ProjectName": "a", "ModelVersion": "1", "ContentType": "image/png"}
DETECT = "POST /2020-11-20/projects/a/models/1/detect HTTP/1.1\r\nContent-Type: image/png\r\n"
ALIVE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNK = b"8000\r\n" + bytes(0x8000) + b"\r\n"


def engine() -> Engine:
    return Engine({"lookoutvision": Held()})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_engine(engine()) as address:
        yield address


@contextlib.contextmanager
def connect(url: str, sent: bytes | str = b"") -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        connection.sendall(sent if isinstance(sent, bytes) else sent.encode())
        yield connection


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the server closes the connection; a reset closes it too."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(1 << 16):
            received += part
    return received


def read_until(connection: socket.socket, end: bytes = b"}") -> bytes:
    """Return what is received up to and with `end`."""
    received = b""
    while not received.endswith(end):
        part = connection.recv(1 << 16)
        assert part, received
        received += part
    return received


def forged(length: int, **more: str) -> str:
    """Return the head of a request that names a good key, and is not signed by it."""
    now = datetime.now(UTC)
    headers = {
        "Host": "localhost",
        "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY.access_key}/{now:%Y%m%d}/eu-west-1/lookoutvision/"
        f"aws4_request, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
        "Content-Length": str(length),
    } | more
    return DETECT + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"


def test_connections_that_wait_make_room_and_those_at_work_do_not() -> None:
    held = Held()
    few = ConnectionLimits(connections=3, header_seconds=600)
    with (
        serve_engine(Engine({"lookoutvision": held}), connections=few) as url,
        contextlib.ExitStack() as stack,
        ThreadPoolExecutor(3) as pool,
    ):
        slow = [stack.enter_context(connect(url, b"GET / HTTP/1.1\r\nX-Slow: ")) for _ in range(3)]
        with connect(url, ALIVE) as connection:
            assert read_until(connection).startswith(b"HTTP/1.1 200")
        assert rest(slow[0]) == b""
        working = [
            pool.submit(client_of(url, "lookoutvision").describe_project, ProjectName=name) for name in "abc"
        ]
        for _ in working:
            assert held.entered.acquire(timeout=30)
        with connect(url) as connection:
            assert rest(connection) == b""
        held.go.set()
        assert [one.result()["ProjectDescription"]["ProjectName"] for one in working] == list("abc")


def test_a_connection_without_a_further_request_is_closed() -> None:
    short = ConnectionLimits(idle_seconds=0.1)
    with serve_engine(engine(), connections=short) as url, connect(url, ALIVE) as connection:
        assert rest(connection).endswith(b'{"status":"alive"}')


def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    short = ConnectionLimits(read_seconds=0.1, idle_seconds=600)
    gone = threading.Event()

    async def large(_request: Request) -> Response:
        return Response(bytes(30_000_000))

    def lost(self: Connection, exc: Exception | None) -> None:
        gone.set()
        lost_before(self, exc)

    lost_before = Connection.connection_lost
    monkeypatch.setattr(Connection, "connection_lost", lost)
    for more in ("", "Connection: close\r\n"):
        gone.clear()
        with (
            serve_engine(Engine({}, pages=[Route("/large", large)]), connections=short) as url,
            connect(url, f"GET /large HTTP/1.1\r\nHost: localhost\r\n{more}\r\n") as connection,
        ):
            assert gone.wait(30)
            assert len(rest(connection)) < 30_000_000


@pytest.mark.parametrize("line", ["POST /x", "GET /healthz", "DELETE /2020-11-20/projects/a"])
def test_a_body_without_end_is_not_taken(line: str) -> None:
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        serve_engine(engine(), connections=ConnectionLimits(linger_bytes=1 << 20)) as url,
        connect(url, head) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(rest, connection)
        with pytest.raises(ConnectionError):
            for _ in range(4000):  # 125 MiB, far more than sockets hold
                connection.sendall(CHUNK)
        assert answer.result().startswith(b"HTTP/1.1 200" if "healthz" in line else b"HTTP/1.1 403")
        assert b"\r\nconnection: close\r\n" in answer.result()


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    head = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
    with serve_engine(engine(), connections=ConnectionLimits(linger_seconds=0.1)) as url:
        for sent in (head, head + "a"):
            with connect(url, sent) as connection:
                assert b"\r\nconnection: close\r\n" in rest(connection)
        with connect(url, head.replace("1000", "4") + "four") as connection:  # one that came is no reason
            assert read_until(connection).startswith(b"HTTP/1.1 403")
            connection.sendall(ALIVE)
            assert read_until(connection).startswith(b"HTTP/1.1 200")


def test_what_is_no_http_after_an_answer_ends_the_connection(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    head = "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(url, head) as connection:
        assert read_until(connection).startswith(b"HTTP/1.1 403")
        connection.sendall(b"no chunk\r\n")
        assert rest(connection) == b""
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_the_id_of_a_key_does_not_hold_up_those_who_have_it() -> None:
    limits = Limits(workers=1, queue=1, body_grace=2.0)
    with serve_engine(engine(), limits=limits) as url, contextlib.ExitStack() as stack:
        hanging = [stack.enter_context(connect(url, forged(11_000_000) + "a")) for _ in range(6)]
        client = client_of(url, "lookoutvision")
        for _ in range(3):
            assert client.detect_anomalies(Body=bytes(100_000), **ABOUT)
        for connection in hanging:
            assert read_until(connection).startswith(b"HTTP/1.1 408")


def test_a_body_that_drips_is_given_up() -> None:
    limits = Limits(body_grace=0.2, body_rate=1000)
    with serve_engine(engine(), keys=None, limits=limits) as url:
        head = DETECT + "Host: localhost\r\nContent-Length: 300000\r\n\r\n"
        with connect(url, head) as connection, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(read_until, connection)
            with contextlib.suppress(ConnectionError):
                while not answer.done():
                    connection.sendall(b"a")
                    threading.Event().wait(0.01)
            assert answer.result().startswith(b"HTTP/1.1 408")


def test_bodies_of_the_unproven_have_a_number_of_bytes_between_them() -> None:
    with (
        serve_engine(engine(), limits=Limits(bodies=1 << 20)) as url,
        connect(url, forged(1_000_000).encode() + bytes(900_000)) as hoarder,
    ):
        client = client_of(url, "lookoutvision")
        for _ in range(3):  # what was taken is given back
            taken = client.detect_anomalies(Body=bytes(800_000), **ABOUT)
            assert taken["DetectAnomalyResult"]["Confidence"] == 800_000
        assert read_until(hoarder).startswith(b"HTTP/1.1 429")


def test_a_server_that_ends_does_not_wait_for_bodies() -> None:
    limits = Limits(body_seconds=600, body_grace=600)
    with contextlib.ExitStack() as stack:
        with serve_engine(engine(), limits=limits, connections=ConnectionLimits(end_seconds=0.1)) as url:
            waiting = stack.enter_context(connect(url, forged(1000, Expect="100-continue")))
            assert read_until(waiting, b"\r\n\r\n").startswith(b"HTTP/1.1 100")  # its body is being read
        assert rest(waiting) == b""


def test_a_body_is_asked_for_when_its_client_waits_and_it_is_wanted() -> None:
    with serve_engine(engine(), keys=None) as url:
        head = DETECT + "Host: localhost\r\nExpect: 100-continue\r\nContent-Length: "
        with connect(url, head + "7\r\n\r\n") as connection:
            assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100")
            connection.sendall(b"1234567")
            assert b'"Confidence":7.0' in read_until(connection)
        with connect(url, head + "50000000\r\n\r\n") as connection:
            assert rest(connection).startswith(b"HTTP/1.1 413")


def test_many_requests_at_once_are_answered_in_order() -> None:
    lines = {
        "GET /healthz": 200,
        "HEAD /healthz": 200,
        "OPTIONS /healthz": 405,
        "GET /x": 404,
        "OPTIONS *": 404,
    }
    lines |= {"HEAD /x": 404, "POST /healthz": 405}
    with serve_engine(engine(), keys=None) as url:
        last = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        sent = "".join(f"{line} HTTP/1.1\r\nHost: localhost\r\n\r\n" for line in lines) * 100
        with connect(url, sent.encode() + last) as connection:
            answers = rest(connection).split(b"HTTP/1.1 ")[1:]
    assert [int(one[:3]) for one in answers] == [*list(lines.values()) * 100, 200]
    bodies = [one.partition(b"\r\n\r\n")[2] for one in answers]
    assert bodies[:2] == [b'{"status":"alive"}', b""]
    assert bodies[-1] == b'{"ready":true}'


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        ("GET /healthz/", {"Host": "elsewhere.test"}, 403),  # and no redirection there
        ("POST /x", {"Content-Length": "3", "Transfer-Encoding": "chunked"}, 400),
        ("GET /healthz", {"X-Large": "a" * 60_000}, 431),
        ("GET /healthz", {f"X-{number}": "a" * 1000 for number in range(40)}, 431),
        ("GET /" + "a" * 40_000, {}, 431),
    ],
)
def test_a_head_that_is_not_right_is_refused(
    url: str, line: str, headers: dict[str, str], status: int
) -> None:
    named = {"Host": "localhost", "Connection": "close"} | headers
    head = f"{line} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in named.items()) + "\r\n"
    with connect(url, head + "0\r\n\r\n" * ("Transfer-Encoding" in headers)) as connection:
        assert rest(connection).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "1 Jan 99999999999999999999 00:00:00 +0000",
        "Mon, 23 Nov 2026 08:00:00 +999999999999999999",
    ],
)
def test_a_date_beyond_all_dates_is_refused(url: str, date: str) -> None:
    head = forged(0, Date=date, Connection="close").replace("X-Amz-Date", "X-Other")
    with connect(url, head) as connection:
        answer = rest(connection)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"IncompleteSignatureException" in answer
