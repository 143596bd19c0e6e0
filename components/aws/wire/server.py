"""Serves the services of an engine over HTTP, each by its botocore service model.

    application = create_app(engine, keys=keys.load(path))

`/healthz`, `/readyz` and `/metrics` are answered without a signature, and so are the engine's own pages,
which keep their own door; everything else goes through `brume.aws.wire.gateway`.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Mapping
from typing import Any

from botocore import xform_name
from botocore.model import OperationNotFoundError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from brume.aws.client import service_model
from brume.aws.engine.service import Call, Engine, ServiceError
from brume.aws.wire import requests, responses
from brume.aws.wire.gateway import Gateway, Limits
from brume.aws.wire.keys import Key

__all__ = ["Call", "Engine", "Limits", "ServiceError", "create_app", "dispatch"]


def create_app(engine: Engine, *, keys: Mapping[str, Key] | None, limits: Limits | None = None) -> ASGIApp:
    """Return the ASGI application. `keys` are the accepted ones; None means that nobody has to sign.

    Without signatures, only requests that name a loopback host and come from no web page are answered: a page
    in this machine's browser could send them too. Raises `ValueError` for a protocol that is not spoken here.
    """
    gateway = Gateway(engine, keys, limits or Limits())

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_request: Request) -> Response:
        why = await asyncio.to_thread(engine.ready)
        told = {"ready": not why} | ({"reason": why} if why else {})
        return JSONResponse(told, status_code=503 if why else 200)

    async def metrics(_request: Request) -> Response:
        text = await asyncio.to_thread(generate_latest, engine.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    @contextlib.asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(gateway.close)
            await asyncio.to_thread(engine.close)

    own = [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)]
    application = Starlette(routes=[*own, *engine.pages], lifespan=lifespan)
    application.router.default = gateway
    application.router.redirect_slashes = False  # it would name whatever host the request named
    return application


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
        checked = requests.check(shape.input_shape, request) if shape.input_shape else {}
    except requests.RequestError as error:
        raise ServiceError(responses.validation_code(shape), str(error)) from None
    if inspect.iscoroutinefunction(method):
        return dict(await method(checked, call) or {})
    return dict(await asyncio.to_thread(method, checked, call) or {})
