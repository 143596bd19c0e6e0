"""The steps that a request passes, in the order of `brume.aws.wire.gateway.HANDLERS`.

Each takes the gateway and the request's context, and raises `ServiceError` to refuse the request.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.requests import Request

from brume.aws.engine.routes import Reply, RouteRequest, SignedRoute, SocketRoute
from brume.aws.engine.service import ServiceError
from brume.aws.wire import eventing, requests, responses, signature, streams
from brume.aws.wire.context import SMALL, Caller, Context
from brume.aws.wire.protocols import PROTOCOLS
from brume.aws.wire.writing import OutputError

if TYPE_CHECKING:
    from brume.aws.wire.gateway import Gateway
    from brume.aws.wire.served import Served

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


async def identify_caller(gateway: Gateway, context: Context) -> None:
    """Find the key that the request claims to be signed with; refuse what its headers alone show."""
    request = context.request
    if gateway.keys is None:
        _refuse_web_pages(context)
        try:
            context.caller = Caller(signature.claim(request))
        except ServiceError:
            context.caller = Caller()
        return
    try:
        claim = signature.claim(request)
    except ServiceError as error:
        if error.code == "MissingAuthenticationTokenException" and gateway.takes_unsigned:
            return  # of which services is seen when the service is known
        raise
    signature.check_time(claim, datetime.now(UTC))
    context.caller = Caller(claim, signature.find_key(claim, gateway.keys))


async def find_operation(gateway: Gateway, context: Context) -> None:
    """Find engine, service and operation, or route: among those that the credential is for, or among all."""
    claim, request = context.caller.claim, context.request
    engines = gateway.served
    if claim is not None:
        engines = [one for one in engines if claim.service in one.signing_names]
        if not engines:
            raise gateway.unknown_service(claim.service)
    socket = context.scope["type"] == "websocket"
    for served in engines:
        if not socket and _find_route(context, served, first=True):
            assert context.route is not None
            _require_signature(gateway, context, context.route.service)
            return
        for service in served.services:
            if socket or (claim is not None and service.signing_name != claim.service):
                continue
            if service.router.needs_body(request):
                context.served = served
                await _receive(gateway, context, served.engine.max_body)
            match = service.router.find(request, context.body)
            if match is not None:
                context.served, context.service, context.match = served, service, match
                context.protocol = match.protocol
                _require_signature(gateway, context, service.name)
                return
        if _find_route(context, served):
            assert context.route is not None
            _require_signature(gateway, context, context.route.service)
            return
    if claim is None and gateway.keys is not None:
        raise _unsigned()
    raise ServiceError("UnknownOperationException", "No operation has this method and address")


def _find_route(context: Context, served: Served, *, first: bool = False) -> bool:
    """Find the route of a request, where it is one's; `first` are those that go before operations."""
    claim, request = context.caller.claim, context.request
    socket = context.scope["type"] == "websocket"
    for route in served.engine.routes:
        if claim is not None and route.service != claim.service:
            continue
        if isinstance(route, SocketRoute) != socket or getattr(route, "first", False) != first:
            continue
        if isinstance(route, SignedRoute) and request.method not in route.methods:
            continue
        labels = route.labels(request.path)
        if labels is not None:
            context.served, context.route, context.protocol = served, route, PROTOCOLS["json"]
            context.labels = {name: unquote(text) for name, text in labels.items()}
            return True
    return False


def _require_signature(gateway: Gateway, context: Context, service: str) -> None:
    """Let an unsigned request pass to a service that takes such, from a program on this machine."""
    if context.caller.claim is not None or gateway.keys is None or context.served is None:
        return
    if not context.served.takes_unsigned(service):
        raise _unsigned()
    _refuse_web_pages(context)


def _unsigned() -> ServiceError:
    return ServiceError(
        "MissingAuthenticationTokenException",
        "The request is not signed: give your client the access key and secret of this server",
    )


