"""Words that are Stable stay, whatever the recogniser changes its mind about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.captions.model.hypothesis import Hypothesis, Word
from brume.captions.model.items import items_of
from brume.captions.model.stabiliser import LEVELS, Level, Rule, Shown, Stabiliser, continuation

TEXTS = ["a", "b", "c", "d", "e", "A,", "b.", "C!", "--", "5"]
LEVEL_NAMES = ["off", "low", "medium", "high"]


def words(text: str, probability: float = 0.9, start: float = 0.0) -> tuple[Word, ...]:
    """Return words of a text, each of 0.3 s."""
    return tuple(
        Word(one, round(start + 0.4 * number, 2), round(start + 0.4 * number + 0.3, 2), probability)
        for number, one in enumerate(text.split())
    )


def play(level: Level, texts: list[str], *, heard: float = 10.0, probability: float = 0.9) -> list[Shown]:
    """Return what is shown of one segment whose hypotheses are these texts, the last of them final."""
    stabiliser = Stabiliser(level)
    return [
        stabiliser.accept(Hypothesis(0, 0.0, heard, words(text, probability), number == len(texts) - 1))
        for number, text in enumerate(texts)
    ]


@st.composite
def streams(draw: st.DrawFn) -> list[Hypothesis]:
    """Draw hypotheses of some segments: words come, change, go and repeat at random."""
    found = []
    heard = 0.0
    for segment in range(draw(st.integers(1, 3))):
        start = heard
        count = draw(st.integers(1, 12))
        for number in range(count):
            heard += draw(st.floats(0.05, 1.0))
            texts = draw(
                st.lists(st.sampled_from(["a", "b", "c", "d", "e", "A,", "b.", "C!", "--", "5"]), max_size=8)
            )
            times = sorted(draw(st.floats(start, heard)) for _ in range(2 * len(texts)))
            spoken = tuple(
                Word(text, times[2 * index], times[2 * index + 1], draw(st.floats(0, 1)))
                for index, text in enumerate(texts)
            )
            found.append(Hypothesis(segment, start, heard, spoken, final=number == count - 1))
    return found


@given(streams(), st.sampled_from(LEVEL_NAMES))
def test_stable_words_are_never_changed_and_a_final_result_is_all_stable(
    hypotheses: list[Hypothesis], level: str
) -> None:
    stabiliser = Stabiliser(LEVELS[level])
    kept: tuple[Word, ...] = ()
    for hypothesis in hypotheses:
        shown = stabiliser.accept(hypothesis)
        assert shown.words[: len(kept)] == kept, "a Stable word was changed"
        assert shown.stable >= len(kept)
        kept = shown.words[: shown.stable]
        if shown.final:
            assert shown.stable == len(shown.words)
            kept = ()
        elif level == "off":
            assert shown.stable == 0


@given(streams(), st.sampled_from(LEVEL_NAMES))
def test_items_that_are_stable_are_never_changed(hypotheses: list[Hypothesis], level: str) -> None:
    """What a client sees, punctuation too: the items marked Stable are the beginning of each later result."""
    stabiliser = Stabiliser(LEVELS[level])
    kept: list[tuple[str, float, float]] = []
    for hypothesis in hypotheses:
        shown = stabiliser.accept(hypothesis)
        items = items_of(shown.words, shown.stable)
        flags = [item.stable for item in items]
        assert flags == sorted(flags, reverse=True), "Stable items come first"
        seen = [(item.text, item.start, item.end) for item in items]
        assert seen[: len(kept)] == kept
        assert sum(flags) >= len(kept), "an item that was Stable is not any more"
        kept = [] if shown.final else seen[: sum(flags)]


def test_a_higher_level_decides_earlier() -> None:
    text = "we hold these truths to be evident"
    stable = {name: [one.stable for one in play(LEVELS[name], [text] * 9)] for name in LEVEL_NAMES}
    first = {
        name: next((i for i, count in enumerate(counts) if count), 99) for name, counts in stable.items()
    }
    assert first["high"] <= first["medium"] <= first["low"] < first["off"] == 8


def test_a_word_waits_for_agreement_and_the_last_are_held() -> None:
    level = Level("test", (Rule(2),), held=1)
    shown = play(level, ["we hold", "we hold these", "we hold those truths", "we hold those truths now"])
    assert [one.stable for one in shown] == [0, 2, 2, 5]


def test_a_doubtful_word_waits_until_it_is_old() -> None:
    level = Level("test", (Rule(2, probability=0.5), Rule(3, age=5.0)), held=0)
    assert [one.stable for one in play(level, ["a b"] * 4, probability=0.4)] == [0, 0, 2, 2]
    assert [one.stable for one in play(level, ["a b"] * 4, probability=0.4, heard=1.0)] == [0, 0, 0, 2]


def test_words_are_shown_after_enough_hypotheses() -> None:
    level = Level("test", (), shown=2)
    shown = play(level, ["we", "we hold", "we told", "we hold these"])
    assert [" ".join(word.text for word in one.words) for one in shown] == ["", "we", "we", "we hold these"]


@pytest.mark.parametrize(
    ("stable", "now", "index"),
    [
        ("", "a b", 0),
        ("a b", "a b c", 2),
        ("a b", "a x c", 2),  # one was recognised otherwise since
        ("a b", "b c d", 1),  # the first is not found any more
        ("a b", "new a b c", 3),
        ("a b", "", 0),
        ("a b c d", "a b", 2),
    ],
)
def test_what_follows_is_read_after_the_stable_words(stable: str, now: str, index: int) -> None:
    assert continuation(words(stable), words(now)) == index


@pytest.mark.parametrize(("start", "expected"), [(1.0, "e f"), (9.0, "c d e f")])
def test_words_that_stay_past_a_cut_are_not_shown_again(start: float, expected: str) -> None:
    """A long segment was cut before words that were Stable: the next one has them; not one after a pause."""
    words = {text: Word(text, at / 2, at / 2 + 0.4, 0.9) for at, text in enumerate("abcdef")}

    def hypothesis(
        segment: int, texts: str, begins: float, heard: float, *, final: bool = False
    ) -> Hypothesis:
        found = tuple(words[text] for text in texts.split())
        return Hypothesis(segment, begins, heard, found, final)

    stabiliser = Stabiliser(LEVELS["high"])
    for _ in range(3):
        shown = stabiliser.accept(hypothesis(0, "a b c d e", 0.0, 3.0))
    assert [word.text for word in shown.words[: shown.stable]] == ["a", "b", "c", "d"]
    shown = stabiliser.accept(hypothesis(0, "a b", 0.0, 3.0, final=True))
    assert [word.text for word in shown.words] == ["a", "b", "c", "d"]
    shown = stabiliser.accept(hypothesis(1, "c d e f", start, 9.5, final=True))
    assert " ".join(word.text for word in shown.words) == expected
