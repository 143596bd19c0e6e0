"""HTTP/2 on a connection (RFC 9113), by h2: many requests at once, in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from starlette.types import Scope

from brume.aws.wire.http.connection import Connection, Protocol
from brume.aws.wire.http.exchange import Exchange, Headers

_PREFACE_BYTES, _HEAD_BYTES = 24, 9  # RFC 9113, 3.4 and 4.1
_RST_STREAM, _SETTINGS, _PING, _GOAWAY = 3, 4, 6, 7  # frame types, RFC 9113, 6
_CONTROL_BURST, _CONTROL_RATE = 200.0, 50.0  # frames that carry no request, and how many more a second
_NOT_IN_HTTP2 = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)


class Frames:
    """Finds the frames in what a client sends; passes all on but GOAWAY.

    h2 takes a client's GOAWAY for the end of the connection, while it only announces that there will be no
    more requests: those that are open go on (RFC 9113, 6.8). AWS's JavaScript client sends one early.
    """

    def __init__(self, control: Callable[[], None]) -> None:
        """`control` is called for each frame that is cheap to send and carries no request."""
        self._control = control
        self._buffer = bytearray()
        self._passed = False  # the preface
        self.leaving = False  # the client will send no further request

    def passed(self, data: bytes) -> bytes:
        """Return the complete frames of what came so far that have not been returned, without GOAWAY."""
        self._buffer += data
        if not self._passed:
            if len(self._buffer) < _PREFACE_BYTES:
                return b""
            self._passed = True
            start = bytes(self._buffer[:_PREFACE_BYTES])
            del self._buffer[:_PREFACE_BYTES]
        else:
            start = b""
        out, position = bytearray(start), 0
        while len(self._buffer) - position >= _HEAD_BYTES:
            size = int.from_bytes(self._buffer[position : position + 3], "big")
            end = position + _HEAD_BYTES + size
            if size <= _MAX_FRAME and len(self._buffer) < end:
                break
            kind = self._buffer[position + 3]
            if kind == _GOAWAY:
                self.leaving = True
            else:  # also what is too large: h2 refuses it
                out += self._buffer[position:end]
            if kind in (_RST_STREAM, _SETTINGS, _PING):
                self._control()
            position = min(end, len(self._buffer))
        del self._buffer[:position]
        return bytes(out)


_FIRST_WINDOW = 65535  # bytes, RFC 9113, 6.9.2
_MAX_FRAME = 16384  # of a payload; more has to be allowed by SETTINGS, and is not


class Http2(Protocol):
    """Answers the requests of one connection, many at once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.idle_seconds = connection.limits.idle_seconds_http2
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        self.streams: dict[int, Http2Exchange] = {}
        self.window = asyncio.Event()  # set, and made anew, when a client allows more to be sent
        self._frames = Frames(self._count)
        self._ending = False
        self._tokens, self._counted = _CONTROL_BURST, connection.loop.time()
        self.h2.initiate_connection()
        self.h2.update_settings(
            {
                SettingCodes.MAX_CONCURRENT_STREAMS: connection.limits.streams,
                SettingCodes.MAX_HEADER_LIST_SIZE: 2 * connection.limits.header_bytes,
                SettingCodes.ENABLE_PUSH: 0,
            }
        )
        self.h2.increment_flow_control_window(4 * connection.limits.stream_window)
        self.flush()

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return not self.streams

    @property
    def waits_for_client(self) -> bool:
        """Whether a body is still to come."""
        return any(not stream.ended for stream in self.streams.values())

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self.connection.transport.is_closing():
            return
        try:
            events = self.h2.receive_data(self._frames.passed(data))
        except h2.exceptions.ProtocolError:  # h2 has written a GOAWAY that says why
            self.flush()
            self.connection.close()
            return
        for event in events:
            self._handle(event)
        self.flush()
        self._close_if_done()

    def _handle(self, event: Any) -> None:
        if isinstance(event, h2.events.RequestReceived):
            exchange = Http2Exchange(self, event.stream_id, self._scope(event.headers))
            self.streams[event.stream_id] = exchange
            if event.stream_ended is None:
                self._open_window(event.stream_id)
            self.connection.server.spawn(exchange.run(self.connection.application))
            return
        if isinstance(event, (h2.events.WindowUpdated, h2.events.RemoteSettingsChanged)):
            self._more_window()
            return
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, h2.events.DataReceived):
            padding = event.flow_controlled_length - len(event.data)
            if stream is None:
                self.acknowledge(event.flow_controlled_length, event.stream_id)
                return
            if padding:
                self.acknowledge(padding, event.stream_id)
            stream.take(event.data)
        elif isinstance(event, h2.events.StreamEnded) and stream is not None:
            stream.end()
        elif isinstance(event, h2.events.StreamReset) and stream is not None:
            self.forget(stream)
            stream.disconnect()
            self._more_window()

    def _open_window(self, stream: int) -> None:
        """Let a client send more of a body than the standard's first window.

        By a frame and not by SETTINGS: awscrt sends no more on a stream that has used up its window before
        SETTINGS enlarge it.
        """
        more = self.connection.limits.stream_window - _FIRST_WINDOW
        if more > 0:
            self.h2.increment_flow_control_window(more, stream)

    def _scope(self, headers: list[tuple[bytes, bytes]]) -> Scope:
        special = {name: value for name, value in headers if name.startswith(b":")}
        fields = [(name, value) for name, value in headers if not name.startswith(b":")]
        if b":authority" in special:
            fields = [(b"host", special[b":authority"]), *(pair for pair in fields if pair[0] != b"host")]
        raw_path, _, query = special.get(b":path", b"/").partition(b"?")
        return {
            **self.connection.scope("http", "2"),
            "method": special[b":method"].decode("latin-1"),
            "path": unquote(raw_path.decode("latin-1")),
            "raw_path": raw_path,
            "query_string": query,
            "headers": fields,
        }

    def acknowledge(self, size: int, stream: int) -> None:
        """Let the client send as much more."""
        try:
            self.h2.acknowledge_received_data(size, stream)
        except (h2.exceptions.ProtocolError, KeyError):
            return  # the stream has ended
        self.flush()

    def _more_window(self) -> None:
        self.window.set()
        self.window = asyncio.Event()

    def forget(self, exchange: Http2Exchange) -> None:
        """A request has been answered or has been given up."""
        if self.streams.pop(exchange.stream, None) is not None and not self.streams:
            self.connection.rest()

    def _close_if_done(self) -> None:
        if (self._ending or self._frames.leaving) and not self.streams:
            self.connection.close()

    def done(self, exchange: Http2Exchange) -> None:
        """A response has been sent."""
        self.forget(exchange)
        self._close_if_done()

    def flush(self) -> None:
        """Send what h2 has to send."""
        self.connection.write(self.h2.data_to_send())

    def closed(self) -> None:
        """The connection has been closed."""
        for stream in list(self.streams.values()):
            stream.disconnect()
        self.streams.clear()
        self._more_window()

    def shut_down(self) -> None:
        """Announce the end; requests that are open are answered."""
        self._ending = True
        self._say_goodbye(ErrorCodes.NO_ERROR)
        self._close_if_done()

    def give_up(self) -> None:
        """Say goodbye before the connection is closed."""
        self._say_goodbye(ErrorCodes.NO_ERROR)

    def _say_goodbye(self, code: ErrorCodes) -> None:
        # By hand: h2's own takes no data of open streams after it.
        last = self.h2.highest_inbound_stream_id
        payload = last.to_bytes(4, "big") + int(code).to_bytes(4, "big")
        head = len(payload).to_bytes(3, "big") + bytes([_GOAWAY, 0]) + bytes(4)
        self.flush()
        self.connection.write(head + payload)

    def _count(self) -> None:
        """Close the connection of a client that sends more frames without requests than it has use for."""
        now = self.connection.loop.time()
        self._tokens = min(_CONTROL_BURST, self._tokens + (now - self._counted) * _CONTROL_RATE) - 1
        self._counted = now
        if self._tokens < 0 and not self.connection.transport.is_closing():
            self._say_goodbye(ErrorCodes.ENHANCE_YOUR_CALM)
            self.connection.close()


