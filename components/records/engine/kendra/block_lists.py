"""The operations on block lists: phrases that no suggestion may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from brume.aws.engine.service import Call
from brume.records.engine.kendra.fields import Fields
from brume.records.engine.kendra.source_files import FileError, FileKind, SourceFiles, contents

_KIND = "query-suggestions-block-list"
_MOST = 20_000  # phrases of a list, as in Kendra


class BlockLists:
    """The operations on block lists; all of an index hold together."""

    def __init__(self, files: Callable[[FileKind], SourceFiles]) -> None:
        # Suggestions read the lists from the database each time: nothing has to be done after a change.
        self._files = files(FileKind(_KIND, "block list", "SourceS3Path", _read, lambda index: None))

    def create_query_suggestions_block_list(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Begin to read a file with a word or phrase a line."""
        return self._files.create(request, call)

    def describe_query_suggestions_block_list(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Describe a block list, with the number of its phrases."""
        return self._files.describe(request, call, "ItemCount")

    def list_query_suggestions_block_lists(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List the block lists of an index, the newest first."""
        return self._files.list_all(request, call, "ItemCount")

    def update_query_suggestions_block_list(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Begin to read a file again, or another; the phrases that were read hold until then."""
        self._files.change(request, call)
        return {}

    def delete_query_suggestions_block_list(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Delete a block list."""
        self._files.remove(request, call)
        return {}


def phrases(db: Connection, index: str) -> list[str]:
    """Return the phrases that suggestions of an index may not have, in lower case."""
    return [phrase for _, content in contents(db, index, _KIND) for phrase in content]


def _read(text: str, _given: Mapping[str, Any], _known: Fields) -> tuple[Any, int]:
    found = list(dict.fromkeys(line for one in text.splitlines() if (line := " ".join(one.lower().split()))))
    if not found:
        raise FileError("the file has no phrase: it has a word or phrase a line")
    if len(found) > _MOST:
        raise FileError(f"the file has more than {_MOST} phrases")
    return found, len(found)
