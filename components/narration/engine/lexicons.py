"""Pronunciation lexicons: kept by name, and applied to texts of their language."""

from __future__ import annotations

import functools
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from brume.aws.engine import arns, lookup
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.narration.engine.errors import POLLY, refusing
from brume.narration.engine.tables import LEXICONS
from brume.narration.model import lexicon

MOST = 100  # lexicons of an account in a region
_parsed = functools.lru_cache(maxsize=32)(lexicon.parse)


class Lexicons:
    """The operations on lexicons, and what speech reads of them."""

    def __init__(self, store: Store, tags: Tags, languages: Collection[str]) -> None:
        """`languages` are the codes of languages that texts may have."""
        self._store, self._tags = store, tags
        self._languages = {code.casefold(): code for code in languages}

    def put_lexicon(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Keep a lexicon, in place of the one of this name if there is one, whose tags stay."""
        name, content = request["Name"], request["Content"]
        with refusing():
            found = lexicon.parse(content)
            if found.language.casefold() not in self._languages:
                known = ", ".join(sorted(self._languages.values()))
                raise lexicon.LexiconError(f"xml:lang is {found.language!r}, and none of {known}", "language")
        values = {
            "content": content,
            "alphabet": found.alphabet,
            "language": found.language,
            "lexemes": found.count,
            "modified": time.time(),
        }
        with self._store.write() as db:
            if db.execute(select(LEXICONS).filter_by(**_key(call, name))).first():
                db.execute(update(LEXICONS).filter_by(**_key(call, name)).values(**values))
                return {}
            if lookup.count(db, _mine(call)) >= MOST:
                raise POLLY(
                    "MaxLexiconsNumberExceededException", f"There are {MOST} lexicons: delete one first"
                )
            self._tags.put(db, _arn(call, name), pairs(request.get("Tags") or {}))
            db.execute(insert(LEXICONS).values(**_key(call, name), **values))
        return {}

    def get_lexicon(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return a lexicon as it was put."""
        with self._store.read() as db:
            found = _row(db, call, request["Name"])
        return {
            "Lexicon": {"Name": found.name, "Content": found.content},
            "LexiconAttributes": _attributes(found),
        }

    def list_lexicons(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the lexicons by name; all of them are one page."""
        if request.get("NextToken"):
            raise POLLY(
                "InvalidNextTokenException", "NextToken is none that this listing gave: it has one page"
            )
        with self._store.read() as db:
            found = db.execute(_mine(call).order_by(LEXICONS.c.name)).all()
        return {"Lexicons": [{"Name": one.name, "Attributes": _attributes(one)} for one in found]}

    def delete_lexicon(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Delete a lexicon."""
        name = request["Name"]
        with self._store.write() as db:
            _row(db, call, name)
            self._tags.remove(db, _arn(call, name))
            db.execute(delete(LEXICONS).filter_by(**_key(call, name)))
        return {}

    def of(self, names: Sequence[str], call: Call) -> lexicon.Lexicons:
        """Return lexicons of the caller's, in this order. Raises `ServiceError` for one that is not there."""
        with self._store.read() as db:
            contents = [_row(db, call, name).content for name in names]
        return lexicon.Lexicons(_parsed(content) for content in contents)


def tagged(db: Connection, call: Call, text: str) -> str:
    """Return the ARN of a lexicon of the caller's. Raises `ServiceError`."""
    try:
        parsed = arns.parse(text)
    except ValueError as error:
        raise _unknown(text) from error
    owner = (parsed.service, parsed.account, parsed.region)
    if len(parsed.path) != 2 or parsed.path[0] != "lexicon" or owner != ("polly", call.account, call.region):
        raise _unknown(text)
    if db.execute(select(LEXICONS.c.name).filter_by(**_key(call, parsed.path[1]))).first() is None:
        raise _unknown(text)
    return str(parsed)


def _unknown(text: str) -> ServiceError:
    return POLLY(
        "ResourceNotFoundException", f"{text} names nothing here", resourceId=text, resourceType="lexicon"
    )


def _key(call: Call, name: str) -> dict[str, str]:
    return {"account": call.account, "region": call.region, "name": name}


def _mine(call: Call) -> Any:
    return select(LEXICONS).filter_by(account=call.account, region=call.region)


def _row(db: Connection, call: Call, name: str) -> Row[Any]:
    absent = POLLY("LexiconNotFoundException", f"Lexicon not found: {name}")
    return lookup.one(db, select(LEXICONS).filter_by(**_key(call, name)), absent)


def _arn(call: Call, name: str) -> str:
    return str(arns.Arn("polly", call.region, call.account, ("lexicon", name)))


def _attributes(found: Row[Any]) -> dict[str, Any]:
    return {
        "Alphabet": found.alphabet,
        "LanguageCode": found.language,
        "LastModified": found.modified,
        "LexiconArn": str(arns.Arn("polly", found.region, found.account, ("lexicon", found.name))),
        "LexemesCount": found.lexemes,
        "Size": len(found.content),
    }
