"""Found documents in the shapes of Kendra's: result items, highlights, facets, reasons."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from brume.records.engine.kendra import fields
from brume.records.engine.kendra.common import bad
from brume.records.engine.kendra.rows import digest
from brume.records.model.search import excerpts
from brume.records.model.search.document import Document, Value
from brume.records.model.search.excerpts import Highlight, Passage
from brume.records.model.search.index import Found

_LEVELS = ((0.75, "VERY_HIGH"), (0.5, "HIGH"), (0.25, "MEDIUM"), (0.0, "LOW"))
_LONGEST = 2048  # characters of a text in a result
_FACET_VALUES = 10
DOCUMENT = 28
"""Characters of a result's id, after the query's, that are of the document's key."""


def confidence(score: float) -> str:
    """Return the name of a score from 0 to 1."""
    return next(name for least, name in _LEVELS if score >= least)


def result_id(query: str, document: str, kind: str, place: int = 0) -> str:
    """Return the id of a result, from which `SubmitFeedback` knows query and document."""
    return f"{query}-{judged_key(document)}{kind}{place:07x}"


def judged_key(document: str) -> str:
    """Return what judgements name a document by."""
    return digest(document)[:DOCUMENT]


def document_item(found: Found, place: int, query: str, wanted: Collection[str]) -> dict[str, Any]:
    """Return a document as an item of Query; AdditionalAttributes say why it was found."""
    document = found.document(place)
    item = _item(found, place, query, wanted, "DOCUMENT")
    passages = found.passages(place, excerpts.EXCERPT)
    # Clients read it of each item, also of a document without a word.
    item["DocumentExcerpt"] = _text(passages[0].text, passages[0].highlights) if passages else _text("", ())
    reasons = [
        f"{reason.display} ({reason.concept}): {document.text[reason.begin : reason.end]}"
        for reason in found.hit(place).reasons
    ]
    item["AdditionalAttributes"] = [_additional("Reason", text, ()) for text in reasons]
    return item


def answer_item(found: Found, place: int, query: str, wanted: Collection[str]) -> dict[str, Any] | None:
    """Return a document's best sentence as an item of Query, None where none answers."""
    document = found.document(place)
    passages = found.passages(place, excerpts.RETRIEVED)
    if not passages:
        return None
    answer = excerpts.answer(passages[0], document.text, document.entities, found.wanted)
    if answer is None:
        return None
    item = _item(found, place, query, wanted, "ANSWER")
    item["Id"] = result_id(query, document.id, "a")
    begin = answer.span.begin - passages[0].span.begin
    marks = (Highlight(begin, begin + len(answer.text)),)
    item["DocumentExcerpt"] = _text(passages[0].text, marks, top=True)
    item["AdditionalAttributes"] = [_additional("AnswerText", answer.text, answer.highlights, top=True)]
    return item


def question_item(
    entry: Document, score: float, wanted: excerpts.Wanted, query: str, shown: Collection[str]
) -> dict[str, Any]:
    """Return a question with its answer as an item of Query."""
    return {
        "Id": result_id(query, entry.id, "q"),
        "Type": "QUESTION_ANSWER",
        "Format": "TEXT",
        "AdditionalAttributes": [
            _additional("QuestionText", entry.title, excerpts.highlight(entry.title, wanted)),
            _additional("AnswerText", entry.text, ()),
        ],
        "DocumentId": entry.id,
        "DocumentTitle": _text("", ()),
        "DocumentExcerpt": _text(entry.text[:_LONGEST], ()),
        "DocumentURI": uri(entry),
        "DocumentAttributes": attributes(entry, shown),
        "ScoreAttributes": {"ScoreConfidence": confidence(score)},
    }


def featured_item(found: Found, place: int, query: str, wanted: Collection[str]) -> dict[str, Any]:
    """Return a document as a featured item of Query."""
    item = document_item(found, place, query, wanted)
    del item["Format"], item["ScoreAttributes"]
    return item | {"Id": result_id(query, found.document(place).id, "f")}


