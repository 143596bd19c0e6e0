"""Takes an AWS request from HTTP to the engine's method and back.

In this order: who asks, as far as the headers tell; which operation; the body, bounded; the signature over
all of it; a place among those that run or wait; the parameters by shape; the method; the answer by shape.
"""

from __future__ import annotations

import asyncio
import inspect
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore import xform_name
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from brume.aws.client import service_model
from brume.aws.engine.service import Call, Engine, ServiceError
from brume.aws.wire import requests, responses, signature
from brume.aws.wire.bodies import FULL, Bodies
from brume.aws.wire.keys import ACCOUNT, Key
from brume.aws.wire.observe import Observer
from brume.aws.wire.routing import Match, Router

_VERIFIERS = 2  # threads
_SMALL = 32 << 10  # bytes of a body that are hashed in less time than a thread takes to begin
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Limits:
    """What one server takes on: requests that run at once and that wait, and seconds for each part.

    A body has to come at `body_rate` bytes a second, after the first `body_grace` seconds; `bodies` is how
    many bytes all those may have whose senders have not been verified yet.
    """

    workers: int = 8
    queue: int = 24
    seconds: float = 60.0
    body_seconds: float = 60.0
    body_grace: float = 5.0
    body_rate: float = 16 << 10
    bodies: int = 256 << 20


@dataclass(frozen=True)
class _Service:
    """A service, its model and its routes; `methods` are the engine's, by operation."""

    name: str
    model: Any
    router: Router
    methods: Mapping[str, Callable[..., Any]]

    @property
    def signing_name(self) -> str:
        return str(self.model.signing_name)

    @property
    def version(self) -> str:
        return str(self.model.metadata.get("jsonVersion", "1.1"))


@dataclass
class _Progress:
    """What is known of a request so far: enough to answer an error in the form its client reads."""

    request_id: str
    protocol: str
    service: _Service | None = None
    operation: str = "-"
    code: str = ""


@dataclass(frozen=True)
class _Caller:
    """A claim of who asks and the key that it names; both are None of an anonymous caller."""

    claim: signature.Claim | None
    key: Key | None


