"""The operations on thesauri: words of an index's owner that stand for others in its queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.kendra.fields import Fields
from brume.records.engine.kendra.source_files import FileError, FileKind, SourceFiles, contents
from brume.records.model.search.thesaurus import ThesaurusError, parse_solr

_KIND = "thesaurus"


class Thesauri:
    """The operations on thesauri; all of an index hold together."""

    def __init__(
        self, store: Store, files: Callable[[FileKind], SourceFiles], changed: Callable[[str], None]
    ) -> None:
        self._store = store
        self._files = files(FileKind(_KIND, "thesaurus", "SourceS3Path", _read, changed))

    def create_thesaurus(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Begin to read a file of synonyms in Solr's form."""
        return self._files.create(request, call)

    def describe_thesaurus(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Describe a thesaurus, with the number of its rules and of the terms in them."""
        made = self._files.describe(request, call, "SynonymRuleCount")
        with self._store.read() as db:
            known = dict(contents(db, made["IndexId"], _KIND))
        terms = {phrase for phrase, _ in known.get(made["Id"], ())}
        terms |= {other for _, others in known.get(made["Id"], ()) for other in others}
        return made | {"TermCount": len(terms)}

    def list_thesauri(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List the thesauri of an index, the newest first."""
        return self._files.list_all(request, call)

    def update_thesaurus(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Begin to read a file again, or another; the synonyms that were read hold until then."""
        self._files.change(request, call)
        return {}

    def delete_thesaurus(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Delete a thesaurus."""
        self._files.remove(request, call)
        return {}


def rules(db: Connection, index: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the synonyms of an index: a phrase, and what may stand for it."""
    return [
        (phrase, tuple(others)) for _, content in contents(db, index, _KIND) for phrase, others in content
    ]


def _read(text: str, _given: Mapping[str, Any], _known: Fields) -> tuple[Any, int]:
    try:
        made = parse_solr(text)
    except ThesaurusError as error:
        raise FileError(str(error)) from error
    if not made:
        raise FileError("the file has no rule: a rule reads `a, b, c` or `a => b, c`")
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    return [[phrase, list(others)] for phrase, others in made], len(lines)
