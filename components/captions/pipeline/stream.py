"""A client of StartStreamTranscription over a presigned WebSocket, for Amazon Transcribe and the engine.

boto3 cannot send an event stream. Endpoint, region and credentials are those of a boto3 client: which server
answers is configuration. Source: AWS, "Setting up a WebSocket stream".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto import events as ws
from wsproto.connection import ConnectionState
from wsproto.utilities import ProtocolError

from brume.aws.client import client, session_with_models
from brume.aws.wire.eventstream import Decoder, encode

_PATH = "/stream-transcription-websocket"
_PORT = 8443  # of AWS's WebSocket; another server has one port for all
_SECONDS = 300  # that an address can be used for
_ANSWER_SECONDS = 30.0  # for the handshake
_QUIET_SECONDS = 120.0  # without a byte after the end of the audio
_BLOCK = 1 << 16
_AUDIO = {
    ":message-type": "event",
    ":event-type": "AudioEvent",
    ":content-type": "application/octet-stream",
}


class StreamError(RuntimeError):
    """What the service refused, with the code of its error (`BadRequestException`)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class StreamConnectionError(ConnectionError):
    """A server that cannot be reached, or that ended a stream before its end."""


@dataclass(frozen=True)
class Endpoint:
    """Where a stream goes to: a server, and the presigned path there."""

    host: str
    port: int
    secure: bool
    path: str

    @property
    def server(self) -> str:
        """The server, as it is written in an error."""
        return f"{self.host}:{self.port}"


def endpoint(parameters: Mapping[str, str]) -> Endpoint:
    """Return a presigned address of a stream with these parameters (`language-code`, `sample-rate`, ...).

    Raises `StreamError` where there are no credentials.
    """
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    meta = client("transcribe-streaming").meta
    credentials = session_with_models().get_credentials()
    if credentials is None:
        raise StreamError(
            "NoCredentials", "AWS credentials are found nowhere: set AWS_ACCESS_KEY_ID and so on"
        )
    url = urlsplit(meta.endpoint_url)
    host, secure = str(url.hostname), url.scheme == "https"
    port = url.port or (_PORT if host.endswith(".amazonaws.com") else 443 if secure else 80)
    request = AWSRequest(
        "GET", f"{url.scheme}://{host}:{port}{url.path.rstrip('/')}{_PATH}", params=dict(parameters)
    )
    SigV4QueryAuth(credentials.get_frozen_credentials(), "transcribe", meta.region_name, _SECONDS).add_auth(
        request
    )
    signed = urlsplit(request.url)
    return Endpoint(host, port, secure, f"{signed.path}?{signed.query}")


async def transcribe(
    parameters: Mapping[str, str], audio: AsyncIterable[bytes]
) -> AsyncIterator[dict[str, Any]]:
    """Send audio and iterate the transcript events, `{"Transcript": {"Results": [...]}}`, as they come.

    Audio is sent while results are read. Raises `StreamError` for what the service refuses, and
    `StreamConnectionError`.
    """
    to = endpoint(parameters)
    try:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(to.host, to.port, ssl=_trust() if to.secure else None), _ANSWER_SECONDS
        )
    except (OSError, TimeoutError) as error:
        raise StreamConnectionError(f"{to.server} cannot be reached: {error}") from error
    socket = _Socket(to, reader, writer)
    sending: asyncio.Task[None] | None = None
    try:
        await socket.open()
        sending = asyncio.create_task(_send(socket, audio))
        decoder = Decoder(limit=1 << 24)
        async for data in socket.messages(sending):
            for message in decoder.feed(data):
                content = json.loads(message.payload or b"{}")
                if message.text(":message-type") == "event":
                    yield content
                else:
                    code = message.text(":exception-type") or message.text(":error-code")
                    text = content.get("Message") or content.get("message") or message.text(":error-message")
                    raise StreamError(code, str(text))
        if not sending.done():
            raise StreamConnectionError(f"{to.server} ended the stream before the end of the audio")
        await sending
    finally:
        if sending is not None:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, StreamConnectionError):
                await sending
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _trust() -> ssl.SSLContext:
    """Return what TLS trusts: the system, SSL_CERT_FILE, and AWS_CA_BUNDLE as boto3 does."""
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)


