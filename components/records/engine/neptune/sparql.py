"""SPARQL 1.1 Protocol at /sparql, and the list of requests at /sparql/status, as Neptune has them."""

from __future__ import annotations

import asyncio
import contextlib
import html
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from brume.aws.engine.routes import Reply, RouteRequest, SignedRoute
from brume.aws.engine.sandbox import Sandbox
from brume.aws.engine.service import Call
from brume.records.engine.access.audit import DENIED, Audit
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.neptune import shown_documents
from brume.records.engine.neptune.errors import NeptuneError, json_reply
from brume.records.engine.neptune.formats import negotiate
from brume.records.engine.neptune.queries import (
    MOST,
    Queries,
    Query,
    SilentlyCancelledError,
    require_uuid,
)
from brume.records.engine.neptune.settings import GraphSettings
from brume.records.engine.neptune.visible import visible_dataset
from brume.records.model.graph import syntax

SIGNING = "neptune-db"
_FORM, _QUERY, _UPDATE = (
    "application/x-www-form-urlencoded",
    "application/sparql-query",
    "application/sparql-update",
)
_DATASET = {"default-graph-uri": "default_graphs", "named-graph-uri": "named_graphs"}
_REFUSED = ("using-graph-uri", "using-named-graph-uri")
_MODES = ("static", "dynamic", "details")
_MARGIN = 10.0  # seconds that a request may take beyond those of its query
_END = b""
_PAGE = '<!DOCTYPE html>\n<html lang="en"><title>SPARQL explain</title><table>{}</table></html>\n'
_OTHERS = 8  # threads for what is asked about requests while all may wait

Parameters = list[tuple[str, str]]
_Parts = Generator[bytes, None, None]


@dataclass(frozen=True)
class Reading:
    """A job that reads the graph, and the media type of its result.

    `text` is what the list of requests shows, `asked` what the audit has a digest of.
    """

    text: str
    asked: str
    identity: str
    job: Mapping[str, Any]
    media: str
    known: Sequence[str] = ()  # documents that are in the audit already