def _refuse_web_pages(context: Context) -> None:
    """Refuse what a web page elsewhere may have sent from this machine's browser, by name or by form."""
    name = context.request.header("host")
    host = name.rsplit(":", 1)[0] if not name.endswith("]") else "[::1]"
    if host not in _LOOPBACK or context.request.header("origin"):
        raise ServiceError(
            "AccessDeniedException", "Unsigned requests are only taken from programs, at a loopback address"
        )


async def find_method(_gateway: Gateway, context: Context) -> None:
    """Find the engine's method for the operation."""
    if context.match is None or context.service is None:
        return
    context.method = context.service.methods.get(context.operation_name)
    if context.method is None:
        error = ServiceError(
            "UnknownOperationException", f"This server does not implement {context.operation_name}"
        )
        error.status = 501
        raise error


async def require_place(_gateway: Gateway, context: Context) -> None:
    """Turn a request away that there is no place for, before its body is read: what waits takes memory."""
    assert context.served is not None
    places = context.served.streams if context.streaming else context.served.places
    places.require(context.throttling_code)


async def read_body(gateway: Gateway, context: Context) -> None:
    """Read the body, bounded; an event stream is read while the operation runs."""
    if context.match is not None and context.operation.has_event_stream_input:
        return
    if isinstance(context.route, SocketRoute):
        return
    assert context.served is not None
    general = context.served.engine.max_body
    limit = context.route.max_body if context.route else body_limit(context.operation, general)
    await _receive(gateway, context, limit)


async def _receive(gateway: Gateway, context: Context, limit: int) -> None:
    """Read the body, if it has not been read to find the operation."""
    if context.received:
        return
    context.received = True
    _refuse_compressed(context)
    http = Request(context.scope, context.receive)
    context.body = await context.release.enter_async_context(
        gateway.bodies.read(http, limit, context.throttling_code)
    )


def _refuse_compressed(context: Context) -> None:
    """Refuse a compressed body before it is read: it would have to be inflated, to whatever size."""
    named = context.request.header("content-encoding") or ""
    if {one.strip().lower() for one in named.split(",")} - {"", "identity", "aws-chunked"}:
        error = ServiceError(
            "UnsupportedMediaTypeException",
            f"A body with Content-Encoding {named[:40]} is not read here: send it without compression",
        )
        error.status = 415
        raise error


async def verify_signature(gateway: Gateway, context: Context) -> None:
    """Verify the signature, for a large body off the event loop; the body is then decoded."""
    caller, operation = context.caller, context.operation
    if caller.key is not None and caller.claim is not None:
        unsigned = operation is not None and (
            operation.auth_type == "v4-unsigned-body" or bool(getattr(operation, "unsigned_payload", False))
        )
        verify = partial(
            signature.verify,
            context.request,
            caller.claim,
            caller.key,
            context.body,
            may_be_unsigned=unsigned,
        )
        if len(context.body) <= SMALL:
            context.body = verify()
        else:
            loop = asyncio.get_running_loop()
            context.body = await loop.run_in_executor(gateway.verifiers, verify)
    await context.release.aclose()  # the sender is known: its bytes count no more among the unproven


async def run(gateway: Gateway, context: Context) -> None:
    """Take a place, read the parameters, call the engine's method and write its output.

    A plain method runs, with what is before and after it, in one thread of the engine's pool. The thread may
    outlive the request: its place is free when it has really ended.
    """
    served = context.served
    assert served is not None
    await require_place(gateway, context)
    if context.streaming:
        served.streams.take()
        context.release.callback(served.streams.give_back)
        await _run_on_loop(context)
        return
    served.places.take()
    work: Future[None] | None = None
    loop = asyncio.get_running_loop()
    try:
        handler = context.route.handler if context.route else context.method
        if inspect.iscoroutinefunction(handler):
            await _run_on_loop(context)
        else:
            work = served.pool.submit(_run_in_thread, context)
            work.add_done_callback(lambda _work: loop.call_soon_threadsafe(served.places.give_back))
            await in_time(asyncio.wrap_future(work), served.limits.seconds)
    finally:
        if work is None:
            served.places.give_back()
    if context.stream is not None:
        served.streams.require(context.throttling_code)
        served.streams.take()
        context.release.callback(served.streams.give_back)


