"""How the page of an engine calls operations of its services, for the key of a session."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from brume.aws.engine import pages
from brume.aws.engine.page_sessions import Session
from brume.aws.engine.pages import RefusedError
from brume.aws.engine.service import Call, Engine
from brume.aws.wire.server import dispatch

_MAX_JSON = 1 << 20  # bytes


class PageCalls:
    """Operations of those services of an engine that its page may call."""

    def __init__(self, engine: Engine, services: Collection[str]) -> None:
        self._engine, self._services = engine, services

    async def call(self, request: Request, session: Session) -> Response:
        """Answer a request to {service}/{operation}, with the operation's parameters as JSON."""
        service, operation = request.path_params["service"], request.path_params["operation"]
        parameters = await pages.parameters(request, _MAX_JSON)
        if service not in self._services:
            raise RefusedError(404, "NotFound", "there is no such service")
        return pages.answer_json(plain(await self.dispatch(request, service, operation, parameters, session)))

    async def dispatch(
        self,
        request: Request,
        service: str,
        operation: str,
        parameters: Mapping[str, Any],
        session: Session,
    ) -> dict[str, Any]:
        """Return an operation's output. Raises `RefusedError`, `ServiceError`."""
        call = Call(request.state.number, session.account, _region(), session.access_key, service, operation)
        try:
            return await dispatch(self._engine, service, operation, parameters, call)
        except KeyError as error:
            raise RefusedError(404, "NotFound", f"there is no operation {operation}") from error


def _region() -> str:
    """Return the region of what is made on the page: that of this machine's other clients."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def plain(value: Any) -> Any:
    """Return an answer as JSON has it: times as seconds since the epoch, without members that are None."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
