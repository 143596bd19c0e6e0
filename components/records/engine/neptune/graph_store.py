"""The Graph Store Protocol at /sparql/gsp/: reads, replaces, adds to and deletes one graph.

As in Neptune, the default graph is read as the union of all graphs, and graphs that a body of N-Quads names
are written as the one that the address names. What a request writes to the default graph goes to Neptune's
`DefaultNamedGraph`. Source: SPARQL 1.1 Graph Store HTTP Protocol, section 5.
"""

from __future__ import annotations

import base64
from typing import Any

from pyoxigraph import NamedNode

from brume.aws.engine.routes import Reply, RouteRequest, SignedRoute
from brume.aws.engine.service import Call
from brume.records.engine.access.audit import ANSWERED, DENIED, Audit
from brume.records.engine.access.scopes import Scope, Scopes
from brume.records.engine.neptune import shown_documents
from brume.records.engine.neptune.errors import NeptuneError
from brume.records.engine.neptune.formats import negotiate, of_body
from brume.records.engine.neptune.queries import Queries, SilentlyCancelledError
from brume.records.engine.neptune.query_process import absent
from brume.records.engine.neptune.sparql import SIGNING, Reading, Sparql
from brume.records.engine.neptune.visible import require_change, visible_dataset
from brume.records.model.graph import fallback, syntax

_ALL = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
_MOST = 16 << 20  # bytes of a body: the loader takes larger ones


class GraphStore:
    """The routes of the protocol, which wait and run among SPARQL's requests."""

    def __init__(self, sparql: Sparql, queries: Queries, scopes: Scopes, audit: Audit) -> None:
        self._sparql, self._queries = sparql, queries
        self._scopes, self._audit = scopes, audit

    def routes(self) -> list[SignedRoute]:
        """Return the routes."""
        return [
            SignedRoute(
                SIGNING,
                path,
                "SparqlGraphStore",
                self._sparql.in_pool(self._answer),
                methods=("GET", "HEAD", "PUT", "POST", "DELETE"),
                max_body=_MOST,
                seconds=self._sparql.seconds,
            )
            for path in ("/sparql/gsp", "/sparql/gsp/")
        ]

    def _answer(self, request: RouteRequest, call: Call) -> Reply:
        graph = _graph(request)
        asked = f"{request.method} {graph or 'default'}"
        scope = self._scopes.of(call)
        if request.method in ("GET", "HEAD"):
            return self._read(request, graph, asked, scope, call)
        return self._change(request, graph or fallback.DEFAULT, asked, scope, call)

    def _read(self, request: RouteRequest, graph: str, asked: str, scope: Scope, call: Call) -> Reply:
        form = syntax.Form.CONSTRUCT
        name, media = negotiate(request.headers.get("accept", ""), form)
        dataset = visible_dataset(scope, syntax.Request(_ALL, form), [graph] if graph else [], [])
        hidden = dataset["limited"] and graph and not dataset["default_graphs"]
        outcome = DENIED if hidden else ANSWERED
        known = shown_documents.of_addresses([graph])
        self._audit.write(call, scope, known, query=asked, outcome=outcome)
        if hidden:  # no answer says whether it is there
            raise NeptuneError(*absent(graph))
        job: dict[str, Any] = {"text": _ALL, "own_dataset": False, "format": name, **dataset}
        job |= {"job": "graph", "graph": graph} if graph else {"job": "query"}
        return self._sparql.read(Reading(asked, asked, "", job, media, known), call)

    def _change(self, request: RouteRequest, graph: str, asked: str, scope: Scope, call: Call) -> Reply:
        job: dict[str, Any] = {"job": "put", "graph": graph, "format": ""}
        outcome = ANSWERED if scope.changes else DENIED
        self._audit.write(call, scope, shown_documents.of_addresses([graph]), query=asked, outcome=outcome)
        require_change(scope)
        if request.method != "DELETE":
            try:
                job["format"] = of_body(request.headers.get("content-type", ""))
            except ValueError as error:
                raise NeptuneError("UnsupportedMediaTypeException", str(error)) from None
            job |= {"data": base64.b64encode(request.body).decode(), "replace": request.method == "PUT"}
        with self._queries.listed(call, asked, "") as listed:
            try:
                existed = self._queries.change(listed, job)["existed"]
            except SilentlyCancelledError:
                return Reply(204)
        return Reply(204 if existed else 201)


def _graph(request: RouteRequest) -> str:
    """Return the address of the graph that a request names, "" for the default one."""
    given = [(name, value) for name, value in request.form if name in ("default", "graph")]
    if len(given) != 1:
        raise NeptuneError("BadRequestException", "name one graph: ?default, or ?graph= with its address")
    ((name, value),) = given
    if name == "default":
        return ""
    try:
        return NamedNode(value).value
    except ValueError:
        raise NeptuneError(
            "InvalidParameterException", "graph must be an absolute IRI, percent-encoded in the address"
        ) from None
