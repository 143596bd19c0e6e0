"""Takes an AWS request from HTTP to the engine's method and back by a list of handlers."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from brume.aws.engine.routes import SocketRoute
from brume.aws.engine.service import ServiceError
from brume.aws.wire import handlers, responses, sockets, streams
from brume.aws.wire.bodies import Bodies
from brume.aws.wire.context import Context, signed_request
from brume.aws.wire.keys import Key
from brume.aws.wire.limits import Limits
from brume.aws.wire.observe import Observer
from brume.aws.wire.protocols import guess
from brume.aws.wire.served import Served
from brume.aws.wire.writing import OutputError

_VERIFIERS = 2  # threads

# The path of a request, in this order; each handler can refuse it.
HANDLERS: tuple[Callable[[Gateway, Context], Awaitable[None]], ...] = (
    handlers.identify_caller,
    handlers.find_operation,
    handlers.find_method,
    handlers.require_place,
    handlers.read_body,
    handlers.verify_signature,
    handlers.run,  # parse_parameters, call_method, serialize_output
)


class Gateway:
    """The ASGI application that answers AWS requests, for one engine or several."""

    def __init__(
        self,
        served: Sequence[Served],
        keys: Mapping[str, Key] | None,
        limits: Limits | None = None,
        *,
        absent: Mapping[str, str] | None = None,
    ) -> None:
        """`keys` None lets every request in unsigned. `absent` are reasons, by signing name of a service."""
        limits = limits or Limits()
        self.served = list(served)
        self.keys = keys
        self.takes_unsigned = any(one.unsigned for one in served)
        self.bodies = Bodies(
            seconds=limits.body_seconds, grace=limits.body_grace, rate=limits.body_rate, most=limits.bodies
        )
        self.verifiers = ThreadPoolExecutor(_VERIFIERS, thread_name_prefix="verifier")
        self._absent = absent or {}
        services = [service for one in self.served for service in one.services]
        self._protocols = frozenset[str]().union(*(service.router.protocols for service in services))
        # What is refused before its engine is known counts for the first.
        self._observer = self.served[0].observer if self.served else Observer(CollectorRegistry())

    def close(self) -> None:
        """Wait for the operations that still run, and close the engines."""
        self.verifiers.shutdown(wait=True, cancel_futures=True)
        for one in self.served:
            one.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = signed_request(scope)
        async with contextlib.AsyncExitStack() as release:
            context = Context(scope, receive, request, release, guess(request, self._protocols))
            try:
                if scope["type"] == "websocket":
                    await self._socket(context, send)
                else:
                    await self._answer(context, send)
            except (ClientDisconnect, ConnectionError):
                return  # nobody is there to read it

    async def _answer(self, context: Context, send: Send) -> None:
        try:
            for handler in HANDLERS:
                await handler(self, context)
        except (ClientDisconnect, ConnectionError):
            raise
        except Exception as error:
            self._refuse(context, error)
        assert context.answer is not None
        context.answer.headers["x-amzn-requestid"] = context.request_id
        try:
            await streams.send(context, send)
        except ServiceError as error:  # in the middle of a stream
            context.code = error.code
        except (ClientDisconnect, ConnectionError):
            context.code = "ClientDisconnected"
            raise
        except Exception as error:
            self._failed(context, error)
            context.code = "InternalFailure"
            raise ConnectionAbortedError from None
        finally:
            self._log(context, context.answer.status)

    async def _socket(self, context: Context, send: Send) -> None:
        try:
            for handler in HANDLERS[:-1]:
                await handler(self, context)
        except Exception as error:
            self._refuse(context, error)
            assert context.answer is not None
            await sockets.refuse(context, send)
            self._log(context, context.answer.status)
            return
        assert isinstance(context.route, SocketRoute)
        try:
            await sockets.run(context, send)
        except ConnectionError:
            context.code = "ClientDisconnected"
        except Exception as error:
            self._failed(context, error)
            context.code = "InternalFailure"
        finally:
            self._log(context, 101)

    def unknown_service(self, name: str) -> ServiceError:
        """Return the error for a credential of a service that is not served here."""
        if name in self._absent:
            return ServiceError("ServiceUnavailableException", self._absent[name])
        names = ", ".join(sorted({name for one in self.served for name in one.signing_names}))
        return ServiceError(
            "InvalidSignatureException",
            f"The credential is for a service that is not served here; there are: {names}",
        )

    def observer(self, context: Context) -> Observer:
        """Return the observer of the engine that a request is for."""
        return context.served.observer if context.served else self._observer

    def _log(self, context: Context, status: int) -> None:
        self.observer(context).answered(
            context.request_id,
            context.service_name,
            context.operation_name,
            status,
            context.seconds,
            context.code,
        )

    def _failed(self, context: Context, error: Exception) -> None:
        self.observer(context).failed(context.request_id, error)

    def _refuse(self, context: Context, error: Exception) -> None:
        """Make the answer for an error, in the form that the client of this request reads."""
        context.stream = None
        if not isinstance(error, ServiceError):
            self._failed(context, error)
            error = self._internal(context)
        try:
            context.answer = self._error_answer(context, error)
        except OutputError as fault:  # in the error's own members
            self._failed(context, fault)
            context.answer = self._error_answer(context, self._internal(context))

    def _error_answer(self, context: Context, error: ServiceError) -> responses.HttpAnswer:
        context.code = error.code
        service = context.service
        model: Any = service.model if service else None
        if service is None and context.route is None:  # refused before it was known
            model = next((one.model for served in self.served for one in served.services), None)
        return context.protocol.write_error(model, error, context.request_id)

    def _internal(self, context: Context) -> ServiceError:
        message = f"The server failed; its log has more under request {context.request_id}"
        return ServiceError(responses.fault_code(context.operation), message)
