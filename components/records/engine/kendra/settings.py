"""Settings of search, which come from the engine's environment."""

from __future__ import annotations

from dataclasses import dataclass

from brume.variables import variable


@dataclass(frozen=True)
class SearchSettings:
    """What search is run with."""

    embeddings: str = variable(
        "BRUME_RECORDS_EMBEDDINGS",
        "all-minilm-l6-v2",
        "what search by meaning is done with; none: words and concepts alone",
    )
    concepts: str = variable(
        "BRUME_RECORDS_CONCEPTS",
        "",
        "file of concepts that are found in notes: system, code, display, other names, by tabs",
    )
    mentions: str = variable(
        "BRUME_RECORDS_MENTIONS",
        "local",
        "what finds conditions and drugs in notes that are put: local, none",
    )
