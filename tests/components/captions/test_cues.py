"""Cues: what holds for every stream of words, and how English and Spanish lines are broken."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.captions.model.cues import (
    FASTEST,
    LATE,
    LINES,
    LONGEST,
    PAUSE,
    READ,
    SHORTEST,
    WIDTH,
    Cue,
    Cues,
    StableItems,
    cues_of,
)
from brume.captions.model.items import Item, text_of

_WORDS = st.one_of(
    st.sampled_from(
        ["a", "the", "and", "speech", "is", "that", "Mr", "U.S", "porque", "internationalisation"]
    ),
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12),
    st.text(st.characters(categories=["L"]), min_size=50, max_size=60),
)
_MARK = st.sampled_from([""] * 6 + [",", ".", "?", ";"])
_GAP = st.one_of(st.sampled_from([0.0, 0.0, 0.05, 0.1]), st.floats(0.0, 12.0))
_LENGTH = st.one_of(st.floats(0.05, 0.6), st.floats(0.0, 9.0))


@st.composite
def streams(draw: st.DrawFn) -> list[Item]:
    """Words in order, spoken at any speed, with pauses and punctuation."""
    now, found = 0.0, []
    for _ in range(draw(st.integers(0, 40))):
        now += draw(_GAP)
        end = now + draw(_LENGTH)
        found.append(Item(draw(_WORDS), now, end, True, stable=True))
        if mark := draw(_MARK):
            found.append(Item(mark, end, end, False, stable=True))
        now = end
    return found


def spoken_items(text: str, *, start: float = 0.0, pace: float = 15.0) -> list[Item]:
    """Return the items of a text, spoken at `pace` characters a second; `|` is a pause of two seconds."""
    now, found = start, []
    for word in text.split():
        if word == "|":
            now += 2.0
            continue
        bare = word.rstrip(".,?!;:")
        end = now + len(bare) / pace
        found.append(Item(bare, now, end, True, stable=True))
        if len(bare) < len(word):
            found.append(Item(word[len(bare)], end, end, False, stable=True))
        now = end + 1 / pace
    return found


def whole(items: list[Item]) -> list[Cue]:
    maker = Cues()
    return [*maker.accept(items), *maker.finish()]


def words_of(cues: list[Cue]) -> str:
    return " ".join(line for cue in cues for line in cue.lines)


@given(streams())
def test_every_word_is_in_one_cue_in_order_and_cues_never_overlap(items: list[Item]) -> None:
    cues = whole(items)
    assert words_of(cues) == text_of(items)
    assert [cue.number for cue in cues] == list(range(1, len(cues) + 1))
    for cue in cues:
        assert 0 <= cue.start < cue.end <= cue.start + LONGEST + 0.002
        assert cue.start == round(cue.start, 3) and cue.end == round(cue.end, 3)
        assert all(cue.lines)
        if len(cue.lines) > LINES or max(map(len, cue.lines)) > WIDTH:
            assert len(cue.lines) == 1 and len(cue.lines[0].split()) == 1, cue
    for one, other in itertools.pairwise(cues):
        assert one.end <= other.start


@given(streams(), st.data())
def test_cues_are_the_same_however_the_words_come(items: list[Item], data: st.DataObject) -> None:
    maker, found, begin = Cues(), [], 0
    while begin < len(items):
        end = data.draw(st.integers(begin + 1, len(items)))
        found += maker.accept(items[begin:end])
        ahead = items[end].start if end < len(items) else items[-1].end + 20
        if end == len(items) or items[end].pronunciation:
            found += maker.advance(data.draw(st.floats(0, ahead)))
        if end < len(items):
            # A cue to come is never before what was called settled: segments up to there are complete.
            settled, begins = maker.settled, len(found)
            rest = whole(items)[begins:]
            assert all(cue.start >= round(settled, 3) for cue in rest)
        begin = end
    assert [*found, *maker.finish()] == whole(items)


@given(streams())
def test_reading_speed_is_kept_where_the_speech_allows_it(items: list[Item]) -> None:
    cues, position = whole(items), 0
    words = [item for item in items if item.pronunciation]
    spoken: list[float] = []  # when the first word of each cue begins
    for cue in cues:
        spoken.append(words[position].start)
        position += len(" ".join(cue.lines).split())
    for index, cue in enumerate(cues):
        size, shown = len(" ".join(cue.lines)), cue.end - cue.start + 0.0021
        following = spoken[index + 1] if index + 1 < len(cues) else float("inf")
        if size <= WIDTH * LINES and (size / shown > READ or shown < SHORTEST):
            assert cue.end >= following - 0.002, "it went before the next word came"
        if size <= WIDTH * LINES and size / shown > FASTEST:
            assert cue.end >= following + LATE - 0.0021, "the next could have waited"
        assert cue.start - spoken[index] <= LATE + 0.002 * len(cues), "cues come later and later"


def test_a_pause_completes_a_cue_while_it_lasts() -> None:
    maker, items = Cues(), spoken_items("All is well.")
    assert maker.accept(items) == [] and maker.settled == 0
    assert maker.advance(items[-1].end + PAUSE / 2) == []
    (cue,) = maker.advance(items[-1].end + PAUSE + 1)
    assert cue.lines == ("All is well.",) and maker.settled == items[-1].end + PAUSE + 1
    assert maker.finish() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "When the rain had stopped, the children went out to play in the garden behind the house.",
            [
                ("When the rain had stopped,", "the children went out to play"),
                ("in the garden behind the house.",),
            ],
        ),
        (
            "I saw Mr. Smith of the U.S. Embassy. He was looking for the man that we had met in Paris.",
            [
                ("I saw Mr. Smith of the U.S. Embassy.",),
                ("He was looking for the man", "that we had met in Paris."),
            ],
        ),
        (
            "Yes. | And so my fellow Americans ask not what your country can do for you",
            [("Yes.",), ("And so my fellow Americans ask not", "what your country can do for you")],
        ),
        (
            "Cuando llegamos a la casa, no había nadie que abriera la puerta de la calle.",
            [("Cuando llegamos a la casa, no había nadie", "que abriera la puerta de la calle.")],
        ),
        (
            "El Sr. García vive en la calle de los olivos. Trabaja con su hermano porque no halló otra cosa.",
            [
                ("El Sr. García vive", "en la calle de los olivos."),
                ("Trabaja con su hermano", "porque no halló otra cosa."),
            ],
        ),
    ],
)
def test_lines_are_broken_where_clauses_end(text: str, expected: list[tuple[str, ...]]) -> None:
    assert [cue.lines for cue in whole(spoken_items(text))] == expected


def test_results_that_are_shown_again_give_each_stable_word_once() -> None:
    items = spoken_items("one two, three four.")
    shown = [Item(one.text, one.start, one.end, one.pronunciation, stable=False) for one in items]
    taken = StableItems()
    assert taken.accept("a", shown[:2], partial=True) == []
    assert taken.accept("a", [*items[:2], *shown[2:4]], partial=True) == items[:2]
    assert taken.accept("a", [*items[:2], *shown[2:3]], partial=True) == []
    assert taken.accept("a", shown, partial=False) == shown[2:]
    assert taken.accept("b", items[:1], partial=True) == items[:1]


def test_two_channels_have_cues_of_their_own() -> None:
    left, right = (
        spoken_items("This is the one who calls about the parcel."),
        spoken_items("And this is the other one.", start=0.5),
    )
    cues = cues_of([left, right])
    assert [cue.lines[0] for cue in cues] == ["This is the one who calls", "And this is the other one."]
    assert [cue.number for cue in cues] == [1, 2] and cues[1].start < cues[0].end
    assert all(cue.end - cue.start > 1 for cue in cues)
