"""Streamed answers and WebSockets of an engine: sent as they are made, signed, and bounded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import websocket
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ResponseStreamingError

from brume.aws.engine.routes import RouteRequest, Socket, SocketRoute
from brume.aws.wire.keys import Key
from brume.aws.wire.server import Call, Engine, Limits
from tests.aws.serving import KEY, client_of, serve_engine
from tests.polling import until

PART = bytes(1000)


class Speech:
    """Polly's operation: the text says what the stream does."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.closed = threading.Event()

    def synthesize_speech(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        kinds = {"async": self._asynchronous, "whole": lambda: PART * 3}
        stream = kinds.get(request["Text"], lambda: self._parts(request["Text"]))()
        return {"AudioStream": stream, "ContentType": "audio/mpeg", "RequestCharacters": 4}

    def _parts(self, text: str) -> Iterator[bytes]:
        try:
            yield PART
            if text == "fails":
                raise RuntimeError("no voice")
            while text == "endless":
                yield PART
            assert self.go.wait(30)
            yield PART * 2
        finally:
            self.closed.set()

    async def _asynchronous(self) -> AsyncIterator[bytes]:
        for _ in range(3):
            yield PART


async def _echo(socket: Socket, request: RouteRequest, call: Call) -> None:
    async for message in socket:
        await socket.send(message)
        await socket.send(f"{call.account} {dict(request.query)['language-code']}")


ROUTE = SocketRoute("transcribe", "/stream-{kind}", "StartStream", _echo)


@pytest.fixture
def speech() -> Speech:
    return Speech()


def _say(client: Any, text: str) -> Any:
    return client.synthesize_speech(Text=text, OutputFormat="mp3", VoiceId="Joanna")["AudioStream"]


def test_the_first_part_of_a_stream_comes_before_the_last_is_made(speech: Speech) -> None:
    with serve_engine(Engine({"polly": speech})) as url:
        client = client_of(url, "polly")
        stream = _say(client, "waits")
        assert stream.read(1000) == PART  # and the rest has not been made
        assert not speech.closed.is_set()
        speech.go.set()
        assert stream.read() == PART * 2
        for text in ("whole", "async"):
            answer = client.synthesize_speech(Text=text, OutputFormat="mp3", VoiceId="Joanna")
            assert answer["ContentType"] == "audio/mpeg"
            assert answer["RequestCharacters"] == 4
            assert answer["AudioStream"].read() == PART * 3


def test_a_stream_that_fails_or_that_nobody_reads_is_ended(speech: Speech) -> None:
    with serve_engine(Engine({"polly": speech})) as url:
        client = client_of(url, "polly")
        with pytest.raises(ResponseStreamingError):
            _say(client, "fails").read()
        speech.closed.clear()
        stream = _say(client, "endless")
        stream.read(5000)
        stream.close()
        client.close()
        assert speech.closed.wait(30)


def test_streams_have_places_of_their_own(speech: Speech) -> None:
    with serve_engine(Engine({"polly": speech}), limits=Limits(streams=1)) as url:
        client = client_of(url, "polly")
        first = _say(client, "waits")
        with pytest.raises(ClientError) as caught:
            _say(client, "waits")
        assert caught.value.response["Error"]["Code"] == "ThrottlingException"
        assert _say(client, "whole").read() == PART * 3  # not a stream
        speech.go.set()
        assert first.read() == PART * 3

        def taken() -> bool:
            try:
                return bool(_say(client, "waits").read() == PART * 3)
            except ClientError:
                return False

        until(taken, "the place of the first stream is free")


def _presigned(url: str, key: Key = KEY, service: str = "transcribe") -> str:
    request = AWSRequest("GET", f"{url}/stream-a%20b", params={"language-code": "en-US"})
    SigV4QueryAuth(Credentials(key.access_key, key.secret), service, "us-east-1", 60).add_auth(request)
    return str(request.url).replace("http", "ws", 1)


@contextlib.contextmanager
def _socket(address: str) -> Iterator[websocket.WebSocket]:
    with contextlib.closing(websocket.create_connection(address, timeout=30)) as made:
        yield made


def test_a_presigned_web_socket_reaches_its_route(speech: Speech) -> None:
    with serve_engine(Engine({"polly": speech}, routes=[ROUTE])) as url:
        with _socket(_presigned(url)) as one:
            one.send_binary(b"audio")
            assert one.recv() == b"audio"
            assert one.recv() == f"{KEY.account} en-US"
        for address in (
            _presigned(url).replace("en-US", "de-DE"),
            _presigned(url, Key("AKIDNOBODY", "secret")),
            _presigned(url, service="polly"),
            url.replace("http", "ws") + "/stream-a?language-code=en-US",
        ):
            with pytest.raises(websocket.WebSocketBadStatusException) as caught:
                websocket.create_connection(address, timeout=30)
            assert caught.value.status_code in (403, 404)
            assert b"message" in caught.value.resp_body.lower()


def test_web_sockets_have_places_and_end_with_the_server(speech: Speech) -> None:
    with contextlib.ExitStack() as stack:
        with serve_engine(Engine({"polly": speech}, routes=[ROUTE]), limits=Limits(streams=1)) as url:
            one = stack.enter_context(_socket(_presigned(url)))
            one.send("here")
            assert one.recv() == "here"
            with pytest.raises(websocket.WebSocketBadStatusException) as caught:
                websocket.create_connection(_presigned(url), timeout=30)
            assert caught.value.status_code == 429
        assert one.recv() == f"{KEY.account} en-US"
        assert one.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
