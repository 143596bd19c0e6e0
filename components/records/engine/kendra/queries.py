"""Query and Retrieve: one ranker, on behalf of whom the request may speak for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.kendra import fields, results
from brume.records.engine.kendra.access import Readers, Reads
from brume.records.engine.kendra.common import bad, index_row
from brume.records.engine.kendra.featured import featured
from brume.records.engine.kendra.feedback import Judged
from brume.records.engine.kendra.live import Live
from brume.records.engine.kendra.mentions import Mentions
from brume.records.engine.kendra.suggestion_settings import suggested
from brume.records.engine.kendra.suggestions import Popular
from brume.records.model.search import excerpts
from brume.records.model.search.document import Document, Reader
from brume.records.model.search.index import Found, Query, SearchIndex
from brume.records.model.search.relevance import Order

_LONGEST = 1000  # characters of a query
_MOST = 100  # results of a page
_PER_DOCUMENT = 3  # passages of one document in Retrieve
_QUESTIONS = 3  # with answers, of a query at most
_SURE = 0.25  # score of a document, from which it may have the answer


class Queries:
    """The operations that search."""

    def __init__(
        self, store: Store, live: Live, readers: Readers, judged: Judged, popular: Popular, reads: Reads
    ) -> None:
        self._store, self._live, self._readers = store, live, readers
        self._judged, self._popular, self._reads = judged, popular, reads

    def query(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Search: documents, the best answer out of one, facets and corrections."""
        if request.get("CollapseConfiguration"):
            raise bad("CollapseConfiguration is not done by this server: results are single documents")
        wanted_kind = request.get("QueryResultTypeFilter") or ""
        begin, end = _page(request, 10)
        index, reader, found = self.search(request, call)
        identity = self._judged.query_id(index.id, request.get("QueryText") or "")
        shown = results.displayed(index.fields, request.get("RequestedDocumentAttributes"))
        items = []
        if wanted_kind in ("", "QUESTION_ANSWER") and begin == 0:
            items += [
                results.question_item(entry, score, found.wanted, identity, shown)
                for entry, score in self._questions(index.id, found.query, call)
            ]
        if wanted_kind in ("", "ANSWER") and begin == 0 and self._has_answer(found):
            answer = results.answer_item(found, 0, identity, shown)
            items += [answer] if answer else []
        if wanted_kind in ("", "DOCUMENT"):
            places = range(begin, min(end, len(found)))
            items += [results.document_item(found, place, identity, shown) for place in places]
        output: dict[str, Any] = {
            "QueryId": identity,
            "ResultItems": items,
            "FacetResults": results.facets(found, index.fields, request.get("Facets") or []),
            "TotalNumberOfResults": len(found) if wanted_kind in ("", "DOCUMENT") else len(items),
        }
        picked = self._featured(index, found.query, call) if begin == 0 else None
        if picked is not None:
            places = range(len(picked))
            output["FeaturedResultsItems"] = [
                results.featured_item(picked, place, identity, shown) for place in places
            ]
        if (request.get("SpellCorrectionConfiguration") or {}).get("IncludeQuerySpellCheckSuggestions"):
            output["SpellCorrectedQueries"] = self._corrected(index, request, reader, call)
        if begin == 0 and len(found):
            asker, named = _asker(call, request)
            rules = suggested(index.suggestions)
            self._popular.asked(index.id, rules, request.get("QueryText") or "", asker, named=named)
        featured = output.get("FeaturedResultsItems", [])
        self._reads.write(call, request, [item["DocumentId"] for item in [*featured, *items]])
        return output

    def retrieve(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Search: passages of up to 200 tokens, of documents in the order of Query."""
        begin, end = _page(request, 10)
        index, _, found = self.search(request, call)
        identity = self._judged.query_id(index.id, request["QueryText"])
        shown = results.displayed(index.fields, request.get("RequestedDocumentAttributes"))
        items: list[dict[str, Any]] = []
        for place in range(len(found)):
            if len(items) >= end:
                break
            for passage in found.passages(place, excerpts.RETRIEVED)[:_PER_DOCUMENT]:
                if passage.score > 0 or not items or items[-1]["DocumentId"] != found.document(place).id:
                    items.append(results.passage_item(found, place, passage, identity, shown))
        self._reads.write(call, request, [item["DocumentId"] for item in items[begin:end]])
        return {"QueryId": identity, "ResultItems": items[begin:end]}

    def search(
        self,
        asked: Mapping[str, Any],
        call: Call,
        without: frozenset[str] = frozenset(),
        about: frozenset[str] = frozenset(),
    ) -> tuple[Row[Any], Reader, Found]:
        """Return the index of what is asked as in Query, its reader, and what is found.

        `without` and `about` are concepts, as in `Query`. Raises `ServiceError`.
        """
        text = asked.get("QueryText") or ""
        if len(text) > _LONGEST:
            raise bad(f"QueryText has at most {_LONGEST} characters")
        with self._store.read() as db:
            index = index_row(db, call, asked["IndexId"], active=True)
            reader = self._readers.of(db, call, index.id, asked.get("UserContext"))
            judged = self._judged.of(db, index.id, text, self._askers(call))
        if not text.strip() and not asked.get("AttributeFilter"):
            raise bad("QueryText or AttributeFilter is needed")
        overrides = asked.get("DocumentRelevanceOverrideConfigurations") or []
        query = Query(
            text,
            reader,
            fields.condition(index.fields, asked.get("AttributeFilter")),
            fields.boosts(index.fields, overrides),
            _orders(index.fields, asked),
            without,
            judged,
            about,
        )
        return index, reader, self._found(index, query, call)

    def _found(self, index: Row[Any], query: Query, call: Call) -> Found:
        live = self._searched(index, call)
        found = live.search(query)
        concepts = [match.id for match in found.matches]
        if not concepts:
            return found

        def text(identity: str) -> str | None:
            document = live.document(identity, query.reader)
            return document.text if document else None

        with self._store.read() as db:
            judged = Mentions.of_concepts(db, index.id, concepts, text, self._askers(call))
        return live.search(dataclasses.replace(query, judged={**judged, **query.judged})) if judged else found

    def _askers(self, call: Call) -> set[str] | None:
        return self._judged.askers(call, self._readers.scopes.judges(call))

    def _searched(self, index: Row[Any], call: Call) -> SearchIndex:
        return self._live.of(index.id, deidentified=self._readers.scopes.of(call).deidentified)

    def _questions(self, index: str, query: Query, call: Call) -> list[tuple[Document, float]]:
        """Return the questions with answers that ask the same, the nearest first."""
        found = self._live.questions(index).find(query.text, query.reader, query.condition)[:_QUESTIONS]
        if not self._readers.scopes.of(call).deidentified:
            return found
        hide = self._live.hiding.document
        return [(hide(entry) if entry.patient else entry, score) for entry, score in found]

    def _featured(self, index: Row[Any], query: Query, call: Call) -> Found | None:
        """Return the documents that are featured for a query, of those that its reader may read."""
        with self._store.read() as db:
            ids = featured(db, index.id, query.text)
        if self._readers.scopes.of(call).deidentified:
            ids = [self._live.hiding.identity(one) for one in ids]
        return self._searched(index, call).pick(query, ids) if ids else None

    @staticmethod
    def _has_answer(found: Found) -> bool:
        return len(found) > 0 and bool(found.query.text.strip()) and float(found.scores[0]) >= _SURE

    def _corrected(
        self, index: Row[Any], request: Mapping[str, Any], reader: Reader, call: Call
    ) -> list[dict[str, Any]]:
        text, corrections = self._searched(index, call).correct(request.get("QueryText") or "", reader)
        if not corrections:
            return []
        return [
            {
                "SuggestedQueryText": text,
                "Corrections": [
                    {
                        "BeginOffset": one.begin,
                        "EndOffset": one.end,
                        "Term": one.word,
                        "CorrectedTerm": one.corrected,
                    }
                    for one in corrections
                ],
            }
        ]


def _page(request: Mapping[str, Any], usual: int) -> tuple[int, int]:
    """Return the places of a page's results, from 0. Raises `ServiceError`."""
    number, size = request.get("PageNumber"), request.get("PageSize")
    number = 1 if number is None else number
    size = usual if size is None else size
    if number < 1 or not 1 <= size <= _MOST:
        raise bad(f"PageNumber is from 1 on, PageSize from 1 to {_MOST}")
    return (number - 1) * size, number * size


def _orders(known: fields.Fields, request: Mapping[str, Any]) -> list[Order]:
    given = list(request.get("SortingConfigurations") or [])
    if request.get("SortingConfiguration"):
        if given:
            raise bad("give SortingConfiguration or SortingConfigurations")
        given = [request["SortingConfiguration"]]
    for one in given:
        fields.need(known, one["DocumentAttributeKey"], "Sortable")
    return [Order(one["DocumentAttributeKey"], one["SortOrder"] == "DESC") for one in given]


def _asker(call: Call, request: Mapping[str, Any]) -> tuple[str, bool]:
    """Return who asks, for counting different askers, and whether the request names them.

    It is the user where one is named, else the visitor, else the key.
    """
    who = (request.get("UserContext") or {}).get("UserId") or request.get("VisitorId")
    return f"{call.account}/{who or call.access_key}", bool(who)
