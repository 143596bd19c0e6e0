"""Transactions, which are done whole or not at all, and batches, whose entries are on their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import Connection

from brume.records.engine.healthlake.fhir import reading, replies, writing
from brume.records.engine.healthlake.fhir.access import Access
from brume.records.engine.healthlake.fhir.search import first, search
from brume.records.engine.healthlake.fhir.writing import Change
from brume.records.engine.healthlake.store import Version, Writing
from brume.records.model.fhir import bundles, checks, query
from brume.records.model.fhir.bundles import Entry
from brume.records.model.fhir.errors import Fault, FhirError, refused

Done = tuple[dict[str, Any], list[Version]]  # an entry of the answer, and the versions that it shows

_NOTHING = Change("", "")


@dataclass(frozen=True)
class Means:
    """What a bundle is done with.

    `writing` begins a transaction that alone may write, `reading` one that reads. `shown` writes versions
    that the answer shows into the audit, in a transaction if one is given; `missed` types and ids that were
    not found.
    """

    writing: Callable[[], AbstractContextManager[Writing]]
    reading: Callable[[], AbstractContextManager[Connection]]
    shown: Callable[[list[Version], Connection | None], None]
    missed: Callable[[list[tuple[str, str]]], None]


def run(means: Means, access: Access, bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Do a bundle and return the Bundle of its answers, in the order of the requests.

    Raises `FhirError`, whose expressions name the entries: of a transaction nothing is done then.
    """
    kind, entries = bundles.entries(bundle)
    if any(one.method != "GET" for one in entries):
        access.require_writer()
    if kind == "transaction":
        with means.writing() as changes:
            done = _entries(changes, access, entries, resolve=True)
            means.shown([one for _, shown in done for one in shown], changes.db)
    else:
        done = _batch(means, access, entries)
    return replies.bundle(f"{kind}-response", [answer for answer, _ in done])


def _batch(means: Means, access: Access, entries: list[Entry]) -> list[Done]:
    """Do the entries of a batch: each change in a transaction of its own, reads in a row in one.

    Their row of the audit is one as well: thousands would each wait until they are on the disk.
    """
    done: list[Done] = []
    for reads, some in itertools.groupby(entries, lambda one: one.method == "GET"):
        if not reads:
            done += [_alone(means, access, one) for one in some]
            continue
        with means.reading() as db:
            found = [_tried(db, access, one) for one in some]
        if any("outcome" not in answer["response"] for answer, _ in found):
            means.shown([version for _, shown in found for version in shown], None)
        done += found
    statuses = [answer["response"]["status"] for answer, _ in done]
    if missed := [
        (one.path[0], one.path[1] if len(one.path) > 1 else "")
        for one, status in zip(entries, statuses, strict=True)
        if status.startswith("404")
    ]:
        means.missed(missed)
    return done


def _alone(means: Means, access: Access, entry: Entry) -> Done:
    """Do one change of a batch."""
    try:
        with means.writing() as changes:
            (done,) = _entries(changes, access, [entry], resolve=False)
            means.shown(done[1], changes.db)
            return done
    except FhirError as error:
        return _failed(error)


def _tried(db: Connection, access: Access, entry: Entry) -> Done:
    """Do one read of a batch."""
    try:
        with _located(entry):
            return _read(db, access, entry)
    except FhirError as error:
        return _failed(error)


def _failed(error: FhirError) -> Done:
    status = f"{error.status} {HTTPStatus(error.status).phrase}"
    return {"response": {"status": status, "outcome": error.outcome()}}, []


def _entries(changes: Writing, access: Access, entries: list[Entry], *, resolve: bool) -> list[Done]:
    """Do entries; conditional references are resolved in a transaction alone, as FHIR has it."""
    planned: dict[int, Change] = {}
    for one in entries:
        if one.method != "GET":
            with _located(one):
                planned[one.number] = _plan(changes, access, one)
    bundles.require_distinct(
        {number: (one.type, one.id) for number, one in planned.items() if one.found is None}
    )
    replaced = _resolve(changes, access, entries, planned) if resolve else {}
    for one in entries:
        if change := planned.get(one.number):
            replaced |= dict(bundles.names(one.full_url, f"{change.type}/{change.id}"))
    done: dict[int, Done] = {}
    ordered = sorted(entries, key=lambda one: bundles.ORDER.index(one.method))
    for one in ordered:
        if one.method == "DELETE":
            done[one.number] = _answer(
                access, planned[one.number], writing.apply(changes, planned[one.number])
            )
    written = [one.number for one in ordered if planned.get(one.number, _NOTHING).resource is not None]
    resources = [bundles.rewritten(planned[number].resource, replaced) for number in written]
    versions = dict(zip(written, changes.put_all(resources), strict=True))
    for one in ordered:
        if one.method == "GET":
            with _located(one):
                done[one.number] = _read(changes.db, access, one)
        elif one.method != "DELETE":
            change = planned[one.number]
            done[one.number] = _answer(access, change, change.found or versions[one.number])
    return [done[one.number] for one in entries]


