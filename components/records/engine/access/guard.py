"""Refuses, before an operation or a route runs, what the key of the request may not do (`policy`)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from botocore import xform_name

from brume.aws.client import service_model
from brume.aws.engine.resources import Mounted
from brume.aws.engine.routes import Reply, SignedRoute
from brume.aws.engine.service import Call
from brume.records.engine.access.audit import DENIED, Audit
from brume.records.engine.access.policy import Need, need
from brume.records.engine.access.scopes import RefusedError, Scopes, denied


class Guard:
    """Wraps the operations and routes of a service; a refusal is in the audit."""

    def __init__(self, scopes: Scopes, audit: Audit) -> None:
        self._scopes, self._audit = scopes, audit

    def operations(self, service: str, mounted: object) -> Mounted:
        """Return the operations, with a check before those that not every key may ask for."""
        names = {xform_name(name): name for name in service_model(service).operation_names}
        return Mounted(
            {
                method: self._checked(need(service, names[method]), run)
                for method, run in vars(mounted).items()
                if method in names
            }
        )

    def routes(self, service: str, routes: Sequence[SignedRoute]) -> list[SignedRoute]:
        """Return the routes, with a check before those that not every key may ask for."""
        return [
            replace(route, handler=self._checked(need(service, route.name), route.handler))
            for route in routes
        ]

    def require(self, needed: Need, call: Call) -> None:
        """Raise `ServiceError` where the key of a call may not do what needs this."""
        scope = self._scopes.of(call)
        allowed = {Need.CHANGE: scope.changes, Need.ADMINISTER: scope.administers}
        if not allowed.get(needed, True):
            raise denied(
                f"The access key of this request has the role {scope.role} in the server's file of rights "
                f"(BRUME_RECORDS_ACCESS); {call.operation} needs {needed}"
            )

    def _refused(self, call: Call, documents: Iterable[str] = ()) -> None:
        self._audit.write(call, self._scopes.of(call), documents, outcome=DENIED)

    def _checked(self, needed: Need, run: Callable[..., Any]) -> Callable[..., Any]:
        if needed == Need.ANY or (needed == Need.READ and inspect.iscoroutinefunction(run)):
            return run  # SPARQL, which runs in threads of its own, writes its refusals itself
        if inspect.iscoroutinefunction(run):
            raise TypeError(f"an operation that needs {needed} runs in a thread: a check reads the database")

        @functools.wraps(run)
        def checked(request: Any, call: Call) -> Any:
            try:
                self.require(needed, call)
                answer = run(request, call)
            except RefusedError as error:
                if not error.audited:
                    self._refused(call, error.documents)
                raise
            if isinstance(answer, Reply) and answer.status == HTTPStatus.FORBIDDEN:
                self._refused(call)
            return answer

        return checked
