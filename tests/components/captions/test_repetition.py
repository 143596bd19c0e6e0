"""Loops are cut off; what people do say twice is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.captions.model.hypothesis import Word
from brume.captions.model.repetition import without_crowds, without_echoes, without_loops


def words(text: str, pace: float = 0.3) -> list[Word]:
    return [Word(one, number * pace, number * pace + 0.2, 0.9) for number, one in enumerate(text.split())]


def texts(found: list[Word]) -> str:
    return " ".join(word.text for word in found)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("thank you. " * 8, "thank you."),
        ("so " * 20, "so"),
        ("we go and then I was there I was there I was there I was there", "we go and then I was there"),
        ("he said no, no, no to that", "he said no, no, no to that"),
        ("very, very good", "very, very good"),
        ("ask what you can do ask what you can do for us", "ask what you can do ask what you can do for us"),
        ("", ""),
    ],
)
def test_loops_are_cut(text: str, kept: str) -> None:
    assert texts(without_loops(words(text))) == kept


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=40))
def test_no_loop_is_left_and_the_beginning_stays(spoken: list[str]) -> None:
    given_words = words(" ".join(spoken))
    found = without_loops(given_words)
    assert found == given_words[: len(found)]
    assert without_loops(found) == found
    keys = [word.key for word in found]
    assert not any(len(set(keys[index : index + 4])) == 1 for index in range(len(keys) - 3))


def test_words_faster_than_speech_are_cut() -> None:
    slow, fast = words("one two three four five six"), words("a b c d e f g h i j", pace=0.02)
    moved = [word.at(word.start + 1.8, word.end + 1.8) for word in fast]
    assert texts(without_crowds([*slow, *moved])).startswith("one two three four")
    assert len(without_crowds([*slow, *moved])) <= len(slow) + 1
    assert without_crowds(slow) == slow


def test_short_words_in_a_row_are_no_crowd() -> None:
    """As spoken in "hasta impresa, y ahí te la envío": five words begin within 0.45 s."""
    starts = [2.53, 2.73, 3.59, 3.69, 3.81, 3.93, 4.03, 5.17, 5.67]
    spoken = [Word(f"w{number}", start, start + 0.05, 0.9) for number, start in enumerate(starts)]
    assert without_crowds(spoken) == spoken


@pytest.mark.parametrize(("pace", "kept"), [(0.05, "and so my fellow and so"), (0.3, None)])
def test_a_phrase_that_follows_itself_too_fast_was_spoken_once(pace: float, kept: str | None) -> None:
    """Whisper crowds the second time into what is left of the audio; people who say it twice take as long."""
    first, rest = words("and so my fellow"), "and so my fellow and so"
    second = [word.at(word.start + 1.2, word.end + 1.2) for word in words(rest, pace)]
    second = [word.at(word.start, min(word.end, word.start + pace)) for word in second]
    expected = kept or f"and so my fellow {rest}"
    assert texts(without_echoes([*first, *second])) == expected


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.floats(0.01, 1)), max_size=20))
def test_what_is_left_without_echoes_is_in_order(spoken: list[tuple[str, float]]) -> None:
    start, found = 0.0, []
    for text, length in spoken:
        found.append(Word(text, start, start + length, 0.9))
        start += length
    kept = without_echoes(found)
    assert [word for word in found if word in kept] == kept
    assert kept[:2] == found[:2]
