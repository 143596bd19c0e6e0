"""HTTP/2 and WebSocket on the port of HTTP/1.1: both directions at once, and their limits."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest
import websocket

from brume.aws.wire.http.limits import ConnectionLimits
from tests.aws.http_client import Client, client, echo, ended
from tests.aws.serving import serve_app


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_app(echo) as address:
        yield address


def test_the_window_of_a_body_grows_by_a_frame(url: str) -> None:
    """awscrt stops for ever when SETTINGS enlarge a window that it has used up."""
    with client(url) as one:
        stream = one.request("/echo")
        sent = min(one.h2.local_flow_control_window(stream), 65535)
        while one.next(h2.events.WindowUpdated).stream_id != stream:
            pass
        assert sent == 65535
        assert one.h2.local_flow_control_window(stream) == ConnectionLimits().stream_window


def test_each_part_comes_back_while_the_request_is_open(url: str) -> None:
    with client(url) as one:
        stream = one.request("/echo")
        assert dict(one.next(h2.events.ResponseReceived).headers)[":status"] == "200"  # before any data
        for part in (b"one", b"two"):
            one.data(stream, part)
            assert one.next(h2.events.DataReceived).data == part
        one.data(stream, b"", end=True)
        assert one.answer(stream) == b"by 2"


def test_a_goaway_of_the_client_lets_open_requests_go_on(url: str) -> None:
    with client(url) as one:
        stream = one.request("/echo")
        one.next(h2.events.ResponseReceived)
        one.flush((8).to_bytes(3, "big") + bytes([7, 0]) + bytes(4) + bytes(8))  # GOAWAY, by hand
        one.data(stream, b"after it")
        assert one.next(h2.events.DataReceived).data == b"after it"
        one.data(stream, b"", end=True)
        assert one.answer(stream) == b"by 2"
        with pytest.raises(ConnectionError):
            one.next(h2.events.PushedStreamReceived)


def test_many_requests_of_one_connection_are_answered_at_once(url: str) -> None:
    with client(url) as one:
        streams = [one.request("/echo") for _ in range(20)]
        for stream in reversed(streams):
            one.data(stream, b"%d" % stream, end=True)
        found: dict[int, bytes] = dict.fromkeys(streams, b"")
        for _ in streams:
            while isinstance(
                event := one.next(h2.events.DataReceived, h2.events.StreamEnded), h2.events.DataReceived
            ):
                found[event.stream_id] += event.data
        assert found == {stream: b"%dby 2" % stream for stream in streams}


def test_large_bodies_pass_both_windows(url: str) -> None:
    sent = bytes(range(256)) * 8192  # 2 MiB: more than the windows of both sides
    with client(url) as one:
        stream, received, position, over = one.request("/echo"), b"", 0, False
        while not over:
            while position < len(sent) and (window := one.h2.local_flow_control_window(stream)):
                size = min(window, one.h2.max_outbound_frame_size, len(sent) - position)
                one.data(stream, sent[position : position + size])
                position += size
                if position == len(sent):
                    one.data(stream, b"", end=True)
            event = one.next(h2.events.DataReceived, h2.events.WindowUpdated, h2.events.StreamEnded)
            if isinstance(event, h2.events.DataReceived):
                received += event.data
                one.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                one.flush()
            over = isinstance(event, h2.events.StreamEnded)
        assert received == sent + b"by 2"


def test_a_request_that_is_given_up_reaches_the_application(url: str) -> None:
    ended.clear()
    with client(url) as one:
        stream = one.request("/echo")
        one.next(h2.events.ResponseReceived)
        one.h2.reset_stream(stream)
        one.flush()
        assert ended.wait(30)
        stream = one.request("/early", end=True)
        assert one.answer(stream) == b"by 2"


def test_http_1_answers_in_both_directions_at_once(url: str) -> None:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        received = b""
        for number in range(3):
            connection.sendall(b"6\r\npart %d\r\n" % number)
            while b"part %d" % number not in received:  # the answer to a part comes before the next is sent
                received += connection.recv(1 << 16)
        connection.sendall(b"0\r\n\r\n")
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.recv(1 << 16)
    assert received.startswith(b"HTTP/1.1 200")
    assert b"by 1.1" in received


def test_a_body_that_is_not_read_is_ended_with_the_response(url: str) -> None:
    with client(url) as one:
        stream = one.request("/early")
        one.data(stream, bytes(1000))
        assert one.answer(stream) == b"by 2"
        assert one.next(h2.events.StreamReset).error_code == 0
        assert one.answer(one.request("/early", end=True)) == b"by 2"


@pytest.mark.parametrize(
    "start", [b"", b"PRI * HTTP/2.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x04"]
)
def test_a_connection_that_does_not_come_to_a_request_is_closed(start: bytes) -> None:
    with serve_app(echo, connections=ConnectionLimits(header_seconds=0.2)) as address:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
            connection.sendall(start)
            while connection.recv(1000):
                pass


def test_a_client_of_http2_that_does_not_read_is_let_go() -> None:
    with serve_app(echo, connections=ConnectionLimits(read_seconds=0.2)) as address, client(address) as one:
        one.request("/large", end=True)
        assert one.next(h2.events.StreamReset).error_code == 8  # CANCEL: the window was never opened


def test_frames_without_requests_are_counted(url: str) -> None:
    with client(url) as one, pytest.raises(ConnectionError):
        for _ in range(100_000):
            one.h2.ping(bytes(8))
            one.flush()
            one.next(h2.events.PingAckReceived)


def test_a_server_that_ends_finishes_open_streams() -> None:
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        with serve_app(echo) as address:
            one = stack.enter_context(client(address))
            stream = one.request("/echo")
            one.next(h2.events.ResponseReceived)
            last = pool.submit(_finish, one, stream)
        assert last.result() == b"lastby 2"


def _finish(one: Client, stream: int) -> bytes:
    """Send the rest of a request when the server has announced its end; return the rest of the answer."""
    while not one.leaving:
        one.read()
    one.data(stream, b"last", end=True)
    return one.answer(stream)


def test_a_client_that_goes_on_sending_gets_the_last_message(url: str) -> None:
    """A connection closed with bytes unread is reset, and what was sent to the client is lost with it."""
    address = url.replace("http", "ws") + "/last"
    for _ in range(10):
        one = websocket.create_connection(address, timeout=30)
        try:
            for _ in range(50):
                one.send_binary(bytes(10_000))
            assert one.recv_data() == (websocket.ABNF.OPCODE_TEXT, b"the last")
            assert one.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
        finally:
            one.shutdown()


def test_a_web_socket_carries_messages_of_both_kinds(url: str) -> None:
    with contextlib.closing(websocket.create_connection(url.replace("http", "ws"), timeout=30)) as one:
        one.send("text")
        assert one.recv() == "text"
        one.send_binary(bytes(200_000))
        assert one.recv() == bytes(200_000)
        one.ping()
        one.send("more")
        assert one.recv_data(control_frame=True)[0] == websocket.ABNF.OPCODE_PONG
        assert one.recv() == "more"


def test_a_web_socket_is_refused_by_a_response(url: str) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(url.replace("http", "ws") + "/refused", timeout=30)
    assert caught.value.status_code == 403
    assert caught.value.resp_body == b"no"


def test_a_web_socket_with_a_message_too_large_or_without_a_sign_of_life_is_closed() -> None:
    with (
        serve_app(echo, connections=ConnectionLimits(message_bytes=1000)) as address,
        contextlib.closing(websocket.create_connection(address.replace("http", "ws"))) as one,
    ):
        one.send_binary(bytes(1001))
        kind, data = one.recv_data()
        assert (kind, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, 1009)
    with (
        serve_app(echo, connections=ConnectionLimits(ping_seconds=0.1)) as address,
        contextlib.closing(websocket.create_connection(address.replace("http", "ws"))) as one,
        contextlib.suppress(ConnectionError),
    ):
        while one.sock.recv(1000):  # pings, which nobody answers
            pass


def test_web_sockets_are_closed_when_the_server_ends() -> None:
    with contextlib.ExitStack() as stack:
        with serve_app(echo) as address:
            one = stack.enter_context(
                contextlib.closing(websocket.create_connection(address.replace("http", "ws")))
            )
            one.send("here")
            assert one.recv() == "here"
        kind, data = one.recv_data()
        assert (kind, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, 1001)