@contextmanager
def _located(entry: Entry) -> Iterator[None]:
    """Have the errors of a block name the entry."""
    try:
        yield
    except FhirError as error:
        faults = [
            Fault(one.code, one.text, f"{entry.at}.resource.{one.expression}" if one.expression else entry.at)
            for one in error.faults
        ]
        raise FhirError(error.status, faults) from None


def _plan(changes: Writing, access: Access, entry: Entry) -> Change:
    kind, identity = entry.path[0], entry.path[1] if len(entry.path) > 1 else ""
    if len(entry.path) > 2 or (entry.method == "POST" and identity):
        raise refused(400, "not-supported", f"{entry.method} is done to TYPE or TYPE/ID")
    if entry.method == "DELETE":
        if identity:
            return writing.removal(changes, access, kind, identity, entry.headers)
        return writing.removal_by_search(changes, access, kind, entry.query)
    resource = checks.check(entry.resource, kind)
    if entry.method == "POST":
        return writing.creation(changes, access, kind, resource, entry.headers)
    if identity:
        return writing.replacement(changes, access, kind, identity, resource, entry.headers)
    return writing.replacement_by_search(changes, access, kind, entry.query, resource, entry.headers)


def _resolve(
    changes: Writing, access: Access, entries: list[Entry], planned: Mapping[int, Change]
) -> dict[str, str]:
    """Return what conditional references of the bundle's resources name. Raises `FhirError` (412)."""
    found: dict[str, str] = {}
    for one in entries:
        change = planned.get(one.number)
        for text in bundles.conditional(change.resource) if change else ():
            if text not in found:
                with _located(one):
                    found[text] = _conditional(changes, access, text)
    return found


def _conditional(changes: Writing, access: Access, text: str) -> str:
    kind, _, condition = text.partition("?")
    # A plus sign stands for itself where a program wrote the value as it was, as Synthea does.
    wanted = query.read(kind, parse_qsl(condition.replace("+", "%2B")))
    matches = first(changes.db, access, wanted, 2) if wanted.criteria else []
    if len(matches) != 1:
        reason = "more than one" if matches else "no"
        raise refused(412, "not-found", f"a conditional reference finds {reason} {kind}")
    return f"{kind}/{matches[0].id}"


def _answer(access: Access, change: Change, version: Version | None) -> Done:
    if version is None:
        return {"response": {"status": "204 No Content"}}, []
    found: dict[str, Any] = {"response": replies.response(access, version, change.status)}
    if version.deleted:
        return found, [version]
    preferred = access.returns("minimal")
    if preferred == "representation":
        return {**replies.entry(access, version), **found}, [version]
    if preferred == "OperationOutcome":
        found["response"]["outcome"] = replies.done(version)
    return found, [version]


def _read(db: Connection, access: Access, entry: Entry) -> Done:
    given = parse_qsl(entry.query, keep_blank_values=True)
    resource: Any
    match entry.path:
        case (kind,):
            resource, shown = search(db, access, query.read(kind, given, lenient=access.lenient))
        case (kind, identity):
            version = reading.read(db, access, kind, identity)
            return {**replies.entry(access, version), "response": replies.response(access, version, 200)}, [
                version
            ]
        case (kind, identity, "_history"):
            resource, shown = reading.history(db, access, kind, identity, given)
        case (kind, identity, "_history", number):
            version = reading.read_version(db, access, kind, identity, number)
            return {**replies.entry(access, version), "response": replies.response(access, version, 200)}, [
                version
            ]
        case ("Patient", identity, "$everything"):
            resource, shown = reading.everything(db, access, identity, given)
        case _:
            raise refused(404, "not-supported", "there is no such address")
    return {"resource": resource, "response": {"status": "200 OK"}}, shown
