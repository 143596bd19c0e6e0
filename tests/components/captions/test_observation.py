"""What a client sees of a stream: words that stay, words that vanish, words that were taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.captions.model.hypothesis import Hypothesis, Word
from brume.captions.model.items import items_of
from brume.captions.model.stabiliser import LEVELS, Stabiliser
from brume.captions.pipeline.observation import Observation, Seen, Token, observe, percentile, text_of


def seen(arrived: float, text: str, *, stable: int = 0, final: bool = False, identity: str = "a") -> Seen:
    """A result of words of half a second each; the first `stable` are Stable."""
    tokens = tuple(
        Token(word, number / 2, number / 2 + 0.4, True, 0.9, number < stable)
        for number, word in enumerate(text.split())
    )
    return Seen(arrived, arrived - 0.1, identity, not final, tokens)


def test_the_time_of_a_word_is_from_its_end_to_the_event_in_which_it_is_stable() -> None:
    found = observe(
        [
            seen(1.0, "the cat"),
            seen(1.5, "the cat sat", stable=1),
            seen(2.0, "the cat sat down", stable=3),
            seen(3.0, "the cat sat down", final=True),
        ]
    )
    assert [round(word.to_stable, 3) for word in found.words] == [1.1, 1.1, 0.6, 1.1]
    assert [round(word.to_stable_heard, 3) for word in found.words] == [1.0, 1.0, 0.5, 1.0]
    assert [word.early for word in found.words] == [True, True, True, False]
    assert [word.shown for word in found.words] == [1.0, 1.0, 1.5, 2.0]
    assert (found.erased, found.revised, found.first_shown, found.text) == (0, 0, 1.0, "the cat sat down")


def test_what_vanishes_from_the_display_is_counted_by_words() -> None:
    found = observe([seen(1, "a b c"), seen(2, "a x c d"), seen(3, "a x"), seen(4, "A x y", final=True)])
    assert found.erased == 2 + 2  # b c, then c d; a change of case is none


def test_results_of_two_channels_do_not_mix() -> None:
    events = [seen(1, "a b"), seen(1, "c d", identity="b"), seen(2, "a b", final=True)]
    found = observe([*events, seen(2, "c d", final=True, identity="b")])
    assert (found.erased, found.text) == (0, "a b c d")


@pytest.mark.parametrize(
    "later",
    [
        seen(2, "a x", stable=2),  # another word
        seen(2, "a", stable=1),  # one that is gone
        seen(2, "a b", stable=1),  # one that is Stable no more
        seen(2, "a x", final=True),
        replace(
            seen(2, "a b", stable=2),
            tokens=tuple(
                replace(token, start=token.start + 0.01) for token in seen(2, "a b", stable=2).tokens
            ),
        ),
    ],
)
def test_a_stable_item_that_changes_is_found(later: Seen) -> None:
    assert observe([seen(1, "a b", stable=2), later]).revised > 0
    assert observe([seen(1, "a b", stable=1), seen(2, "a x", final=True)]).revised == 0


@given(
    st.sampled_from(sorted(LEVELS)),
    st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=1, max_size=8),
)
def test_the_words_of_the_stabiliser_are_never_found_to_be_revised(
    level: str, texts: list[list[str]]
) -> None:
    stabiliser = Stabiliser(LEVELS[level])
    events = []
    for number, text in enumerate(texts):
        words = tuple(Word(word, index / 3, index / 3 + 0.2, 0.9) for index, word in enumerate(text))
        final = number == len(texts) - 1
        shown = stabiliser.accept(Hypothesis(0, 0.0, number + 1.0, words, final))
        items = items_of(shown.words, shown.stable)
        tokens = tuple(Token(i.text, i.start, i.end, i.pronunciation, i.confidence, i.stable) for i in items)
        events.append(Seen(number + 1.0, shown.heard, "a", not final, tokens))
    found = observe(events)
    assert found.revised == 0
    assert found.text == text_of(events[-1].tokens)
    assert len(found.words) == len(events[-1].words)
    assert all(word.stable >= word.shown for word in found.words)


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 0.5) != percentile([], 0.5)
    assert percentile([1, 2, 3], 0.5) == 2
    assert observe([]) == Observation()
