"""Vocabulary filters: words that streams and jobs mask, remove or tag."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.captions.engine.named import Files, arn, bad, check_name, conflict, key, refuse_encryption, row
from brume.captions.engine.tables import FILTERS
from brume.captions.model.recognisers import language
from brume.captions.model.vocabulary import Filter, VocabularyError, parse_words

_WHAT = "vocabulary-filter"


class VocabularyFilters:
    """The operations on vocabulary filters, and what streams and jobs read of them."""

    def __init__(self, store: Store, files: Files, tags: Tags) -> None:
        self._store, self._files, self._tags = store, files, tags

    def create_vocabulary_filter(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Make a filter from words or from a file of them."""
        name, words = check_name(request["VocabularyFilterName"]), self._words(request)
        with self._store.write() as db:
            if db.execute(select(FILTERS).filter_by(**key(call, name))).first():
                raise conflict(f"There is a vocabulary filter {name} already: update or delete it")
            self._tags.put(db, arn(call, _WHAT, name), pairs(request.get("Tags") or []))
            values = {"language": request["LanguageCode"], "modified": time.time(), "words": words}
            db.execute(insert(FILTERS).values(**key(call, name), **values))
            return _summary(row(db, FILTERS, call, name, _WHAT))

    def update_vocabulary_filter(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Replace the words of a filter."""
        name, words = request["VocabularyFilterName"], self._words(request)
        with self._store.write() as db:
            row(db, FILTERS, call, name, _WHAT)
            changed = update(FILTERS).filter_by(**key(call, name))
            db.execute(changed.values(words=words, modified=time.time()))
            return _summary(row(db, FILTERS, call, name, _WHAT))

    def get_vocabulary_filter(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a filter."""
        with self._store.read() as db:
            return _summary(row(db, FILTERS, call, request["VocabularyFilterName"], _WHAT))

    def list_vocabulary_filters(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List filters by name."""
        wanted = select(FILTERS).filter_by(account=call.account, region=call.region)
        if part := request.get("NameContains"):
            wanted = wanted.where(FILTERS.c.name.icontains(part, autoescape=True))
        with self._store.read() as db:
            return list_rows(db, request, call, wanted, (FILTERS.c.name,), _summary)

    def delete_vocabulary_filter(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Delete a filter; a stream that uses it goes on."""
        name = request["VocabularyFilterName"]
        with self._store.write() as db:
            row(db, FILTERS, call, name, _WHAT)
            self._tags.remove(db, arn(call, _WHAT, name))
            db.execute(delete(FILTERS).filter_by(**key(call, name)))
        return {}

    def filter(self, name: str, languages: Sequence[str], method: str, call: Call) -> Filter:
        """Return a filter for a stream or job in one of `languages`.

        Raises `ServiceError` (BadRequestException) when it is not there, or of another language.
        """
        with self._store.read() as db:
            found = db.execute(select(FILTERS).filter_by(**key(call, name))).one_or_none()
        if found is None:
            raise bad(f"The requested vocabulary filter {name} couldn't be found.")
        if found.language not in languages:
            raise bad(f"The vocabulary filter {name} is for {found.language}, not for {', '.join(languages)}")
        return Filter(found.words, method, language(found.language))

    def _words(self, request: Mapping[str, Any]) -> list[str]:
        refuse_encryption(request)
        words, uri = request.get("Words"), request.get("VocabularyFilterFileUri")
        if bool(words) == bool(uri):
            raise bad("Give either Words or VocabularyFilterFileUri")
        try:
            return parse_words("\n".join(words) if words else self._files.text(str(uri)))
        except VocabularyError as error:
            raise bad(str(error)) from error


def _summary(found: Row[Any]) -> dict[str, Any]:
    return {
        "VocabularyFilterName": found.name,
        "LanguageCode": found.language,
        "LastModifiedTime": found.modified,
    }
