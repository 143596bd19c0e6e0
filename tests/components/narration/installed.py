"""The voices that are installed, loaded once for the tests; tests that need an absent one are skipped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from brume import weights
from brume.narration.model.normal import normalise
from brume.narration.model.script import Word
from brume.narration.model.voice import Voice
from brume.narration.model.voices import Catalogue, VoiceSettings


@cache
def catalogue() -> Catalogue:
    return Catalogue(VoiceSettings())


def require_voice(name: str) -> Voice:
    """Return a voice; skips the test where its weights or program are not installed."""
    if name in catalogue().absent:
        pytest.skip(catalogue().absent[name])
    return catalogue().load(name)


def require_weights(name: str) -> None:
    try:
        weights.locate(name)
    except weights.WeightsError as error:
        pytest.skip(str(error))


def words(text: str, language: str = "en", start: int = 0) -> Sequence[Word]:
    """Return the words of a text as a voice takes them."""
    return [
        Word(text[item.start : item.end], start + item.start, start + item.end, item.spoken, after=item.after)
        for item in normalise(text, language)
    ]
