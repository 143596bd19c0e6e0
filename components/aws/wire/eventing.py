"""Event streams between HTTP and an engine's method: bytes on one side, events on the other."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from brume.aws.engine.service import ServiceError
from brume.aws.wire import responses
from brume.aws.wire.events import EventReader, EventWriter
from brume.aws.wire.eventsigning import EventChain
from brume.aws.wire.streams import iterate

if TYPE_CHECKING:
    from brume.aws.wire.context import Context

Event = Mapping[str, Any]


class Incoming:
    """The events of a request, read and verified as the method asks for them."""

    def __init__(self, context: Context) -> None:
        key, claim = context.caller.key, context.caller.claim
        chain = EventChain(key, claim) if key is not None and claim is not None else None
        self._reader = EventReader(context.operation, context.protocol, chain)
        self._receive = context.receive
        self._events: deque[Event] = deque()
        self._over = False
        self._fault: ServiceError | None = None  # of what came after the events

    async def initial(self) -> dict[str, Any]:
        """Return the parameters that a protocol sends as the first event. Raises `ServiceError`."""
        while self._reader.initial is None and not self._over:
            await self._more()
        if self._reader.initial is None and self._fault is not None:
            raise self._fault
        return self._reader.initial or {}

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate the events until the stream ends. Raises `ServiceError`, `ClientDisconnect`."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._fault is not None:
                raise self._fault
            if self._over or self._reader.ended:
                return
            await self._more()

    async def _more(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        try:
            for event in self._reader.feed(message.get("body", b"")):
                self._events.append(event)
            if not message.get("more_body"):
                self._over = True
                self._reader.close()
        except ServiceError as error:
            self._over, self._fault = True, error


async def outgoing(context: Context, output: Event, events: Iterable[Event] | AsyncIterable[Event]) -> Any:
    """Iterate the frames of an output's event stream; an error of the method is the last of them."""
    assert context.served is not None
    writer = EventWriter(context.operation, context.protocol)
    first = writer.initial(output)
    if first:
        yield first
    source = iterate(events, context.served.pool)
    async with contextlib.aclosing(source):
        try:
            async for event in source:
                yield writer.event(event)
        except ServiceError as error:
            context.code = error.code
            yield writer.exception(error)
        except (ClientDisconnect, ConnectionError):
            raise
        except Exception as error:
            context.served.observer.failed(context.request_id, error)
            context.code = responses.fault_code(context.operation)
            message = f"The server failed; its log has more under request {context.request_id}"
            yield writer.exception(ServiceError(context.code, message))