class Http2Exchange(Exchange):
    """One request of HTTP/2 and its response."""

    def __init__(self, protocol: Http2, stream: int, scope: Scope) -> None:
        super().__init__(scope)
        self.stream = stream
        self._protocol = protocol

    async def _writable(self) -> None:
        await self._protocol.connection.writable()

    def _send_headers(self, status: int, headers: Headers) -> None:
        kept = [(name, value) for name, value in headers if name not in _NOT_IN_HTTP2]
        self._protocol.h2.send_headers(self.stream, [(b":status", str(status).encode()), *kept])
        self._protocol.flush()

    async def _send_data(self, data: bytes, *, last: bool) -> None:
        protocol, rest = self._protocol, memoryview(data)
        while rest and not self.disconnected:
            size = min(
                protocol.h2.local_flow_control_window(self.stream), protocol.h2.max_outbound_frame_size
            )
            if size <= 0:
                await self._allowed(protocol)
                continue
            protocol.h2.send_data(self.stream, bytes(rest[:size]))
            rest = rest[size:]
            protocol.flush()
            await self._writable()
        if last and not self.disconnected:
            protocol.h2.end_stream(self.stream)
            if not self.ended:  # the rest of the body is of no use: RFC 9113, 8.1
                protocol.h2.reset_stream(self.stream, ErrorCodes.NO_ERROR)
                self._discard()
            protocol.flush()

    async def _allowed(self, protocol: Http2) -> None:
        """Wait for the client to take more; one that does not is let go."""
        try:
            async with asyncio.timeout(protocol.connection.limits.read_seconds):
                await protocol.window.wait()
        except TimeoutError:
            self._reset(ErrorCodes.CANCEL)

    def _wanted(self) -> None:
        """The window says how much may come."""

    def _used(self, size: int) -> None:
        if size:
            self._protocol.acknowledge(size, self.stream)

    def _failed(self) -> None:
        self._reset(ErrorCodes.INTERNAL_ERROR)

    def _completed(self) -> None:
        self._discard()
        self._protocol.done(self)

    def _discard(self) -> None:
        """Give back the window of what the application has not taken."""
        if self._body:
            size = len(self._body)
            self._body.clear()
            self._protocol.acknowledge(size, self.stream)

    def _reset(self, code: ErrorCodes) -> None:
        if not self.disconnected:
            self._discard()
            self._protocol.h2.reset_stream(self.stream, code)
            self._protocol.flush()
            self.disconnect()
            self._protocol.done(self)
