"""Serves the services of an engine over HTTP, each by its botocore service model.

    application = create_app(engine, keys=keys.load(path))

`/healthz`, `/readyz` and `/metrics` are answered without a signature (`brume.aws.wire.health`), and so are
the engine's own pages, which check access themselves; everything else goes through `brume.aws.wire.gateway`.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from botocore import xform_name
from botocore.model import OperationNotFoundError
from starlette.applications import Starlette
from starlette.types import ASGIApp

from brume.aws.client import service_model
from brume.aws.engine.service import Call, Engine, ServiceError
from brume.aws.wire import health, reading, requests, responses
from brume.aws.wire.gateway import Gateway
from brume.aws.wire.health import Failed
from brume.aws.wire.keys import Key
from brume.aws.wire.limits import Limits
from brume.aws.wire.served import Served

__all__ = [
    "Call",
    "Engine",
    "Failed",
    "Limits",
    "Served",
    "ServiceError",
    "create_app",
    "create_apps",
    "dispatch",
]


def create_app(engine: Engine, *, keys: Mapping[str, Key] | None, limits: Limits | None = None) -> ASGIApp:
    """Return the ASGI application of one engine. `keys` are the accepted ones; None: nobody has to sign.

    Without signatures, only requests that name a loopback host and come from no web page are answered: a page
    in this machine's browser could send them too. Raises `ValueError` for a protocol that is not spoken here.
    """
    return create_apps([Served("", engine, limits or Limits())], keys=keys, limits=limits)


def create_apps(
    served: Sequence[Served],
    *,
    keys: Mapping[str, Key] | None,
    limits: Limits | None = None,
    failed: Sequence[Failed] = (),
) -> ASGIApp:
    """Return the ASGI application of several engines on one port, and of those that did not start.

    Which engine a request is for is known from the service in its credential, or from its route. Raises
    `ValueError` when two engines answer for the same service or the same page.
    """
    _refuse_twice([name for one in served for name in sorted(one.signing_names)], "the service")
    paths = [{str(getattr(page, "path", "")) for page in one.engine.pages} for one in served]
    _refuse_twice([path for of_one in paths for path in sorted(of_one)], "the page")
    absent = {name: one.message for one in failed for name in one.signing_names}
    gateway = Gateway(served, keys, limits, absent=absent)

    @contextlib.asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(gateway.close)

    pages = [page for one in served for page in one.engine.pages]
    application = Starlette(routes=[*health.routes(served, failed), *pages], lifespan=lifespan)
    application.router.default = gateway
    application.router.redirect_slashes = False  # it would name whatever host the request named
    return application


def _refuse_twice(names: list[str], what: str) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two engines answer for {what} {', '.join(sorted(twice))}: start one of them")


async def dispatch(
    engine: Engine, service: str, operation: str, request: Mapping[str, Any], call: Call
) -> dict[str, Any]:
    """Call an operation as a request of `call` would, from a page of the engine; returns what the method did.

    `request` has Python's values: bytes for blobs, datetimes or seconds for times. Raises `ServiceError` as
    the operation does, also for parameters that do not fit, and `KeyError` for an unknown operation.
    """
    try:
        shape = service_model(service).operation_model(operation)
    except OperationNotFoundError:
        raise KeyError(operation) from None
    method = getattr(engine.services[service], xform_name(operation), None)
    if method is None:
        raise KeyError(operation)
    try:
        checked = reading.check(shape.input_shape, request) if shape.input_shape else {}
    except requests.RequestError as error:
        raise ServiceError(responses.validation_code(shape), str(error)) from None
    if inspect.iscoroutinefunction(method):
        return dict(await method(checked, call) or {})
    return dict(await asyncio.to_thread(method, checked, call) or {})
