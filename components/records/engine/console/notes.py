"""GetNote: the text of a note with what was found in it, and what people think of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.audit import Audit
from brume.records.engine.console.common import described, index_of, others, readable
from brume.records.engine.kendra.mentions import Mentions, Opinion
from brume.records.engine.kendra.service import Search
from brume.records.model.entity import Entity

_VERDICTS = {1: "ACCEPTED", -1: "REJECTED"}
_NOBODY = Opinion(0, 0, 0)


class Notes:
    """The operation that reads a note."""

    def __init__(self, store: Store, search: Search, audit: Audit) -> None:
        self._store, self._search, self._audit = store, search, audit

    def get_note(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """GetNote."""
        scope = readable(self._search.scopes, call)
        with self._store.read() as db:
            index = index_of(db, call, request)
            document = self._search.note(db, index, call, request["NoteId"])
            opinions = Mentions.of_document(db, index.id, document, self._search.judged.asker(call))
        self._audit.write(call, scope, [self._search.live.hiding.original(document.id)])
        return {
            **described(document),
            "IndexId": index.id,
            "Text": document.text,
            "Fields": [{"Name": name, "Value": value} for name, value in others(document)],
            "Entities": [_entity(entity, opinions) for entity in document.entities],
        }


def _entity(entity: Entity, opinions: Mapping[tuple[int, int, str], Opinion]) -> dict[str, Any]:
    concepts = [
        {
            "ConceptId": f"{one.system}|{one.code}",
            "System": one.system,
            "Code": one.code,
            "Display": one.display,
            "Score": one.score,
        }
        for one in entity.concepts
    ]
    first = concepts[0]["ConceptId"] if concepts else ""
    opinion = opinions.get((entity.begin, entity.end, str(first)), _NOBODY)
    return {
        "Begin": entity.begin,
        "End": entity.end,
        "Text": entity.text,
        "Category": entity.category,
        "Type": entity.type,
        "Score": entity.score,
        "Traits": [trait.value for trait, _ in entity.traits],
        "Section": entity.section or None,
        "Concepts": concepts,
        "Attributes": [_entity(one, opinions) for one in entity.attributes],
        "Verdict": _VERDICTS.get(opinion.mine, "NONE"),
        "Accepted": opinion.accepted,
        "Rejected": opinion.rejected,
    }
