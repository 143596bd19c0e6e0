"""Custom vocabularies: made from phrases or from a file, then used by streams and jobs."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.aws.engine.tags import Tags, pairs
from brume.captions.engine.named import Files, arn, bad, check_name, conflict, key, refuse_encryption, row
from brume.captions.engine.tables import VOCABULARIES
from brume.captions.model.recognisers import language
from brume.captions.model.vocabulary import Entry, VocabularyError, parse_list, parse_table

_log = logging.getLogger(__name__)
_WHAT = "vocabulary"


class Vocabularies:
    """The operations on vocabularies, and what streams and jobs read of them."""

    def __init__(self, store: Store, background: Background, files: Files, tags: Tags) -> None:
        self._store, self._files, self._tags = store, files, tags
        columns = VOCABULARIES.c
        pending = select(columns.account, columns.region, columns.name).filter_by(state="PENDING")
        self._making = background.kind(_WHAT, pending, self._make)

    def create_vocabulary(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin a vocabulary; it is PENDING until its phrases have been read."""
        name, source = check_name(request["VocabularyName"]), _source(request)
        with self._store.write() as db:
            if db.execute(select(VOCABULARIES).filter_by(**key(call, name))).first():
                raise conflict(f"There is a vocabulary {name} already: update or delete it")
            self._tags.put(db, arn(call, _WHAT, name), pairs(request.get("Tags") or []))
            db.execute(
                insert(VOCABULARIES).values(**key(call, name), entries=[], **_pending(request, source))
            )
        return self._submitted(call, name)

    def update_vocabulary(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Replace the phrases of a vocabulary; streams use the old ones until the new are READY."""
        name, source = request["VocabularyName"], _source(request)
        with self._store.write() as db:
            found = row(db, VOCABULARIES, call, name, _WHAT)
            if found.state == "PENDING":
                raise conflict(f"The vocabulary {name} is still PENDING")
            db.execute(update(VOCABULARIES).filter_by(**key(call, name)).values(**_pending(request, source)))
        answer = self._submitted(call, name)
        return {member: value for member, value in answer.items() if member != "FailureReason"}

    def get_vocabulary(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe a vocabulary."""
        with self._store.read() as db:
            found = row(db, VOCABULARIES, call, request["VocabularyName"], _WHAT)
        return {
            **_summary(found),
            "FailureReason": found.failure or None,
            "DownloadUri": found.source.get("uri"),
        }

    def list_vocabularies(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List vocabularies by name."""
        columns = VOCABULARIES.c
        wanted = select(VOCABULARIES).filter_by(account=call.account, region=call.region)
        if state := request.get("StateEquals"):
            wanted = wanted.filter_by(state=state)
        if part := request.get("NameContains"):
            wanted = wanted.where(columns.name.icontains(part, autoescape=True))
        with self._store.read() as db:
            found = list_rows(db, request, call, wanted, (columns.name,), _summary)
        return {**found, "Status": request.get("StateEquals")}

    def delete_vocabulary(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Delete a vocabulary; a stream that uses it goes on."""
        name = request["VocabularyName"]
        with self._store.write() as db:
            row(db, VOCABULARIES, call, name, _WHAT)
            self._tags.remove(db, arn(call, _WHAT, name))
            db.execute(delete(VOCABULARIES).filter_by(**key(call, name)))
        return {}

    def entries(self, name: str, languages: Sequence[str], call: Call) -> list[Entry]:
        """Return the phrases of a vocabulary for a stream or job in one of `languages`.

        Raises `ServiceError` (BadRequestException) when it is not there, not READY, or of another language.
        """
        with self._store.read() as db:
            found = db.execute(select(VOCABULARIES).filter_by(**key(call, name))).one_or_none()
        if found is None:
            raise bad(f"The requested vocabulary {name} couldn't be found.")
        if not found.entries:
            raise bad(
                f"The vocabulary {name} is {found.state}, not READY"
                + (f": {found.failure}" if found.failure else "")
            )
        if found.language not in languages:
            raise bad(f"The vocabulary {name} is for {found.language}, not for {', '.join(languages)}")
        return [Entry(tuple(words), shown, language(found.language)) for words, shown in found.entries]

    def _submitted(self, call: Call, name: str) -> dict[str, Any]:
        self._making.submit(call.account, call.region, name)
        with self._store.read() as db:
            found = row(db, VOCABULARIES, call, name, _WHAT)
        return {**_summary(found), "FailureReason": found.failure or None}

    def _make(self, account: str, region: str, name: str) -> None:
        which = {"account": account, "region": region, "name": name}
        with self._store.read() as db:
            found = db.execute(select(VOCABULARIES).filter_by(**which)).one_or_none()
        if found is None or found.state != "PENDING":
            return
        made: dict[str, Any]
        try:
            entries = self._parse(found.source)
            made = {
                "state": "READY",
                "failure": "",
                "entries": [[list(one.words), one.shown] for one in entries],
            }
        except (VocabularyError, ServiceError) as error:
            made = {"state": "FAILED", "failure": str(error)[:1000]}
        except Exception as error:
            logs.failed(_log, "a vocabulary", error)
            made = {"state": "FAILED", "failure": "the server failed; its log has more"}
        with self._store.write() as db:
            same = update(VOCABULARIES).filter_by(**which, modified=found.modified)
            db.execute(same.values(**made))

    def _parse(self, source: Mapping[str, Any]) -> list[Entry]:
        if "phrases" in source:
            return parse_list(source["phrases"])
        text = self._files.text(source["uri"])
        if "\t" in text.partition("\n")[0]:
            return parse_table(text)
        return parse_list([part for part in re.split(r"[\n,]", text) if part.strip()])


def _source(request: Mapping[str, Any]) -> dict[str, Any]:
    refuse_encryption(request)
    phrases, uri = request.get("Phrases"), request.get("VocabularyFileUri")
    if bool(phrases) == bool(uri):
        raise bad("Give either Phrases or VocabularyFileUri")
    return {"phrases": phrases} if phrases else {"uri": uri}


def _pending(request: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "language": request["LanguageCode"],
        "modified": time.time(),
        "state": "PENDING",
        "failure": "",
        "source": source,
    }


def _summary(found: Row[Any]) -> dict[str, Any]:
    return {
        "VocabularyName": found.name,
        "LanguageCode": found.language,
        "LastModifiedTime": found.modified,
        "VocabularyState": found.state,
    }
