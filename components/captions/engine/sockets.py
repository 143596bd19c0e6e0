"""StartStreamTranscription over a WebSocket: the same events, in binary messages.

The presigned address is signed, and has the parameters in its query; the events are not signed, and one with
no audio ends the stream. Source: AWS, "Setting up a WebSocket stream".
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from brume.aws.client import service_model
from brume.aws.engine import logs
from brume.aws.engine.routes import RouteRequest, Socket, SocketRoute
from brume.aws.engine.service import Call, ServiceError
from brume.aws.wire.events import EventReader, EventWriter
from brume.aws.wire.protocols import PROTOCOLS
from brume.aws.wire.reading import PlainReader
from brume.aws.wire.requests import RequestError
from brume.captions.engine.options import STREAMING as ERRORS
from brume.captions.engine.options import GoneError, bad
from brume.captions.engine.streaming import Streaming

_log = logging.getLogger(__name__)
_PREFIX = "x-amzn-transcribe-"
_PROTOCOL = PROTOCOLS["rest-json"]
_OPERATION = "StartStreamTranscription"
PATH = "/stream-transcription-websocket"


def socket_route(streaming: Streaming) -> SocketRoute:
    """Return the route of the WebSocket."""

    async def handle(socket: Socket, request: RouteRequest, call: Call) -> None:
        await _transcribe(streaming, socket, request, call)

    return SocketRoute("transcribe", PATH, f"{_OPERATION}WebSocket", handle)


async def _transcribe(streaming: Streaming, socket: Socket, request: RouteRequest, call: Call) -> None:
    operation = service_model("transcribe-streaming").operation_model(_OPERATION)
    writer = EventWriter(operation, _PROTOCOL)
    try:
        parameters = _parameters(operation.input_shape, request.query)
        parameters["AudioStream"] = _events(
            socket, EventReader(operation, _PROTOCOL, None, may_be_unsigned=True)
        )
        answer = await streaming.start_stream_transcription(parameters, call)
        results = answer["TranscriptResultStream"]
        async with contextlib.aclosing(results):
            async for event in results:
                await socket.send(writer.event(event))
    except ServiceError as error:
        await socket.send(writer.exception(error))
    except ConnectionError:
        raise
    except Exception as error:
        logs.failed(_log, "a WebSocket stream", error)
        message = f"The server failed; its log has more under request {call.request_id}"
        await socket.send(writer.exception(ERRORS("InternalFailureException", message)))


async def _events(socket: Socket, reader: EventReader) -> AsyncIterator[Mapping[str, Any]]:
    """Iterate the events of binary messages. Raises `ServiceError` for a client that goes before the end."""
    async for message in socket:
        if isinstance(message, str):
            raise bad("A message of the WebSocket is text: send the event stream's frames as binary messages")
        for event in reader.feed(message):
            yield event
        if reader.ended:
            return
    raise GoneError(
        "The WebSocket was closed before the end of the audio: send an AudioEvent without audio first"
    )


def _parameters(shape: Any, query: Any) -> dict[str, Any]:
    """Return the parameters in the query of an address. Raises `ServiceError`."""
    members = {
        str(member.serialization["name"]).removeprefix(_PREFIX): (name, member)
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header"
    }
    found: dict[str, Any] = {}
    reader = PlainReader()
    for key, text in query:
        if key in members and text != "":
            name, member = members[key]
            found[name] = reader.text(member, text, key)
    missing = [
        key for key, (name, _) in members.items() if name in shape.required_members and name not in found
    ]
    if missing:
        raise bad(f"{', '.join(missing)} is required in the address")
    try:
        reader.check()
    except RequestError as error:
        raise bad(str(error)) from None
    return found