def _run_in_thread(context: Context) -> None:
    parameters = parse_parameters(context)
    call_method(context, parameters)
    serialize_output(context)


async def _run_on_loop(context: Context) -> None:
    assert context.served is not None
    seconds, loop = context.served.limits.seconds, asyncio.get_running_loop()
    if isinstance(context.route, SignedRoute) and context.route.seconds:
        seconds = context.route.seconds
    parameters = await asyncio.to_thread(parse_parameters, context)
    if context.duplex:
        incoming = eventing.Incoming(context)
        if context.protocol.has_initial_event:
            parameters = await in_time(asyncio.ensure_future(incoming.initial()), seconds)
        parameters[context.operation.input_shape.event_stream_name] = incoming
    handler = context.route.handler if context.route else context.method
    if inspect.iscoroutinefunction(handler):
        call_method(context, parameters)
        context.output = await in_time(asyncio.ensure_future(context.output), seconds)
    else:
        work = loop.run_in_executor(context.served.pool, call_method, context, parameters)
        await in_time(asyncio.ensure_future(work), seconds)
    serialize_output(context)


async def in_time(work: asyncio.Future[Any], seconds: float) -> Any:
    """Return the result of `work`. Raises `ServiceError` when it takes longer."""
    done, _ = await asyncio.wait({work}, timeout=seconds)
    if done:
        return work.result()
    work.cancel()
    raise ServiceError("ServiceUnavailableException", f"No answer within {seconds:g} s", RetryAfterSeconds=1)


def parse_parameters(context: Context) -> Any:
    """Return the operation's parameters by its input shape, or the route's request."""
    request = context.request
    query = signature.decoded_query(request.query)
    if context.match is None or context.service is None:
        headers, path = dict(request.headers), request.path
        return RouteRequest(request.method, path, context.labels, query, headers, context.body, request.query)
    operation = context.operation
    parts = requests.HttpRequest(query, dict(request.headers), context.body, context.match.labels)
    try:
        return context.protocol.read(operation, parts)
    except requests.RequestError as error:
        raise ServiceError(responses.validation_code(operation), str(error)) from None
    except requests.BodyError as error:
        raise ServiceError("SerializationException", str(error)) from None


def call_method(context: Context, parameters: Any) -> None:
    """Call the engine's method or the route's handler."""
    handler = context.route.handler if isinstance(context.route, SignedRoute) else context.method
    assert handler is not None
    context.output = handler(parameters, context.call)


def serialize_output(context: Context) -> None:
    """Write the head of the response, and its body unless that is a stream."""
    output = context.output
    if isinstance(output, Reply):
        context.answer = responses.HttpAnswer(output.status, headers=dict(output.headers))
        if isinstance(output.body, bytes):
            context.answer.body = output.body
        else:
            context.stream = output.body
        return
    assert context.service is not None
    operation, given = context.operation, dict(output or {})
    if operation.has_event_stream_output:
        events = given.pop(operation.output_shape.event_stream_name, ())
        context.release.push_async_callback(streams.close, events)  # also when none of them is asked for
        context.stream = eventing.outgoing(context, given, events)
    elif operation.has_streaming_output:
        name = operation.output_shape.serialization["payload"]
        if not isinstance(given.get(name), (bytes, str, type(None))):
            context.stream = _iterable(given[name], name)
            given[name] = b""
    context.answer = context.protocol.write(operation, given, context.request_id)


def _iterable(value: Any, name: str) -> Any:
    if not isinstance(value, AsyncIterable) and not hasattr(value, "__iter__"):
        raise OutputError(f"{name} must be bytes or an iterable of bytes")
    return value


def body_limit(operation: Any, general: int) -> int:
    """Return the most bytes that a request of an operation may have: more where the model has large blobs."""
    largest = 0
    members = operation.input_shape.members.values() if operation.input_shape else ()
    for member in members:
        if member.type_name == "blob":
            largest = max(largest, int(member.metadata.get("max", 0)))
    return max(general, largest * 4 // 3 + (1 << 20))
