"""The events of an operation's streams: bytes from a client to events by shape, and back.

An event is a dict with one member, as boto3 has it: `{"AudioEvent": {"AudioChunk": b"..."}}`. Source:
Smithy's event stream specification. With rest-json the other members of the operation are in the request
and the response; with the rpc protocols they are the first event, initial-request and initial-response.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brume.aws.engine.service import ServiceError
from brume.aws.wire.eventsigning import SIGNATURE, EventChain
from brume.aws.wire.eventstream import LIMIT, Decoder, Header, Long, Message, encode
from brume.aws.wire.protocols import Protocol
from brume.aws.wire.reading import PlainReader
from brume.aws.wire.requests import BodyError, RequestError
from brume.aws.wire.responses import error_members, validation_code
from brume.aws.wire.timestamps import parse
from brume.aws.wire.writing import OutputError, require_known, to_bytes

_TYPES = {"blob": "application/octet-stream", "string": "text/plain"}


class EventReader:
    """Reads the event stream of an operation's input, each event signed in the chain after the request.

    `initial` are the parameters of the operation, as soon as their event has come (None before, and for
    protocols that have them in the request). `ended` says that the end of the stream has come.
    """

    def __init__(
        self,
        operation: Any,
        protocol: Protocol,
        chain: EventChain | None,
        *,
        may_be_unsigned: bool = False,
        limit: int = LIMIT,
    ) -> None:
        """Without `chain` (an engine without keys) no signature is checked.

        With `may_be_unsigned` a stream whose first event is not signed needs no signatures: a WebSocket's,
        whose URL is. `limit` is the most bytes of a frame.
        """
        self._operation, self._protocol, self._chain = operation, protocol, chain
        self._code = validation_code(operation)
        self._frames = Decoder(limit=limit, code=self._code)
        self._limit = limit
        self._signed: bool | None = None if may_be_unsigned or chain is None else True
        self._wants_initial = protocol.has_initial_event
        self.initial: dict[str, Any] | None = None
        self.ended = False

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Iterate the events that are complete.

        Raises `ServiceError` after them: InvalidSignatureException, or the service's code of a wrong request.
        """
        for message in self._frames.feed(data):
            event = self._opened(message)
            if event is None:
                continue
            if self._wants_initial:
                self._wants_initial = False
                self.initial = self._initial(event)
            else:
                yield self._event(event)

    def close(self) -> None:
        """Note that no bytes follow. Raises `ServiceError` when the stream is not at its end."""
        self._frames.close()
        if self._signed and not self.ended:
            raise ServiceError(
                self._code,
                "The event stream stops without its end: after the last event, send a signed one with an "
                "empty payload",
            )
        if self._wants_initial:
            raise ServiceError(self._code, "The event stream has no initial-request event")

    def _opened(self, message: Message) -> Message | None:
        if self.ended:
            raise ServiceError(self._code, "The event stream goes on after its end")
        if self._signed is None:
            self._signed = SIGNATURE in message.headers
        if not self._signed:
            return message
        payload = self._chain.open(message) if self._chain is not None else message.payload
        if not payload:
            self.ended = True
            return None
        inner = Decoder(limit=self._limit, code=self._code)
        messages = list(inner.feed(payload))
        inner.close()
        if len(messages) != 1:
            raise ServiceError(self._code, f"A signed message holds one event, and this one {len(messages)}")
        return messages[0]

    def _initial(self, message: Message) -> dict[str, Any]:
        if message.text(":event-type") != "initial-request":
            raise ServiceError(self._code, "The first event must be initial-request, with the parameters")
        shape = self._operation.input_shape
        return self._checked(lambda: self._document(shape, message.payload))

    def _event(self, message: Message) -> dict[str, Any]:
        kind, stream = message.text(":event-type"), self._operation.get_event_stream_input()
        if message.text(":message-type") != "event" or kind not in stream.members:
            raise ServiceError(
                self._code,
                f"An event has :message-type event and an :event-type out of {', '.join(stream.members)}; "
                f"this one has {message.text(':message-type')[:40]!r} and {kind[:80]!r}",
            )
        return {kind: self._checked(lambda: self._members(stream.members[kind], message))}

    def _checked(self, read: Any) -> dict[str, Any]:
        try:
            return dict(read())
        except (RequestError, BodyError) as error:
            raise ServiceError(self._code, f"An event of the stream is wrong: {error}") from None

    def _document(self, shape: Any, payload: bytes) -> dict[str, Any]:
        return self._protocol.format.reader().read(shape, self._protocol.format.loads(payload))

    def _members(self, shape: Any, message: Message) -> dict[str, Any]:
        headers, payload, rest = _parts(shape)
        plain = PlainReader()
        found = {
            name: plain.value(member, message.headers[name], name)
            for name, member in headers.items()
            if name in message.headers
        }
        for name, member in payload.items():
            if member.type_name in _TYPES:
                raw: Any = message.payload
                if member.type_name == "string":
                    raw = raw.decode(errors="replace")
                found[name] = plain.value(member, raw, name)
            else:
                found[name] = self._document(member, message.payload)
        plain.check()
        if rest:
            document = self._protocol.format.loads(message.payload)
            if not isinstance(document, Mapping):
                raise BodyError("its payload is not an object")
            reader = self._protocol.format.reader()
            for name, member in rest.items():
                given = document.get(reader.key(name, member))
                if given is not None:
                    found[name] = reader.value(member, given, name)
            reader.check()
        missing = [name for name in shape.required_members if name not in found]
        if missing:
            raise RequestError(f"{', '.join(missing)} is required")
        return found


