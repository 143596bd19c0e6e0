"""Neptune's raw HTTP where it takes more than its model: forms, booleans in words, other addresses.

These routes go before the operations of the same address, and call the same methods: "TRUE" for true, no
iamRoleArn, `?loadId=`, a form in place of JSON, and /rdf and /pg for /sparql and /propertygraph.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from brume.aws.engine.routes import Reply, RouteRequest, SignedRoute
from brume.aws.engine.service import Call, ServiceError
from brume.records.engine.neptune.errors import JSON, NeptuneError
from brume.records.engine.neptune.loader import Loader
from brume.records.engine.neptune.sparql import SIGNING
from brume.records.engine.neptune.statistics import Statistics
from brume.records.engine.neptune.system import System

_FLAGS = (
    "failOnError",
    "queueRequest",
    "updateSingleCardinalityProperties",
    "userProvidedEdgeIds",
    "edgeOnlyLoad",
    "details",
    "errors",
    "includeQueuedLoads",
)

Answer = Callable[[dict[str, Any], Call], Mapping[str, Any]]


def routes(loader: Loader, system: System, rdf: Statistics, pg: Statistics) -> list[SignedRoute]:
    """Return the routes."""

    def listed(given: dict[str, Any], call: Call) -> Mapping[str, Any]:
        return (loader.get_loader_job_status if given.get("loadId") else loader.list_loader_jobs)(given, call)

    def cancelled(given: dict[str, Any], call: Call) -> Mapping[str, Any]:
        if not given.get("loadId"):
            raise NeptuneError("MissingParameterException", "loadId is required")
        return loader.cancel_loader_job(given, call)

    made = [
        _route("/loader", "StartLoaderJob", "POST", loader.start_loader_job),
        _route("/loader", "GetLoaderJobStatus", "GET", listed),
        _route("/loader", "CancelLoaderJob", "DELETE", cancelled),
        _route("/system", "ExecuteFastReset", "POST", system.execute_fast_reset),
    ]
    for name, kind, statistics in (("rdf", "Sparql", rdf), ("pg", "Propertygraph", pg)):
        made += _of_statistics(f"/{name}/statistics", kind, statistics)
    return made


def _of_statistics(path: str, kind: str, statistics: Statistics) -> list[SignedRoute]:
    def got(_given: dict[str, Any], call: Call) -> Mapping[str, Any]:
        return {"status": "200 OK", "payload": statistics.describe(call)}

    def managed(given: dict[str, Any], call: Call) -> Mapping[str, Any]:
        return statistics.manage(given.get("mode"), call)

    def summary(given: dict[str, Any], call: Call) -> Mapping[str, Any]:
        return {"status": "200 OK", "payload": statistics.summary(given.get("mode"), call)}

    return [
        _route(path, f"Get{kind}Statistics", "GET", got),
        _route(path, f"Manage{kind}Statistics", "POST", managed),
        _route(path, f"Delete{kind}Statistics", "DELETE", lambda _given, _call: statistics.delete()),
        _route(f"{path}/summary", f"Get{kind}Summary", "GET", summary),
    ]


def _route(path: str, name: str, method: str, answer: Answer) -> SignedRoute:
    def handler(request: RouteRequest, call: Call) -> Reply:
        try:
            found = answer(_parameters(request), call)
        except NeptuneError as error:
            return error.reply(call)
        except ServiceError as error:
            return NeptuneError(error.code, error.message).reply(call)
        return Reply(200, json.dumps(found, default=_written).encode(), JSON)

    return SignedRoute(SIGNING, path, name, handler, methods=(method,), max_body=1 << 20, first=True)


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not written")


def _parameters(request: RouteRequest) -> dict[str, Any]:
    """Return the parameters of address and body as an operation takes them."""
    given: dict[str, Any] = dict(request.form)
    if request.body.strip():
        try:
            text = request.body.decode()
            if "json" in request.headers.get("content-type", "") or text.lstrip().startswith("{"):
                body = json.loads(text)
                if not isinstance(body, dict):
                    raise ValueError("not an object")
                given |= body
            else:
                given |= dict(parse_qsl(text, keep_blank_values=True))
        except ValueError:
            raise NeptuneError(
                "BadRequestException", "the body is neither a JSON object nor a form"
            ) from None
    for name in _FLAGS:
        if isinstance(given.get(name), str):
            given[name] = given[name].lower() == "true"
    for name in ("page", "errorsPerPage", "limit"):
        if name in given:
            try:
                given[name] = int(given[name])
            except (TypeError, ValueError):
                raise NeptuneError("InvalidParameterException", f"{name} is not a number") from None
    return given
