"""What people think of mentions in documents: whether each is what it was taken for."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from brume.records.engine.kendra.rows import digest
from brume.records.engine.kendra.tables import DOCUMENTS, MENTIONS
from brume.records.model.search.document import Document

Mention = tuple[int, int, str]  # where it begins and ends in the text, and its concept


@dataclass(frozen=True)
class Opinion:
    """How many people accept and reject a mention, and what one of them thinks: 1, -1, 0 for nothing."""

    accepted: int
    rejected: int
    mine: int


class Mentions:
    """Judgements of mentions. They are of one text: a document that changes is judged anew."""

    @staticmethod
    def put(db: Connection, index: str, document: Document, mention: Mention, asker: str, value: int) -> None:
        """Keep what someone thinks of a mention, in place of what they thought; 0 for nothing."""
        begin, end, concept = mention
        key = {"index_id": index, "document": digest(document.id), "mention": _key(mention), "asker": asker}
        db.execute(delete(MENTIONS).filter_by(**key))
        if value:
            row = {"begin": begin, "end": end, "concept": concept, "text": digest(document.text)}
            db.execute(insert(MENTIONS).values(**key, **row, value=value, time=time.time()))

    @staticmethod
    def of_document(db: Connection, index: str, document: Document, asker: str) -> dict[Mention, Opinion]:
        """Return what people think of a document's mentions."""
        mine = select(MENTIONS).filter_by(
            index_id=index, document=digest(document.id), text=digest(document.text)
        )
        found: dict[Mention, Opinion] = {}
        for row in db.execute(mine):
            mention = (row.begin, row.end, row.concept)
            known = found.get(mention, Opinion(0, 0, 0))
            found[mention] = Opinion(
                known.accepted + (row.value > 0),
                known.rejected + (row.value < 0),
                row.value if row.asker == asker else known.mine,
            )
        return found

    @staticmethod
    def of_concepts(
        db: Connection,
        index: str,
        concepts: Iterable[str],
        text: Callable[[str], str | None],
        askers: Collection[str] | None = None,
    ) -> dict[str, float]:
        """Return the documents with judged mentions of concepts, and the mean of the judgements (-1 to 1).

        `text` returns the present text of a document; judgements are those of some askers, None for all.
        """
        wanted = select(DOCUMENTS.c.id, MENTIONS.c.text, MENTIONS.c.value).join(
            MENTIONS,
            (MENTIONS.c.index_id == DOCUMENTS.c.index_id) & (MENTIONS.c.document == DOCUMENTS.c.digest),
        )
        among = MENTIONS.c.concept.in_(list(concepts))
        if askers is not None:
            wanted = wanted.where(MENTIONS.c.asker.in_(askers))
        values: dict[str, list[int]] = {}
        for identity, of, value in db.execute(wanted.where(MENTIONS.c.index_id == index, among)):
            present = text(identity)
            if present is not None and digest(present) == of:
                values.setdefault(identity, []).append(value)
        return {identity: sum(given) / len(given) for identity, given in values.items()}


def _key(mention: Mention) -> str:
    return hashlib.sha256("\n".join(map(str, mention)).encode()).hexdigest()
