"""The extractor with the terminologies of the catalog, or a reason to skip."""

from __future__ import annotations

import functools

import pytest

from brume import weights
from brume.records.model.entity import Entity, Trait
from brume.records.model.nlp.local import LocalExtractor
from brume.records.model.note import Note


@functools.cache
def extractor() -> LocalExtractor:
    """Return the local extractor, which this process loads once."""
    try:
        return LocalExtractor.load()
    except weights.WeightsError as error:
        pytest.skip(str(error))


def entities(text: str) -> list[Entity]:
    """Return the conditions and drugs of a text."""
    return list(extractor().extract(Note("DocumentReference/1/0", "1", text)))


def named(text: str) -> dict[str, set[Trait]]:
    """Return what a text has, in lower case, with the traits that are no kind of condition."""
    kinds = {Trait.DIAGNOSIS, Trait.SYMPTOM, Trait.SIGN}
    return {one.text.lower(): {name for name, _ in one.traits} - kinds for one in entities(text)}