def passage_item(
    found: Found, place: int, passage: Passage, query: str, wanted: Collection[str]
) -> dict[str, Any]:
    """Return a passage as an item of Retrieve."""
    document = found.document(place)
    return {
        "Id": result_id(query, document.id, "p", passage.span.begin),
        "DocumentId": document.id,
        "DocumentTitle": title(document)[:_LONGEST],
        "Content": passage.text,
        "DocumentURI": uri(document),
        "DocumentAttributes": attributes(document, wanted),
        "ScoreAttributes": {"ScoreConfidence": confidence(float(found.scores[place]))},
    }


def _item(found: Found, place: int, query: str, wanted: Collection[str], kind: str) -> dict[str, Any]:
    document = found.document(place)
    name = title(document)[:_LONGEST]
    return {
        "Id": result_id(query, document.id, "d"),
        "Type": kind,
        "Format": "TEXT",
        "DocumentId": document.id,
        "DocumentTitle": _text(name, excerpts.highlight(name, found.wanted)),
        "DocumentURI": uri(document),
        "DocumentAttributes": attributes(document, wanted),
        "ScoreAttributes": {"ScoreConfidence": confidence(float(found.scores[place]))},
    }


def title(document: Document) -> str:
    """Return the title of a document, its id where it has none."""
    return document.title or document.id


def uri(document: Document) -> str:
    """Return the address of a document: what it says, of an object in S3 its https address, else ""."""
    given = document.attributes.get("_source_uri")
    if isinstance(given, str) and given.startswith(("http://", "https://", "ftp://", "file://")):
        return given
    if document.id.startswith("s3://"):
        bucket, _, key = document.id.removeprefix("s3://").partition("/")
        return f"https://s3.amazonaws.com/{bucket}/{key}"
    return ""


def attributes(document: Document, wanted: Collection[str]) -> list[dict[str, Any]]:
    """Return the attributes of a document that are wanted."""
    return [fields.shown(name, value) for name, value in document.attributes.items() if name in wanted]


def displayed(known: fields.Fields, requested: Sequence[str] | None) -> set[str]:
    """Return which attributes results have; dates, at which clients fail, where requested.

    Raises `ServiceError` for a requested one that is not there or not Displayable.
    """
    if requested:
        return {name for name in requested if fields.need(known, name, "Displayable")}
    return {
        name
        for name, about in known.items()
        if about["Search"]["Displayable"] and about["Type"] != "DATE_VALUE"
    }


def facets(found: Found, known: fields.Fields, wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the counts of values among all that was found. Raises `ServiceError`."""
    made = []
    for facet in wanted:
        name = facet.get("DocumentAttributeKey")
        if not name:
            raise bad("Facets: DocumentAttributeKey is missing")
        if facet.get("Facets"):
            raise bad("Facets: facets within facets are not done by this server")
        kind = fields.need(known, name, "Facetable")["Type"]
        most = facet.get("MaxResults")
        counts = found.facet(name)[: _FACET_VALUES if most is None else most]
        made.append(
            {
                "DocumentAttributeKey": name,
                "DocumentAttributeValueType": kind,
                "DocumentAttributeValueCountPairs": [_pair(value, count) for value, count in counts],
            }
        )
    return made


def _pair(value: Value, count: int) -> dict[str, Any]:
    return {"DocumentAttributeValue": fields.value_shown(value), "Count": count}


def _additional(key: str, text: str, marks: Sequence[Highlight], *, top: bool = False) -> dict[str, Any]:
    value = {"TextWithHighlightsValue": _text(text[:_LONGEST], marks, top=top)}
    return {"Key": key, "ValueType": "TEXT_WITH_HIGHLIGHTS_VALUE", "Value": value}


def _text(text: str, marks: Sequence[Highlight], *, top: bool = False) -> dict[str, Any]:
    return {
        "Text": text,
        "Highlights": [
            {
                "BeginOffset": mark.begin,
                "EndOffset": mark.end,
                "TopAnswer": top,
                "Type": "THESAURUS_SYNONYM" if mark.synonym else "STANDARD",
            }
            for mark in marks
            if mark.end <= len(text)
        ],
    }
