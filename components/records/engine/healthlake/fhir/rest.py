"""FHIR R4's REST of a data store as signed routes below /datastore/ID/r4/.

Each answer is of what the caller may see, and is in the audit with the ids that it shows. Errors are
OperationOutcomes, also where the data store is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import Connection

from brume.aws.engine.routes import Reply, RouteRequest, SignedRoute
from brume.aws.engine.service import Call, ServiceError
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.healthlake import common, unseen
from brume.records.engine.healthlake.fhir import bundle, capability, reading, replies, writing
from brume.records.engine.healthlake.fhir.access import Access, preferences, require_json
from brume.records.engine.healthlake.fhir.search import search
from brume.records.engine.healthlake.fhir.writing import Change
from brume.records.engine.healthlake.store import FhirStore, Version, Writing
from brume.records.model.fhir import body, checks, query
from brume.records.model.fhir.errors import FhirError, refused

_BASE = "/datastore/{datastore}/r4"
_BUNDLE = 50 << 20  # bytes
_FORM = "application/x-www-form-urlencoded"
_CODES = {403: "forbidden", 404: "not-found", 409: "conflict", 429: "throttled"}

Work = Callable[[RouteRequest, Access], Reply]


@dataclass(frozen=True)
class _Route:
    """One address: its methods, the name in logs and in the audit, and what answers it."""

    methods: tuple[str, ...]
    path: str
    name: str
    work: Work
    max_body: int = 11 << 20


class Rest:
    """The routes. `changed` is called with a data store's id after its resources were changed."""

    def __init__(self, fhir: FhirStore, scopes: Scopes, audit: Audit, changed: Callable[[str], None]) -> None:
        self._fhir, self._scopes, self._audit, self._changed = fhir, scopes, audit, changed

    def routes(self) -> list[SignedRoute]:
        """Return the routes, which go behind those of $export: the last ones take every other address."""
        either = ("$everything", "%24everything")
        listed = [
            _Route(("GET",), "/metadata", "FhirCapabilities", self._capabilities),
            *(_Route(("POST",), path, "FhirBundle", self._bundle, _BUNDLE) for path in ("", "/")),
            _Route(("GET",), "/_history", "FhirHistory", self._history),
            _Route(("GET",), "/{type}/_history", "FhirHistory", self._history),
            _Route(("GET",), "/{type}/{id}/_history", "FhirHistory", self._history),
            _Route(("GET",), "/{type}/{id}/_history/{version}", "FhirReadVersion", self._read),
            *(
                _Route(("GET",), f"/Patient/{{id}}/{name}", "FhirEverything", self._everything)
                for name in either
            ),
            _Route(("POST",), "/{type}/_search", "FhirSearch", self._search),
            _Route(("GET",), "/{type}/{id}", "FhirRead", self._read),
            _Route(("PUT",), "/{type}/{id}", "FhirUpdate", self._update),
            _Route(("DELETE",), "/{type}/{id}", "FhirDelete", self._delete),
            _Route(("GET",), "/{type}", "FhirSearch", self._search),
            _Route(("POST",), "/{type}", "FhirCreate", self._create),
            _Route(("PUT",), "/{type}", "FhirUpdate", self._update),
            _Route(("DELETE",), "/{type}", "FhirDelete", self._delete),
        ]
        others = ("GET", "POST", "PUT", "PATCH", "DELETE")
        listed += [_Route(others, path, "FhirUnknown", _unknown) for path in ("", "/{rest+}")]
        return [
            SignedRoute(
                common.SIGNING,
                _BASE + one.path,
                one.name,
                self._answering(one.work),
                methods=one.methods,
                max_body=one.max_body,
            )
            for one in listed
        ]

    def _answering(self, work: Work) -> Callable[[RouteRequest, Call], Reply]:
        def handler(request: RouteRequest, call: Call) -> Reply:
            try:
                scope = self._scopes.of(call)
                with self._fhir.store.read() as db:
                    row = common.datastore_row(db, call, request.labels["datastore"], active=True)
                prefer = preferences(request.headers.get("prefer", ""))
                access = Access(call, scope, row.id, common.endpoint(call, row.id), prefer)
                form = request.headers.get("content-type", "").startswith(_FORM)
                require_json(request.headers, body=bool(request.body) and not form)
                return work(request, access)
            except FhirError as error:
                if error.status == 404:
                    labels = request.labels
                    self._unseen(access, [(labels.get("type", ""), labels.get("id", ""))])
                return replies.of_error(error)
            except ServiceError as error:
                status = error.status or (404 if error.code == "ResourceNotFoundException" else 400)
                code = _CODES.get(status, "invalid")
                return replies.of_error(refused(status, code, error.message))
            except LookupError as error:  # a data store that was deleted meanwhile
                return replies.of_error(refused(404, "not-found", str(error)))

        return handler

    def _capabilities(self, _request: RouteRequest, access: Access) -> Reply:
        return replies.of_json(200, capability.statement(access.base))

    def _read(self, request: RouteRequest, access: Access) -> Reply:
        access.require_reader()
        kind, identity, version = request.labels["type"], request.labels["id"], request.labels.get("version")
        with self._fhir.store.read() as db:
            if version is None:
                found = reading.read(db, access, kind, identity)
            else:
                found = reading.read_version(db, access, kind, identity, version)
        self._shown(access, [found])
        if request.headers.get("if-none-match", "") == replies.etag(found):
            return Reply(304, b"", {"etag": replies.etag(found)})
        return replies.of_version(found)

    def _history(self, request: RouteRequest, access: Access) -> Reply:
        access.require_reader()
        labels = request.labels
        with self._fhir.store.read() as db:
            found, shown = reading.history(
                db, access, labels.get("type", ""), labels.get("id", ""), request.form
            )
        self._shown(access, shown, request.form)
        return replies.of_json(200, found)

    def _everything(self, request: RouteRequest, access: Access) -> Reply:
        access.require_reader()
        with self._fhir.store.read() as db:
            found, shown = reading.everything(db, access, request.labels["id"], request.form)
        self._shown(access, shown, request.form)
        return replies.of_json(200, found)

    def _search(self, request: RouteRequest, access: Access) -> Reply:
        access.require_reader()
        given = [*request.form, *_form(request)]
        checks.require_type(request.labels["type"])
        wanted = query.read(request.labels["type"], given, lenient=access.lenient)
        with self._fhir.store.read() as db:
            found, shown = search(db, access, wanted)
        self._shown(access, shown, [("type", wanted.type), *given])
        return replies.of_json(200, found)

    def _create(self, request: RouteRequest, access: Access) -> Reply:
        _require_no_condition(request, "create under a condition by the header If-None-Exist")
        kind, resource = self._resource(request, access)
        return self._changing(
            access, lambda changes: writing.creation(changes, access, kind, resource, request.headers)
        )

    def _update(self, request: RouteRequest, access: Access) -> Reply:
        identity = request.labels.get("id")
        if identity is not None:
            _require_no_condition(request, "leave out the id to update what a search finds")
        kind, resource = self._resource(request, access)

        def planned(changes: Writing) -> Change:
            if identity is None:
                condition = request.query_string
                return writing.replacement_by_search(
                    changes, access, kind, condition, resource, request.headers
                )
            return writing.replacement(changes, access, kind, identity, resource, request.headers)

        return self._changing(access, planned)

    def _delete(self, request: RouteRequest, access: Access) -> Reply:
        access.require_writer()
        kind, identity = request.labels["type"], request.labels.get("id")
        checks.require_type(kind)
        if identity is not None:
            _require_no_condition(request, "leave out the id to delete what a search finds")

        def planned(changes: Writing) -> Change:
            if identity is None:
                return writing.removal_by_search(changes, access, kind, request.query_string)
            return writing.removal(changes, access, kind, identity, request.headers)

        return self._changing(access, planned)

    def _bundle(self, request: RouteRequest, access: Access) -> Reply:
        access.require_reader()
        given = body.read(request.body)

        def shown(versions: Sequence[Version], db: Connection | None) -> None:
            self._audit.write(access.call, access.scope, _names(versions), db=db)

        def missed(resources: Sequence[tuple[str, str]]) -> None:
            self._unseen(access, resources)

        means = bundle.Means(lambda: self._writing(access), self._fhir.store.read, shown, missed)
        return replies.of_json(200, bundle.run(means, access, given))

    def _resource(self, request: RouteRequest, access: Access) -> tuple[str, dict[str, Any]]:
        """Return type and content of the resource of a request. Raises `FhirError`."""
        access.require_writer()
        kind = request.labels["type"]
        checks.require_type(kind)
        return kind, checks.check(body.read(request.body), kind)

    def _changing(self, access: Access, planned: Callable[[Writing], Change]) -> Reply:
        """Plan a change and do it in one transaction, with its row of the audit."""
        with self._writing(access) as changes:
            change = planned(changes)
            version = writing.apply(changes, change)
            self._audit.write(access.call, access.scope, _names([version] if version else []), db=changes.db)
        if version is None or version.deleted:
            return Reply(204, b"", {"etag": replies.etag(version)} if version else {})
        return replies.of_change(access, version, change.status)

    @contextmanager
    def _writing(self, access: Access) -> Iterator[Writing]:
        with self._fhir.writing(access.datastore) as changes:
            before = changes.sequence
            yield changes
        if changes.sequence != before:
            self._changed(access.datastore)

    def _unseen(self, access: Access, resources: Sequence[tuple[str, str]]) -> None:
        unseen.write(self._audit, self._fhir, access.call, access.scope, access.datastore, resources)

    def _shown(
        self, access: Access, versions: Sequence[Version], given: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Write what an answer shows into the audit, with a digest of what was asked."""
        self._audit.write(access.call, access.scope, _names(versions), query=urlencode(list(given)))


def _names(versions: Sequence[Version]) -> list[str]:
    return [f"{one.type}/{one.id}" for one in versions]


def _require_no_condition(request: RouteRequest, instead: str) -> None:
    """Raise `FhirError` for parameters of a change that would be passed over, as a condition would be."""
    given = sorted({name for name, _ in request.form} - {"_format", "_pretty"})
    if given:
        raise refused(400, "not-supported", f"{', '.join(given)}: no parameters of a change; {instead}")


def _form(request: RouteRequest) -> list[tuple[str, str]]:
    """Return the parameters in the body of a POST. Raises `FhirError` (415) for another form."""
    if request.method != "POST" or not request.body.strip():
        return []
    if not request.headers.get("content-type", "").startswith(_FORM):
        raise refused(415, "not-supported", f"the parameters of a search are {_FORM}, or in the address")
    try:
        return parse_qsl(request.body.decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        raise refused(400, "structure", "the body is not UTF-8") from None


def _unknown(request: RouteRequest, _access: Access) -> Reply:
    status = 405 if request.method in ("PATCH", "PUT", "DELETE") else 404
    raise refused(status, "not-supported", f"{request.method} is not done at this address: see metadata")