class Gateway:
    """The ASGI application that answers AWS requests."""

    def __init__(self, engine: Engine, keys: Mapping[str, Key] | None, limits: Limits) -> None:
        self._services = [_service(name, handler) for name, handler in engine.services.items()]
        self._keys = keys
        self._limits = limits
        self._max_body = engine.max_body
        self._places = limits.workers + limits.queue
        self._bodies = Bodies(
            seconds=limits.body_seconds, grace=limits.body_grace, rate=limits.body_rate, most=limits.bodies
        )
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="operation")
        self._verifiers = ThreadPoolExecutor(_VERIFIERS, thread_name_prefix="verifier")
        self._observer = Observer(engine.registry)

    def close(self) -> None:
        """Wait for the operations that still run."""
        self._verifiers.shutdown(wait=True, cancel_futures=True)
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":  # no web sockets here
            await send({"type": "websocket.close", "code": 1000})
            return
        started = time.monotonic()
        request = _signed_request(scope)
        protocol = "json" if request.header("x-amz-target") else "rest-json"
        progress = _Progress(str(uuid.uuid4()), protocol)
        try:
            answer = await self._answer(request, Request(scope, receive), progress)
        except ClientDisconnect:
            return  # nobody is there to read it
        except ServiceError as error:
            answer = self._error(progress, error)
        except Exception as error:
            self._observer.failed(progress.request_id, error)
            answer = self._error(progress, self._internal(progress))
        response = Response(
            answer.body, answer.status, {**answer.headers, "x-amzn-requestid": progress.request_id}
        )
        name = progress.service.name if progress.service else "-"
        seconds = time.monotonic() - started
        self._observer.answered(
            progress.request_id, name, progress.operation, answer.status, seconds, progress.code
        )
        await response(scope, receive, send)

    async def _answer(
        self, request: signature.SignedRequest, http: Request, progress: _Progress
    ) -> responses.HttpAnswer:
        caller = self._caller(request)
        service, match = self._route(request, caller, progress)
        method = self._method(service, match)
        self._require_place(match)  # before the body is read: what waits takes memory
        limit = _body_limit(match.operation, self._max_body)
        async with self._bodies.read(http, limit, responses.throttling_code(match.operation)) as sent:
            body = await self._verified(request, caller, match, sent)
        self._require_place(match)
        self._take(1)
        work: Future[Any] | None = None
        loop = asyncio.get_running_loop()
        try:
            step = partial(self._prepare, request, caller, service, match, body, progress)
            if inspect.iscoroutinefunction(method):
                checked, call = await asyncio.to_thread(step)
                output = await self._in_time(asyncio.ensure_future(method(checked, call)))
                return responses.write(match.operation, output, service.router.protocol, service.version)
            work = self._pool.submit(self._run, step, method, match, service)
            # The thread may outlive this request; its place is free when it has really ended.
            work.add_done_callback(lambda _work: loop.call_soon_threadsafe(self._take, -1))
            answer: responses.HttpAnswer = await self._in_time(asyncio.wrap_future(work))
            return answer
        finally:
            if work is None:
                self._take(-1)

    async def _verified(
        self, request: signature.SignedRequest, caller: _Caller, match: Match, body: bytes
    ) -> bytes:
        """Verify the signature, for a large body off the event loop; return the body, decoded."""
        if caller.key is None or caller.claim is None:
            return body
        operation = match.operation
        unsigned = operation.auth_type == "v4-unsigned-body" or bool(
            getattr(operation, "unsigned_payload", False)
        )
        verify = partial(signature.verify, request, caller.claim, caller.key, body, may_be_unsigned=unsigned)
        if len(body) <= _SMALL:
            return verify()
        return await asyncio.get_running_loop().run_in_executor(self._verifiers, verify)

    async def _in_time(self, work: asyncio.Future[Any]) -> Any:
        done, _ = await asyncio.wait({work}, timeout=self._limits.seconds)
        if done:
            return work.result()
        work.cancel()
        raise ServiceError(
            "ServiceUnavailableException", f"No answer within {self._limits.seconds:g} s", RetryAfterSeconds=1
        )

    def _method(self, service: _Service, match: Match) -> Callable[..., Any]:
        method = service.methods.get(match.operation.name)
        if method is None:
            error = ServiceError(
                "UnknownOperationException", f"This server does not implement {match.operation.name}"
            )
            error.status = 501
            raise error
        return method

    def _require_place(self, match: Match) -> None:
        if self._places <= 0:
            raise ServiceError(responses.throttling_code(match.operation), FULL, RetryAfterSeconds=1)

    def _take(self, places: int) -> None:
        self._places -= places
        self._observer.in_flight.inc(places)

    def _caller(self, request: signature.SignedRequest) -> _Caller:
        """Return who says to ask; what can be refused without the body is refused here."""
        if self._keys is None:
            _refuse_other_pages(request)
            try:
                return _Caller(signature.claim(request), None)
            except ServiceError:
                return _Caller(None, None)
        said = signature.claim(request)
        signature.check_time(said, datetime.now(UTC))
        return _Caller(said, signature.find_key(said, self._keys))

    def _route(
        self, request: signature.SignedRequest, caller: _Caller, progress: _Progress
    ) -> tuple[_Service, Match]:
        """Find service and operation: among the services that the credential is for, or among all."""
        candidates = self._services
        if caller.claim is not None:
            candidates = [one for one in self._services if one.signing_name == caller.claim.service]
            if not candidates:
                names = ", ".join(sorted({one.signing_name for one in self._services}))
                raise ServiceError(
                    "InvalidSignatureException",
                    f"The credential is for a service that is not served here; there are: {names}",
                )
        query = signature.decoded_query(request.query)
        for service in candidates:
            match = service.router.find(request.method, request.path, query, request.header("x-amz-target"))
            if match is not None:
                progress.service, progress.protocol = service, service.router.protocol
                progress.operation = match.operation.name
                return service, match
        raise ServiceError("UnknownOperationException", "No operation has this method and address")

    def _prepare(
        self,
        request: signature.SignedRequest,
        caller: _Caller,
        service: _Service,
        match: Match,
        body: bytes,
        progress: _Progress,
    ) -> tuple[dict[str, Any], Call]:
        """Read the parameters: off the event loop, for bodies may be large."""
        operation = match.operation
        parts = requests.HttpRequest(
            signature.decoded_query(request.query), dict(request.headers), body, match.labels
        )
        try:
            parameters = requests.read(operation, parts, service.router.protocol)
        except requests.RequestError as error:
            raise ServiceError(responses.validation_code(operation), str(error)) from None
        except requests.BodyError as error:
            raise ServiceError("SerializationException", str(error)) from None
        call = Call(
            request_id=progress.request_id,
            account=caller.key.account if caller.key else ACCOUNT,
            region=caller.claim.region if caller.claim else "us-east-1",
            access_key=caller.key.access_key if caller.key else "anonymous",
            service=service.name,
            operation=operation.name,
        )
        return parameters, call

    def _run(
        self, step: Callable[[], tuple[dict[str, Any], Call]], method: Any, match: Match, service: _Service
    ) -> responses.HttpAnswer:
        parameters, call = step()
        output = method(parameters, call)
        return responses.write(match.operation, output, service.router.protocol, service.version)

    def _error(self, progress: _Progress, error: ServiceError) -> responses.HttpAnswer:
        progress.code = error.code
        service = progress.service
        model = service.model if service else self._services[0].model if self._services else None
        version = service.version if service else "1.1"
        try:
            return responses.write_error(model, error, progress.protocol, version)
        except responses.OutputError as fault:  # in the error's own members
            self._observer.failed(progress.request_id, fault)
            error = self._internal(progress)
            progress.code = error.code
            return responses.write_error(model, error, progress.protocol, version)

    def _internal(self, progress: _Progress) -> ServiceError:
        operation = None
        if progress.service and progress.operation != "-":
            operation = progress.service.model.operation_model(progress.operation)
        message = f"The server failed; its log tells more under request {progress.request_id}"
        return ServiceError(responses.fault_code(operation), message)


