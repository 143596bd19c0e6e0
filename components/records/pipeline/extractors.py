"""What finds the entities of notes, as the parameter `nlp` says."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from brume.aws.client import client
from brume.records.model.entity import Entity, Extractor
from brume.records.model.lake import Lake
from brume.records.model.nlp import comprehend, healthlake
from brume.records.model.nlp.rxnorm import DrugCodes
from brume.records.model.note import Note
from brume.records.model.resources import Resources

LOCAL, SERVICE, PRESENT, NONE = "local", "comprehendmedical", "present", "none"
Find = Callable[[str], Mapping[str, Any] | None]
"""Returns the resource of a reference, such as `DocumentReference/ID`, None where there is none."""
CHOICES = (LOCAL, SERVICE, PRESENT, NONE)
"""Values of the parameter `nlp`; an address of HTTP names a model of the user's own instead."""
_LONGEST = 10_000  # characters of a text that the service links to codes
_CUT = re.compile(r"\n\s*\n|(?<=[.!?])\s+|\s+")


class ServiceExtractor:
    """Asks Comprehend Medical, AWS's or an engine, for entities and codes of each note."""

    name = SERVICE

    def __init__(self) -> None:
        """Ask the service for the version of its model, which is this extractor's."""
        self._client = client("comprehendmedical")
        self.version = str(self._client.detect_entities_v2(Text="asthma").get("ModelVersion") or "1")

    def extract(self, note: Note) -> tuple[Entity, ...]:
        """Return the entities of a note, by their place; a long one is asked for in parts."""
        found: list[Entity] = []
        for offset, text in parts(note.text, _LONGEST):
            if text.strip():
                found += comprehend.read(
                    self._client.detect_entities_v2(Text=text),
                    self._client.infer_icd10_cm(Text=text),
                    self._client.infer_rx_norm(Text=text),
                    offset,
                )
        return tuple(found)


class PresentExtractor:
    """Takes the entities that HealthLake has put into an export."""

    name = PRESENT

    def __init__(self, find: Find, version: str = "1") -> None:
        """`version` is that of the resources which `find` returns."""
        self._find, self.version = find, version

    def extract(self, note: Note) -> tuple[Entity, ...]:
        """Return the entities of a note: of a document's first content, which HealthLake reads."""
        reference, _, number = note.id.rpartition("/")
        resource = self._find(reference) if number == "0" else None
        return healthlake.present(resource) if resource else ()


def choose(
    nlp: str, find: Find, version: str = "1", drugs: Sequence[tuple[str, str]] = ()
) -> Extractor | None:
    """Return the extractor that `nlp` names, None for `none`.

    `find` and `version` are `PresentExtractor`'s; `drugs` are codes of RxNorm with names, for the local one.
    Raises `ValueError` for another name, `weights.WeightsError` where terminologies are not there.
    """
    if nlp == LOCAL:
        from brume.records.model.nlp.local import LocalExtractor

        return LocalExtractor.load(_codes(tuple(drugs)))
    if nlp == SERVICE:
        return ServiceExtractor()
    if nlp == PRESENT:
        return PresentExtractor(find, version)
    if nlp.startswith(("http://", "https://")):
        from brume.records.model.nlp.served import ServedExtractor

        return ServedExtractor(nlp, nlp)
    if nlp != NONE:
        raise ValueError(f"nlp={nlp} must be one of {', '.join(CHOICES)}, or the address of a model")
    return None


@functools.lru_cache(1)
def _codes(drugs: tuple[tuple[str, str], ...]) -> DrugCodes:
    """Return codes of drugs, made once in a process: with all of RxNorm that takes as long as 300 notes."""
    return DrugCodes(drugs)


def for_lake(nlp: str, uri: str, drugs: Sequence[tuple[str, str]]) -> Extractor:
    """Return the extractor that `nlp` names, for the notes of the lake at `uri`; for one thread.

    Entities that the export has are those of the lake's resources, whose parts are the extractor's version.
    """
    lake = Lake(uri)
    snapshot = lake.snapshot()
    parts = sorted(part.path for name in ("resources", "deletions") for part in snapshot.parts(name))
    version = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    resources: list[Resources] = []

    def find(reference: str) -> Mapping[str, Any] | None:
        if not resources:
            resources.append(Resources(lake, snapshot))
        found = resources[0].named(reference)
        return found.value if found else None

    chosen = choose(nlp, find, version, drugs)
    if chosen is None:
        raise ValueError(f"nlp={nlp} names no extractor")
    return chosen


def parts(text: str, most: int) -> Iterator[tuple[int, str]]:
    """Yield parts of a text of at most `most` characters with their places, cut where a paragraph ends.

    Where none ends, they are cut after a sentence or a word; together they are the text.
    """
    begin = 0
    while len(text) - begin > most:
        cuts = {0: 0, 1: 0, 2: 0}
        for match in _CUT.finditer(text, begin + 1, begin + most):
            kind = 0 if match[0].count("\n") > 1 else 1 if text[match.start() - 1] in ".!?" else 2
            cuts[kind] = match.end()
        end = next((cut for cut in cuts.values() if cut > begin), begin + most)
        yield begin, text[begin:end]
        begin = end
    yield begin, text[begin:]
