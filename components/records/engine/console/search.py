"""SearchNotes: what Kendra's Query finds, with concepts to take out, facets and reasons for a page."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.audit import Audit
from brume.records.engine.console.common import (
    DATE,
    KIND,
    described,
    index_of,
    invalid,
    readable,
    text_of,
)
from brume.records.engine.kendra import fields
from brume.records.engine.kendra.access import context_of
from brume.records.engine.kendra.results import confidence, judged_key
from brume.records.engine.kendra.service import Search
from brume.records.model.search import excerpts
from brume.records.model.search.document import Value
from brume.records.model.search.index import Found

_SIZE = 10  # notes of a page
_FACET_VALUES = 10
_YEARS = 40
_OWN = (KIND[1], "_authors")  # of the attributes that every index has, those that are facets
_RELEVANCE = {1: "RELEVANT", -1: "NOT_RELEVANT"}


class NoteSearch:
    """The operation that searches."""

    def __init__(self, store: Store, search: Search, audit: Audit) -> None:
        self._store, self._search, self._audit = store, search, audit

    def search_notes(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """SearchNotes."""
        text = request.get("QueryText") or ""
        scope = readable(self._search.scopes, call)
        number, size = request.get("PageNumber") or 1, request.get("PageSize") or _SIZE
        filters = request.get("Filters") or []
        with self._store.read() as db:
            index = index_of(db, call, request)
            asker = self._search.judged.asker(call)
            mine = self._search.judged.mine(db, index.id, text, asker)
        here = dataclasses.replace(call, region=index.region)
        found = self._found(request, here, index, filters)
        places = range((number - 1) * size, min(number * size, len(found)))
        output: dict[str, Any] = {
            "IndexId": index.id,
            "QueryId": self._search.judged.query_id(index.id, text),
            "Total": len(found),
            "Concepts": [
                {
                    "ConceptId": match.id,
                    "Display": match.display,
                    "Name": match.name,
                    "Score": match.score,
                }
                for match in found.matches
            ],
            "Facets": [
                made
                for name in _facets(index.fields)
                if (made := self._facet(request, here, index, found, filters, name))
            ],
            "Notes": [_note(found, place, mine) for place in places],
        }
        shown = [self._search.live.hiding.original(one["NoteId"]) for one in output["Notes"]]
        about = text or " ".join(request.get("ConceptIds") or ())
        self._audit.write(call, scope, shown, query=about)
        live = self._search.live.of(index.id, deidentified=scope.deidentified)
        if without := request.get("Without"):
            known = {one: display for one, display, _ in live.concepts(found.query.reader)}
            output["Removed"] = [{"ConceptId": one, "Display": known[one]} for one in without if one in known]
        if text.strip():
            corrected, corrections = live.correct(text, found.query.reader)
            output["Corrected"] = corrected if corrections else None
        return output

    def _found(
        self, request: Mapping[str, Any], call: Call, index: Any, filters: Sequence[Mapping[str, Any]]
    ) -> Found:
        conditions = [_condition(index.fields, one) for one in filters]
        query = {
            "IndexId": index.id,
            "QueryText": request.get("QueryText"),
            "AttributeFilter": {"AndAllFilters": conditions},
            "UserContext": context_of(self._search.scopes, call),
        }
        without, about = request.get("Without") or (), request.get("ConceptIds") or ()
        return self._search.queries.search(query, call, frozenset(without), frozenset(about))[2]

    def _facet(
        self,
        request: Mapping[str, Any],
        call: Call,
        index: Any,
        found: Found,
        filters: Sequence[Mapping[str, Any]],
        name: str,
    ) -> dict[str, Any] | None:
        """Return the counts of a field, without the filter on it: what choosing another value would give."""
        if any(one["Name"] == name for one in filters):
            rest = [one for one in filters if one["Name"] != name]
            found = self._found(request, call, index, rest)
        counts = found.facet(name)
        dates = index.fields[name]["Type"] == "DATE_VALUE"
        pairs = _years(counts) if dates else [(text_of(value), count) for value, count in counts]
        if not pairs:
            return None
        values = [
            {"Value": value, "Count": count} for value, count in pairs[: _YEARS if dates else _FACET_VALUES]
        ]
        return {"Name": name, "Type": "DATE" if dates else "TEXT", "Values": values}


def _facets(known: fields.Fields) -> list[str]:
    """Return the fields that are facets: kind and date first, the index's own by name."""
    date = next((name for name in DATE if known.get(name, {}).get("Type") == "DATE_VALUE"), None)
    texts = [
        name
        for name, about in sorted(known.items())
        if about["Search"]["Facetable"]
        and about["Type"] in ("STRING_VALUE", "STRING_LIST_VALUE")
        and (name in _OWN or not name.startswith("_"))
    ]
    texts.sort(key=lambda name: name not in KIND)
    return [*([date] if date else []), *texts]


def _condition(known: fields.Fields, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a filter of the page as Kendra's. Raises `ServiceError`."""
    name = given["Name"]
    kind = fields.need(known, name)["Type"]
    if kind == "DATE_VALUE":
        parts = []
        if given.get("From"):
            parts.append({"GreaterThanOrEquals": _date(name, _day("From", given["From"]))})
        if given.get("To"):
            end = _day("To", given["To"]) + timedelta(days=1) - timedelta(microseconds=1)
            parts.append({"LessThanOrEquals": _date(name, end)})
        return {"AndAllFilters": parts}
    values = given.get("Values") or []
    if kind == "STRING_LIST_VALUE":
        return {"ContainsAny": {"Key": name, "Value": {"StringListValue": values}}}
    if kind != "STRING_VALUE":
        raise invalid(f"Filters: {name} is of type {kind}: there are filters for texts, lists and dates")
    return {"OrAllFilters": [{"EqualsTo": {"Key": name, "Value": {"StringValue": one}}} for one in values]}


def _date(name: str, value: datetime) -> dict[str, Any]:
    return {"Key": name, "Value": {"DateValue": value}}


def _day(member: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise invalid(f"Filters: {member} is a day, as 2026-11-30") from error


def _years(counts: Sequence[tuple[Value, int]]) -> list[tuple[str, int]]:
    years: Counter[str] = Counter()
    for value, count in counts:
        if isinstance(value, datetime):
            years[str(value.year)] += count
    return sorted(years.items(), reverse=True)


def _note(found: Found, place: int, mine: Mapping[str, int]) -> dict[str, Any]:
    document, score = found.document(place), float(found.scores[place])
    names = {match.id: match.name for match in found.matches}
    traits = {(one.begin, one.end): [trait.value for trait, _ in one.traits] for one in document.entities}
    note = {
        **described(document),
        "Score": score,
        "Confidence": confidence(score),
        "Judged": _RELEVANCE.get(mine.get(judged_key(document.id), 0)),
        "Reasons": [
            {
                "ConceptId": reason.concept,
                "Display": reason.display,
                "Name": names[reason.concept],
                "Mention": reason.mention,
                "Begin": reason.begin,
                "End": reason.end,
                "Traits": traits[(reason.begin, reason.end)],
            }
            for reason in found.hit(place).reasons
        ],
    }
    passages = found.passages(place, excerpts.EXCERPT)
    if passages:
        best = passages[0]
        marks = [{"Begin": one.begin, "End": one.end, "Synonym": one.synonym} for one in best.highlights]
        note["Excerpt"] = {"Text": best.text, "Begin": best.span.begin, "Highlights": marks}
        words = [best.text[one.begin : one.end].lower() for one in best.highlights if not one.synonym]
        note["Words"] = list(dict.fromkeys(words))
    return note