class EventWriter:
    """Writes the event stream of an operation's output."""

    def __init__(self, operation: Any, protocol: Protocol) -> None:
        self._operation, self._protocol = operation, protocol

    def initial(self, output: Mapping[str, Any]) -> bytes:
        """Return the event with the output's other members, b"" for protocols that have them in the response.

        Raises `OutputError` when they do not fit their shape.
        """
        shape = self._operation.output_shape
        if not self._protocol.has_initial_event:
            return b""
        others = {name: value for name, value in output.items() if name != shape.event_stream_name}
        payload = self._protocol.format.write(shape, others, self._operation.name)
        return encode(_event_headers("initial-response", self._protocol.format.media), payload)

    def event(self, event: Mapping[str, Any]) -> bytes:
        """Return the frame of an event. Raises `OutputError` when it does not fit its shape."""
        stream = self._operation.get_event_stream_output()
        if len(event) != 1:
            raise OutputError(f"an event has one member, not {', '.join(event) or 'none'}")
        require_known(stream, event, f"{self._operation.name}'s stream")
        ((kind, members),) = event.items()
        shape = stream.members[kind]
        require_known(shape, members, kind)
        placed, payload, rest = _parts(shape)
        headers: dict[str, Header] = {
            name: _header(member, members[name], f"{kind}.{name}")
            for name, member in placed.items()
            if members.get(name) is not None
        }
        document = self._protocol.format
        for name, member in payload.items():
            media, body = _payload(document, member, members.get(name), f"{kind}.{name}")
            return encode(_event_headers(kind, media) | headers, body)
        values = {
            document.writer.key(name, member): document.writer.value(member, members[name], f"{kind}.{name}")
            for name, member in rest.items()
            if members.get(name) is not None
        }
        return encode(_event_headers(kind, document.media) | headers, document.dumps(values))

    def exception(self, error: ServiceError) -> bytes:
        """Return the frame that ends the stream with an error, one of the stream's own where it has it."""
        stream = self._operation.get_event_stream_output()
        for kind, shape in (stream.members if stream is not None else {}).items():
            if shape.metadata.get("exception") and error.code in (kind, shape.name, shape.error_code):
                members = self._protocol.format.write(shape, error_members(shape, error), kind)
                headers: dict[str, Header] = {
                    ":message-type": "exception",
                    ":exception-type": kind,
                    ":content-type": self._protocol.format.media,
                }
                return encode(headers, members)
        return encode(
            {":message-type": "error", ":error-code": error.code, ":error-message": error.message[:8000]}
        )


def _event_headers(kind: str, media: str) -> dict[str, Header]:
    return {":message-type": "event", ":event-type": kind, ":content-type": media}


def _parts(shape: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return an event's members that are headers, that which is the payload, and those inside the payload."""
    headers = {name: one for name, one in shape.members.items() if one.serialization.get("eventheader")}
    payload = {name: one for name, one in shape.members.items() if one.serialization.get("eventpayload")}
    rest = {} if payload else {name: one for name, one in shape.members.items() if name not in headers}
    return headers, payload, rest


def _header(member: Any, value: Any, path: str) -> Header:
    kind = member.type_name
    try:
        if kind == "timestamp":
            return parse(value)
        if kind == "blob":
            return to_bytes(value, path)
        if kind == "boolean":
            return bool(value)
        if kind in ("integer", "long"):
            return Long(value) if kind == "long" else int(value)
    except (TypeError, ValueError) as error:
        raise OutputError(f"{path} is no {kind}: {type(value).__name__}") from error
    if not isinstance(value, str):
        raise OutputError(f"{path} must be a string, not {type(value).__name__}")
    return value


def _payload(document: Any, member: Any, value: Any, path: str) -> tuple[str, bytes]:
    if member.type_name == "blob":
        return _TYPES["blob"], b"" if value is None else to_bytes(value, path)
    if member.type_name == "string":
        return _TYPES["string"], str(value or "").encode()
    return document.media, document.write(member, value or {}, path)