async def _send(socket: _Socket, audio: AsyncIterable[bytes]) -> None:
    async for chunk in audio:
        if chunk:
            await socket.send(encode(_AUDIO, chunk))
    await socket.send(encode(_AUDIO))  # an event without audio is the end


class _Socket:
    """One WebSocket connection."""

    def __init__(self, to: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._to, self._reader, self._writer = to, reader, writer
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._waiting: list[ws.Event] = []  # that came with the end of the handshake

    async def open(self) -> None:
        """Make the handshake. Raises `StreamError` with the answer of a server that refuses."""
        self._writer.write(self._connection.send(ws.Request(host=self._to.server, target=self._to.path)))
        status, body = 0, bytearray()
        while True:
            events = await self._events(_ANSWER_SECONDS)
            for index, event in enumerate(events):
                if isinstance(event, ws.AcceptConnection):
                    self._waiting = events[index + 1 :]
                    return
                if isinstance(event, ws.RejectConnection):
                    status = event.status_code
                    if not event.has_body:
                        raise self._refused(status, b"")
                if isinstance(event, ws.RejectData):
                    body += event.data
                    if event.body_finished:
                        raise self._refused(status, bytes(body))
                if isinstance(event, _Ended):
                    if status:
                        raise self._refused(status, bytes(body))
                    raise StreamConnectionError(f"{self._to.server} closed the connection")

    async def send(self, data: bytes) -> None:
        """Send a binary message, unless the server has ended the stream; waits while it reads no more."""
        if self._connection.state is ConnectionState.OPEN:
            self._writer.write(self._connection.send(ws.BytesMessage(data)))
            with contextlib.suppress(ConnectionError):  # the reader gets to know why
                await self._writer.drain()

    async def messages(self, sending: asyncio.Task[None]) -> AsyncIterator[bytes]:
        """Iterate the parts of binary messages until the server closes the connection."""
        while True:
            for event in await self._events(_QUIET_SECONDS if sending.done() else None):
                if isinstance(event, ws.BytesMessage):
                    yield bytes(event.data)
                elif isinstance(event, ws.Ping):
                    self._writer.write(self._connection.send(event.response()))
                elif isinstance(event, ws.CloseConnection):
                    self._writer.write(self._connection.send(event.response()))
                    if event.code not in (None, 1000):
                        raise StreamConnectionError(
                            f"{self._to.server} closed the stream (code {event.code}) {event.reason or ''}"
                        )
                    return
                elif isinstance(event, _Ended):
                    raise StreamConnectionError(f"{self._to.server} broke the connection off")

    async def _events(self, seconds: float | None) -> list[ws.Event]:
        if self._waiting:
            events, self._waiting = self._waiting, []
            return events
        try:
            data = await asyncio.wait_for(self._reader.read(_BLOCK), seconds)
        except TimeoutError as error:
            raise StreamConnectionError(f"{self._to.server} sends nothing for {seconds:.0f} s") from error
        except OSError as error:
            raise StreamConnectionError(f"{self._to.server}: {error}") from error
        if not data:
            return [_Ended()]
        try:
            self._connection.receive_data(data)
            return list(self._connection.events())
        except ProtocolError as error:
            raise StreamConnectionError(f"{self._to.server} is no WebSocket server: {error}") from error

    def _refused(self, status: int, body: bytes) -> StreamError:
        try:
            content = json.loads(body)
            text = str(content.get("Message") or content.get("message") or "")
            code = str(content.get("__type") or content.get("code") or f"HTTP {status}")
        except (ValueError, AttributeError):
            code, text = f"HTTP {status}", body.decode(errors="replace")[:500]
        return StreamError(code, text or f"{self._to.server} refused the stream with status {status}")


class _Ended(ws.Event):
    """The connection is over."""
