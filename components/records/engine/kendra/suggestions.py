"""GetQuerySuggestions: concepts, values of attributes, queries that many have asked.

A query is suggested to others once so many readers have asked it; until then only keyed digests of it are
kept. Concepts and values are of documents that the reader may read.
"""

from __future__ import annotations

import hmac
import re
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, func, insert, select

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.kendra import block_lists, fields
from brume.records.engine.kendra.access import Readers
from brume.records.engine.kendra.common import bad, index_row
from brume.records.engine.kendra.live import Live
from brume.records.engine.kendra.suggestion_settings import Suggested, suggested
from brume.records.engine.kendra.tables import ASKED, POPULAR
from brume.records.model.search.words import stems

_AGAIN = 86400.0  # seconds after which it is noted anew that a reader asked
_MOST = 10
_WORD = re.compile(r"\w+")


class Popular:
    """Counts who asks what, without knowing what."""

    def __init__(self, store: Store, secret: bytes) -> None:
        self._store, self._secret = store, secret

    def asked(self, index: str, rules: Suggested, text: str, asker: str, *, named: bool) -> None:
        """Note that a reader asked a query that found something; keep its words once enough have.

        `named` says whether the request named the reader.
        """
        words = " ".join(text.split())
        if not words or not (named or rules.unnamed):
            return
        query, now = self._digest("query", index, words.lower()), time.time()
        who = {"index_id": index, "query": query, "asker": self._digest("asker", index, asker)}
        with self._store.read() as db:
            last = db.execute(select(ASKED.c.time).filter_by(**who)).scalar()
            if last is not None and last > now - _AGAIN:
                return
        with self._store.write() as db:
            db.execute(delete(ASKED).filter_by(index_id=index).where(ASKED.c.time < now - rules.seconds))
            db.execute(delete(ASKED).filter_by(**who))
            db.execute(insert(ASKED).values(**who, time=now))
            same = {"index_id": index, "query": query}
            askers = db.execute(select(func.count()).select_from(ASKED).filter_by(**same)).scalar_one()
            if askers >= rules.askers:
                db.execute(delete(POPULAR).filter_by(**same))
                db.execute(insert(POPULAR).values(**same, text=words))

    def texts(self, index: str, rules: Suggested) -> list[tuple[str, int]]:
        """Return the queries that may be suggested, with the number of readers who asked each."""
        same = (ASKED.c.index_id == POPULAR.c.index_id) & (ASKED.c.query == POPULAR.c.query)
        recent = ASKED.c.time >= time.time() - rules.seconds
        askers = func.count(ASKED.c.asker)
        wanted = select(POPULAR.c.text, askers).join(ASKED, same).where(recent)
        mine = wanted.where(POPULAR.c.index_id == index).group_by(POPULAR.c.query, POPULAR.c.text)
        with self._store.read() as db:
            return [(text, count) for text, count in db.execute(mine.having(askers >= rules.askers))]

    def _digest(self, kind: str, index: str, text: str) -> str:
        return hmac.digest(self._secret, f"{kind}\n{index}\n{text}".encode(), "sha256").hex()


class Suggestions:
    """The operation that completes what a reader types."""

    def __init__(self, store: Store, live: Live, readers: Readers, popular: Popular) -> None:
        self._store, self._live, self._readers, self._popular = store, live, readers, popular

    def get_query_suggestions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return what begins with the words typed so far, the most frequent first."""
        most = request.get("MaxSuggestionsCount")
        most = 5 if most is None else most
        if not 1 <= most <= _MOST:
            raise bad(f"MaxSuggestionsCount is from 1 to {_MOST}")
        config = request.get("AttributeSuggestionsConfig") or {}
        kinds = request.get("SuggestionTypes") or ["QUERY"]
        typed = " ".join(request["QueryText"].split())
        with self._store.read() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            reader = self._readers.of(db, call, index.id, config.get("UserContext"))
            blocked = block_lists.phrases(db, index.id)
        rules = suggested(index.suggestions)
        live = self._live.of(index.id, deidentified=self._readers.scopes.of(call).deidentified)
        counted: list[tuple[str, int]] = []
        if "QUERY" in kinds and rules.offered:
            counted += [(display, count) for _, display, count in live.concepts(reader)]
            # A query of others is suggested to whom its words are no news.
            counted += [
                (text, askers)
                for text, askers in self._popular.texts(index.id, rules)
                if all(live.knows(stem, reader) for stem in stems(text))
            ]
        if "DOCUMENT_ATTRIBUTES" in kinds and rules.attributes_offered:
            wanted = fields.condition(index.fields, config.get("AttributeFilter"))
            for name in config.get("SuggestionAttributes") or []:
                fields.need(index.fields, name, "Displayable")
                if rules.attributes is not None and name not in rules.attributes:
                    raise bad(f"{name} is not Suggestable: set it by UpdateQuerySuggestionsConfig")
                values = live.values(name, reader, wanted)
                counted += [(value, count) for value, count in values if isinstance(value, str)]
        allowed = [one for one in counted if not _blocked(one[0], blocked)]
        chosen = _beginning(allowed, typed)[:most] if typed else []
        return {
            "QuerySuggestionsId": str(uuid.uuid4()),
            "Suggestions": [{"Id": str(uuid.uuid4()), "Value": _shown(text, typed)} for text in chosen],
        }


def _beginning(counted: Iterable[tuple[str, int]], typed: str) -> list[str]:
    """Return the texts with a word that begins with what was typed, the most frequent first."""
    totals: dict[str, int] = {}
    names: dict[str, str] = {}
    for text, count in counted:
        if _place(text, typed) >= 0:
            names.setdefault(text.lower(), text)
            totals[text.lower()] = totals.get(text.lower(), 0) + count
    order = sorted(totals, key=lambda one: (_place(one, typed) > 0, -totals[one], one))
    return [names[one] for one in order]


def _blocked(text: str, phrases: Iterable[str]) -> bool:
    """Return whether a text has one of these phrases, as whole words."""
    words = _spaced(text)
    return any(_spaced(phrase) in words for phrase in phrases)


def _spaced(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.lower()))} "


def _place(text: str, typed: str) -> int:
    """Return where a word of a text begins with what was typed, -1 for nowhere."""
    lower, wanted = text.lower(), typed.lower()
    at = lower.find(wanted)
    while at > 0 and lower[at - 1].isalnum():
        at = lower.find(wanted, at + 1)
    return at


def _shown(text: str, typed: str) -> Mapping[str, Any]:
    at = _place(text, typed)
    return {
        "Text": {"Text": text, "Highlights": [{"BeginOffset": at, "EndOffset": at + len(typed)}]},
    }
