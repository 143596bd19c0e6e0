"""JudgeNote and JudgeEntity: what people think of results and mentions moves notes in later searches."""

from __future__ import annotations

import dataclasses
from typing import Any

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.scopes import denied
from brume.records.engine.console.common import absent, index_of, readable
from brume.records.engine.kendra.mentions import Mentions, Opinion
from brume.records.engine.kendra.results import result_id
from brume.records.engine.kendra.service import Search

_VALUES = {"ACCEPTED": 1, "REJECTED": -1, "NONE": 0}


class Verdicts:
    """The operations that keep what people think."""

    def __init__(self, store: Store, search: Search) -> None:
        self._store, self._search = store, search

    def judge_note(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """JudgeNote: as Kendra's SubmitFeedback."""
        self._refuse_deidentified(call)
        with self._store.read() as db:
            index = index_of(db, call, request)
            document = self._search.note(db, index, call, request["NoteId"])
        query = request["QueryId"]
        judged = {
            "ResultId": result_id(query, document.id, "d"),
            "RelevanceValue": request["Relevance"],
        }
        feedback = {"IndexId": index.id, "QueryId": query, "RelevanceFeedbackItems": [judged]}
        self._search.feedback.submit_feedback(feedback, dataclasses.replace(call, region=index.region))
        return {}

    def judge_entity(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """JudgeEntity."""
        self._refuse_deidentified(call)
        begin, end, concept = request["Begin"], request["End"], request["ConceptId"]
        asker = self._search.judged.asker(call)
        with self._store.write() as db:
            index = index_of(db, call, request)
            document = self._search.note(db, index, call, request["NoteId"])
            if not any(
                (one.begin, one.end, f"{first.system}|{first.code}") == (begin, end, concept)
                for one in document.entities
                for first in one.concepts[:1]
            ):
                raise absent(f"The note has no mention of {concept} from {begin} to {end}: read it again")
            Mentions.put(db, index.id, document, (begin, end, concept), asker, _VALUES[request["Verdict"]])
            opinions = Mentions.of_document(db, index.id, document, asker)
        opinion = opinions.get((begin, end, concept), Opinion(0, 0, 0))
        return {
            "Verdict": request["Verdict"],
            "Accepted": opinion.accepted,
            "Rejected": opinion.rejected,
        }

    def _refuse_deidentified(self, call: Call) -> None:
        if readable(self._search.scopes, call).deidentified:
            raise denied("This key sees notes without what names a person: it judges none of them")
