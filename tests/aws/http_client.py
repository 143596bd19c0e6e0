"""A client of HTTP/2 that does what it should not, and the application that answers it."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
import h2.settings
from starlette.types import Receive, Scope, Send

from brume.aws.wire.http.unread import DUPLEX

START = {"type": "http.response.start", "status": 200, "headers": [(b"connection", b"keep-alive")]}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer each part of a body, or each message, when it comes; /large sends 30 MB, /early, /last end."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})
    elif scope["type"] == "websocket":
        await receive()
        if scope["path"] == "/refused":
            await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"no"})
            return
        await send({"type": "websocket.accept"})
        if scope["path"] == "/last":
            await send({"type": "websocket.send", "text": "the last"})
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
    else:
        await send({**START, DUPLEX: scope["path"] == "/echo"})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        if scope["path"] == "/large":
            await send({"type": "http.response.body", "body": bytes(30_000_000), "more_body": True})
        more = scope["path"] == "/echo"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                ended.set()
                return
            more = message["more_body"]
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
        await send({"type": "http.response.body", "body": f"by {scope['http_version']}".encode()})


ended = threading.Event()


class Client:
    """A client of HTTP/2 that shows each event; `url` decides about TLS."""

    def __init__(self, url: str, authority: Path | None = None) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30)
        if authority is not None:
            context = ssl.create_default_context(cafile=str(authority))
            context.set_alpn_protocols(["h2"])
            self._socket = context.wrap_socket(self._socket, server_hostname=parts.hostname)
            assert self._socket.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.flush()
        self._events: list[h2.events.Event] = []
        self.leaving = False

    def flush(self, more: bytes = b"") -> None:
        self._socket.sendall(self.h2.data_to_send() + more)

    def close(self) -> None:
        self._socket.close()

    def request(self, path: str, method: str = "POST", *, end: bool = False) -> int:
        stream = int(self.h2.get_next_available_stream_id())
        head = {":method": method, ":path": path, ":scheme": "http", ":authority": "localhost"}
        self.h2.send_headers(stream, list(head.items()), end_stream=end)
        self.flush()
        return stream

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        self.h2.send_data(stream, data, end_stream=end)
        self.flush()

    def next(self, *kinds: Any) -> Any:
        """Return the next event of one of these kinds."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, kinds):
                    return event
            self.read()

    def waiting(self) -> list[h2.events.Event]:
        """Return the events that have been read, all but a response's head."""
        kept = [event for event in self._events if isinstance(event, h2.events.ResponseReceived)]
        found = [event for event in self._events if event not in kept]
        self._events = kept
        return found

    def readable(self) -> bool:
        """Whether something has come."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def read(self) -> None:
        """Take what comes next."""
        received = self._socket.recv(1 << 16)
        if not received:
            raise ConnectionError("the server has closed the connection")
        if received[3] == 7:  # GOAWAY: after it h2 would send nothing more, on open streams either
            self.leaving, received = True, received[17:]
        self._events += self.h2.receive_data(received)
        self.flush()

    def answer(self, stream: int) -> bytes:
        """Return the rest of a response's body."""
        data = b""
        while not isinstance(
            event := self.next(h2.events.DataReceived, h2.events.StreamEnded), h2.events.StreamEnded
        ):
            if event.stream_id == stream:
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
                self.flush()
                data += event.data
        return data


@contextlib.contextmanager
def client(url: str, authority: Path | None = None) -> Iterator[Client]:
    with contextlib.closing(Client(url, authority)) as made:
        yield made
