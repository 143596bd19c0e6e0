"""The operations on featured results: documents that an owner puts before all others for a query."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from brume.aws.engine import lookup
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.kendra.common import ERRORS, absent, arn, bad, index_row, list_of_index
from brume.records.engine.kendra.indices import FOUND
from brume.records.engine.kendra.results import title, uri
from brume.records.engine.kendra.rows import digest, document
from brume.records.engine.kendra.tables import DOCUMENTS, FEATURED

_MOST_QUERIES, _MOST_DOCUMENTS = 49, 4  # of a set, as in Kendra
_PATH = "featured-results-set"


class FeaturedResults:
    """The operations on sets of featured results."""

    def __init__(self, store: Store, scopes: Scopes, tags: Tags) -> None:
        self._store, self._scopes, self._tags = store, scopes, tags

    def create_featured_results_set(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Make a set; queries of an active set are in no other active one."""
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            identity, now = str(uuid.uuid4()), time.time()
            values = {"status": "ACTIVE", "queries": [], "documents": [], **_values(request)}
            _check(db, index.id, identity, values)
            key = {"index_id": index.id, "id": identity}
            db.execute(insert(FEATURED).values(**key, **values, created=now, updated=now))
            path = arn(call, "index", index.id, _PATH, identity)
            self._tags.put(db, path, pairs(request.get("Tags") or []))
            return {"FeaturedResultsSet": _described(_row(db, index.id, identity))}

    def describe_featured_results_set(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Describe a set: its documents that the index has, and those that it lacks.

        To a key that reads no records, no document is there.
        """
        with self._store.read() as db:
            index = index_row(db, call, request["IndexId"])
            row = _row(db, index.id, request["FeaturedResultsSetId"])
            scope = self._scopes.of(call)
            wanted = select(DOCUMENTS).filter_by(index_id=index.id)
            among = DOCUMENTS.c.digest.in_(map(digest, row.documents)) & DOCUMENTS.c.status.in_(FOUND)
            there = [
                document(one.id, one.text, one.title, one.attributes, one.access, [])
                for one in db.execute(wanted.where(among))
            ]
        shown = {
            one.id: {"Id": one.id, "Title": title(one), "URI": uri(one)}
            for one in there
            if scope.sees(one.patient)
        }
        made = _described(row)
        del made["FeaturedDocuments"]
        return {
            **made,
            "FeaturedDocumentsWithMetadata": [shown[one] for one in row.documents if one in shown],
            "FeaturedDocumentsMissing": [{"Id": one} for one in row.documents if one not in shown],
        }

    def list_featured_results_sets(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List the sets of an index, the newest first."""
        return list_of_index(self._store, request, call, FEATURED, _summary)

    def update_featured_results_set(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change a set."""
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            row = _row(db, index.id, request["FeaturedResultsSetId"])
            before = {"status": row.status, "queries": row.queries, "documents": row.documents}
            values = before | _values(request)
            _check(db, index.id, row.id, values)
            mine = update(FEATURED).filter_by(index_id=index.id, id=row.id)
            db.execute(mine.values(**values, updated=time.time()))
            return {"FeaturedResultsSet": _described(_row(db, index.id, row.id))}

    def batch_delete_featured_results_set(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Delete sets; those that are not there are named."""
        errors = []
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            for identity in request["FeaturedResultsSetIds"]:
                if not db.execute(delete(FEATURED).filter_by(index_id=index.id, id=identity)).rowcount:
                    message = absent("featured results set", identity).message
                    errors.append({"Id": identity, "ErrorCode": "InvalidRequest", "ErrorMessage": message})
                self._tags.remove(db, arn(call, "index", index.id, _PATH, identity))
        return {"Errors": errors}


def featured(db: Connection, index: str, text: str) -> list[str]:
    """Return the documents that are featured for a query, by their ids, in their order."""
    wanted = _plain(text)
    if not wanted:
        return []
    active = select(FEATURED).filter_by(index_id=index, status="ACTIVE").order_by(FEATURED.c.created)
    rows = [row for row in db.execute(active) if wanted in map(_plain, row.queries)]
    return list(dict.fromkeys(one for row in rows for one in row.documents))


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _row(db: Connection, index: str, identity: str) -> Row[Any]:
    wanted = select(FEATURED).filter_by(index_id=index, id=identity)
    return lookup.one(db, wanted, absent("featured results set", identity))


def _values(request: Mapping[str, Any]) -> dict[str, Any]:
    members = {"FeaturedResultsSetName": "name", "Description": "description", "Status": "status"}
    made = {name: request[member] for member, name in members.items() if request.get(member)}
    if request.get("QueryTexts") is not None:
        made["queries"] = list(request["QueryTexts"])
    if request.get("FeaturedDocuments") is not None:
        made["documents"] = [one["Id"] for one in request["FeaturedDocuments"] if one.get("Id")]
    return made


def _check(db: Connection, index: str, identity: str, values: Mapping[str, Any]) -> None:
    """Raise `ServiceError` for a set that is too large, or whose queries another active one has."""
    if len(values["queries"]) > _MOST_QUERIES:
        raise bad(f"QueryTexts has at most {_MOST_QUERIES} queries")
    if len(values["documents"]) > _MOST_DOCUMENTS:
        raise bad(f"FeaturedDocuments has at most {_MOST_DOCUMENTS} documents")
    if values["status"] != "ACTIVE":
        return
    mine = set(map(_plain, values["queries"]))
    active = select(FEATURED).filter_by(index_id=index, status="ACTIVE").where(FEATURED.c.id != identity)
    clashes = list(_clashes(mine, db.execute(active)))
    if clashes:
        raise ERRORS(
            "FeaturedResultsConflictException",
            "Another active set of featured results has a query of this one: take it out of one of both",
            ConflictingItems=clashes,
        )


def _clashes(mine: set[str], others: Iterable[Row[Any]]) -> Iterable[dict[str, str]]:
    for other in others:
        for query in other.queries:
            if _plain(query) in mine:
                yield {"QueryText": query, "SetName": other.name, "SetId": other.id}


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {
        "FeaturedResultsSetId": row.id,
        "FeaturedResultsSetName": row.name,
        "Status": row.status,
        "LastUpdatedTimestamp": int(row.updated),
        "CreationTimestamp": int(row.created),
    }


def _described(row: Row[Any]) -> dict[str, Any]:
    return {
        **_summary(row),
        "Description": row.description or None,
        "QueryTexts": row.queries,
        "FeaturedDocuments": [{"Id": one} for one in row.documents],
    }