def _service(name: str, handler: object) -> _Service:
    model = service_model(name)
    methods = {
        operation: getattr(handler, xform_name(operation))
        for operation in model.operation_names
        if hasattr(handler, xform_name(operation))
    }
    return _Service(name, model, Router(model), methods)


def _signed_request(scope: Scope) -> signature.SignedRequest:
    headers = [(name.decode("latin-1").lower(), _text(value)) for name, value in scope["headers"]]
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    return signature.SignedRequest(scope["method"], path, scope["query_string"].decode("latin-1"), headers)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _refuse_other_pages(request: signature.SignedRequest) -> None:
    """Refuse what a web page elsewhere may have sent from this machine's browser, by name or by form."""
    host = request.header("host").rsplit(":", 1)[0] if not request.header("host").endswith("]") else "[::1]"
    if host not in _LOOPBACK or request.header("origin"):
        raise ServiceError(
            "AccessDeniedException", "Unsigned requests are only taken from programs, at a loopback address"
        )


def _body_limit(operation: Any, general: int) -> int:
    """Return the most bytes that a request of an operation may have: more where the model has large blobs."""
    largest = 0
    members = operation.input_shape.members.values() if operation.input_shape else ()
    for member in members:
        if member.type_name == "blob":
            largest = max(largest, int(member.metadata.get("max", 0)))
    return max(general, largest * 4 // 3 + (1 << 20))