class Sparql:
    """The routes of SPARQL. They have threads of their own: a query that runs holds up nobody else."""

    def __init__(
        self, queries: Queries, sandbox: Sandbox, limits: GraphSettings, scopes: Scopes, audit: Audit
    ) -> None:
        self._queries, self._sandbox, self._limits = queries, sandbox, limits
        self._scopes, self._audit = scopes, audit
        self.seconds = limits.sparql_seconds + _MARGIN  # that a request may take
        self._pool = ThreadPoolExecutor(MOST + _OTHERS, thread_name_prefix="sparql")

    def routes(self) -> list[SignedRoute]:
        """Return the routes."""
        return [
            SignedRoute(
                SIGNING,
                path,
                "Sparql",
                self.in_pool(self._answer),
                methods=("GET", "POST"),
                seconds=self.seconds,
            )
            for path in ("/sparql", "/sparql/")
        ] + [
            SignedRoute(
                SIGNING, path, "SparqlStatus", self.in_pool(self._status), methods=("GET", "POST", "DELETE")
            )
            for path in ("/sparql/status", "/sparql/status/")
        ]

    def close(self) -> None:
        """End what runs."""
        self._queries.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def in_pool(self, answer: Callable[[RouteRequest, Call], Reply]) -> Any:
        """Return a handler of a route that answers in a thread of SPARQL's own."""

        async def handler(request: RouteRequest, call: Call) -> Reply:
            def run() -> Reply:
                try:
                    return answer(request, call)
                except NeptuneError as error:
                    return error.reply(call)

            return await asyncio.get_running_loop().run_in_executor(self._pool, run)

        return handler

    def _answer(self, request: RouteRequest, call: Call) -> Reply:
        given = _parameters(request)
        query, update = _one(given, "query"), _one(given, "update")
        if (query is None) == (update is None):
            raise NeptuneError("MissingParameterException", "give either the parameter query or update")
        if update is not None and request.method != "POST":  # a link in any web page is a GET
            raise NeptuneError("MethodNotAllowedException", "send updates by POST")
        if refused := [name for name, value in given if name in _REFUSED and value]:
            raise NeptuneError(
                "BadRequestException", f"{refused[0]} is not done here: write USING in the update"
            )
        text = query if query is not None else update
        assert text is not None
        try:
            read = syntax.read(text, update=update is not None)
        except syntax.RefusedError as error:
            self._audit.write(call, self._scopes.of(call), query=text, outcome=DENIED)
            raise NeptuneError("AccessDeniedException", f"Query refused: {error}") from None
        except syntax.RequestError as error:
            raise NeptuneError("MalformedQueryException", f"Malformed query: {error}") from None
        identity, explain = _one(given, "queryId") or "", _one(given, "explain")
        job = self._permitted(read, given, call)
        if explain is not None:
            return self._explain(read, text, identity, explain, job, request, call)
        if read.form == syntax.Form.UPDATE:
            with self._queries.listed(call, text, identity) as listed:
                return self._updated(listed, read)
        name, media = negotiate(request.headers.get("accept", ""), read.form)
        known = shown_documents.named(read.text)
        job = {"job": "query", "format": name, **job}
        return self.read(Reading(text, read.text, identity, job, media, known), call)

    def _permitted(self, read: syntax.Request, given: Parameters, call: Call) -> dict[str, Any]:
        """Return the job of a request, over what its key may see; it is in the audit.

        Raises `NeptuneError` where the key may not make this request at all.
        """
        scope = self._scopes.of(call)
        asked = {
            member: [value for known, value in given if known == name and value]
            for name, member in _DATASET.items()
        }
        documents = shown_documents.named(read.text)
        job: dict[str, Any] = {"text": read.text, "own_dataset": read.own_dataset}
        try:
            job |= visible_dataset(scope, read, **asked)
        except NeptuneError:
            self._audit.write(call, scope, documents, query=read.text, outcome=DENIED)
            raise
        self._audit.write(call, scope, documents, query=read.text)
        return job

    def read(self, reading: Reading, call: Call) -> Reply:
        """Answer with what a job reads of the graph; the documents that it shows are in the audit."""
        job, headers = reading.job, {"content-type": reading.media}
        scope = self._scopes.of(call)
        query = self._queries.enter(call, reading.text, reading.identity, limited=not scope.changes)

        def note(documents: list[str]) -> None:
            self._audit.write(call, scope, documents, query=reading.asked)

        parts = shown_documents.noted(self._listed(query, job), reading.known, note)
        try:
            first = next(parts, _END)
            second = next(parts, _END)
        except SilentlyCancelledError:
            return Reply(200, self._empty(job), headers)
        if not second:
            return Reply(200, first, headers)

        def stop() -> None:
            self._queries.cancel(query, silent=False)

        return Reply(200, _Body(first + second, parts, self._pool, stop), headers)

    def _listed(self, query: Query, job: Mapping[str, Any]) -> _Parts:
        try:
            yield from self._queries.read(query, job)
        finally:
            self._queries.leave(query)

    def _empty(self, job: Mapping[str, Any]) -> bytes:
        _answer, parts = self._sandbox.start({**job, "job": "empty"}).stream(self._limits.sparql_seconds)
        return b"".join(parts)

    def _updated(self, query: Query, read: syntax.Request) -> Reply:
        try:
            job = {"job": "update", "text": read.text}
            took = int(self._queries.change(query, job)["milliseconds"])
        except SilentlyCancelledError:
            took = 0
        clauses = ("connFlush", "batchResolve", "whereClause", "deleteClause", "insertClause")
        event = {"type": "UpdateEvent", "totalElapsedMillis": took, "elapsedMillis": took}
        commit = {"type": "Commit", "totalElapsedMillis": took}
        return json_reply([{**event, **dict.fromkeys(clauses, 0)}, commit])

    def _explain(
        self,
        read: syntax.Request,
        text: str,
        identity: str,
        mode: str,
        job: dict[str, Any],
        request: RouteRequest,
        call: Call,
    ) -> Reply:
        if mode not in _MODES:
            raise NeptuneError("InvalidParameterException", f"explain is one of {', '.join(_MODES)}")
        if read.form == syntax.Form.UPDATE:
            raise NeptuneError(
                "BadRequestException", "an update is not explained here: explain its WHERE as a query"
            )
        limited = not self._scopes.of(call).changes
        with self._queries.listed(call, text, identity, limited=limited) as listed:
            try:
                found = self._queries.ask(listed, {**job, "job": "explain", "mode": mode})
            except SilentlyCancelledError:
                found = {"variables": [], "rows": 0, "milliseconds": 0.0}
            rows = [
                ("Query", listed.id),
                ("Form", str(read.form)),
                ("Variables", " ".join(f"?{name}" for name in found["variables"])),
                ("Evaluation", "joins in the order that the store's optimizer chose, from indexes of quads"),
                ("Results", "not counted (static)" if mode == "static" else str(found["rows"])),
                ("Milliseconds", f"{found['milliseconds']:.1f}"),
            ]
        if "text/html" in request.headers.get("accept", ""):
            lines = "".join(f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
            page = _PAGE.format(lines)
            return Reply(200, page.encode(), {"content-type": "text/html; charset=UTF-8"})
        width = max(len(name) for name, _ in rows)
        plain = "".join(f"{name:<{width}}  {value}\n" for name, value in rows)
        return Reply(200, plain.encode(), {"content-type": "text/plain; charset=UTF-8"})

    def _status(self, request: RouteRequest, call: Call) -> Reply:
        given = _parameters(request)
        identity, others = _one(given, "queryId"), self._scopes.of(call).changes
        cancel = request.method == "DELETE" or any(name == "cancelQuery" for name, _ in given)
        if not identity:
            if cancel:
                raise NeptuneError("MissingParameterException", "cancelQuery needs queryId")
            return json_reply(self._queries.list(call, others=others))
        if cancel:
            identity = require_uuid(identity)
        query = self._queries.find(call, identity, others=others)
        if query is None:
            return Reply(200, b"")
        if not cancel:
            return json_reply(self._queries.describe(query))
        self._queries.cancel(query, silent=(_one(given, "silent") or "").lower() == "true")
        return json_reply(self._queries.list(call, others=others))


class _Body:
    """The rest of a result, read in threads of SPARQL's own; `stop` ends the query that makes it."""

    def __init__(
        self,
        first: bytes,
        parts: Generator[bytes, None, None],
        pool: ThreadPoolExecutor,
        stop: Callable[[], None],
    ) -> None:
        self._first, self._parts, self._pool, self._stop = first, parts, pool, stop

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        try:
            yield self._first
            while part := await loop.run_in_executor(self._pool, next, self._parts, _END):
                yield part
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """End the query, if it has not ended."""
        self._stop()
        with contextlib.suppress(ValueError):  # a thread waits for the next part: it sees that there is none
            await asyncio.get_running_loop().run_in_executor(self._pool, self._parts.close)


def _parameters(request: RouteRequest) -> Parameters:
    """Return the parameters of the address and of the body, whichever of the protocol's forms that has."""
    given = request.form
    if request.method != "POST" or not request.body:
        return given
    kind = request.headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        raise NeptuneError("BadRequestException", "the body is not UTF-8") from None
    if kind == _QUERY:
        return [*given, ("query", text)]
    if kind == _UPDATE:
        return [*given, ("update", text)]
    if kind != _FORM:
        raise NeptuneError(
            "BadRequestException", f"the content type must be one of {_FORM}, {_QUERY} and {_UPDATE}"
        )
    return [*given, *parse_qsl(text, keep_blank_values=True)]


def _one(given: Parameters, name: str) -> str | None:
    return next((value for known, value in given if known == name), None)
