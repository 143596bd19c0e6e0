"""Word error rates: what counts as the same word, and what as an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.captions.pipeline.accuracy import errors, rate, words_of

WORDS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat"]), max_size=8)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en-US", "Mr. Smith doesn't eat: well-done!", "mister smith doesn’t eat well done"),
        ("en-US", "two cats, 50% off", "2 cats fifty percent off"),
        ("es-US", "El Sr. D. Manuel, el 20 de Septiembre", "el señor don manuel el veinte de septiembre"),
        ("es-ES", "¿Cuánto te quiere?", "cuánto te quiere"),
        ("en-US", "ﬁne", "fine"),
    ],
)
def test_ways_to_write_the_same_words_are_no_errors(language: str, one: str, other: str) -> None:
    assert words_of(one, language) == words_of(other, language)


def test_accents_and_words_of_another_language_count() -> None:
    assert words_of("te quiere cuanto", "es-US") != words_of("te quiere cuánto", "es-US")
    assert words_of("once", "en-US") == ["once"]  # eleven in Spanish
    assert words_of("once", "es-US") == ["11"]


def test_errors_are_counted_by_kind_and_aligned() -> None:
    found = errors(["the", "cat", "sat", "on", "mats"], ["a", "cat", "sat", "down", "on", "mats", "too"])
    assert (found.words, found.substituted, found.deleted, found.inserted) == (5, 1, 0, 2)
    assert ("the", "a", 0) in found.steps and ("", "too", 6) in found.steps
    assert found.rate == pytest.approx(3 / 5)


@given(WORDS, WORDS)
def test_the_alignment_holds_all_words_in_their_order(reference: list[str], heard: list[str]) -> None:
    found = errors(reference, heard)
    assert [word for word, _, _ in found.steps if word] == reference
    assert [(word, index) for _, word, index in found.steps if index >= 0] == list(
        zip(heard, range(len(heard)), strict=True)
    )
    assert found.count == sum(before != after for before, after, _ in found.steps)
    assert found.deleted - found.inserted == len(reference) - len(heard)


def test_the_rate_of_files_is_by_words_and_its_interval_over_files() -> None:
    files = [errors(["a"] * 90, ["a"] * 90), errors(["a"] * 10, ["b"] * 10)]
    found = rate(files)
    assert (found.value, found.words) == (0.1, 100)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (0, 1)  # each file alone may be drawn
    assert rate(files[:1]).interval is None
