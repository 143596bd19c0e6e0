"""Times of words are moved to where sound begins and ends."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from brume.captions.model.hypothesis import RATE, Samples, Word
from brume.captions.model.onsets import at_sounds


def sounds(*parts: tuple[float, float], length: float) -> Samples:
    """Return silence with tones from and to these seconds."""
    audio = np.zeros(int(length * RATE), np.float32)
    for start, end in parts:
        count = int((end - start) * RATE)
        tone = 0.3 * np.sin(2 * np.pi * 200 * np.arange(count) / RATE)
        audio[int(start * RATE) : int(start * RATE) + count] = tone
    return audio


def near(words: list[Word], *times: tuple[float, float]) -> bool:
    found = [(word.start, word.end) for word in words]
    return bool(np.allclose(found, times, atol=0.011))


def test_a_word_after_a_pause_begins_with_its_sound() -> None:
    """An alignment lets it begin where the word before ended."""
    audio = sounds((0.5, 0.9), (1.6, 2.0), length=3)
    found = at_sounds([Word("so", 0.55, 1.0, 0.9), Word("then", 1.45, 2.2, 0.9)], audio)
    assert near(found, (0.5, 0.9), (1.6, 2.0))


def test_words_without_a_pause_keep_their_order() -> None:
    audio = sounds((0.5, 1.5), length=2)
    found = at_sounds([Word("one", 0.6, 0.9, 0.9), Word("two", 0.9, 1.2, 0.9)], audio)
    assert found[0].start < found[0].end <= found[1].start < found[1].end


def test_no_word_begins_in_silence() -> None:
    """And how late a model's times are is taken off first."""
    audio = sounds((1.0, 1.4), (2.0, 2.4), length=3)
    found = at_sounds([Word("first", 0.0, 1.5, 0.9), Word("second", 2.3, 2.7, 0.9)], audio, 0.25)
    assert near(found, (1.0, 1.4), (2.0, 2.4))


def test_silence_and_nothing_are_left_alone() -> None:
    assert at_sounds([], sounds(length=1)) == []
    assert len(at_sounds([Word("a", 0.1, 0.2, 0.9)], np.zeros(0, np.float32))) == 1


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), max_size=8), st.integers(0, 48_000))
def test_times_are_in_order_whatever_was_aligned(times: list[tuple[float, float]], size: int) -> None:
    noise = np.random.default_rng(size).normal(0, 0.1, size).astype(np.float32)
    noise[: size // 2] = 0
    words = [Word("w", min(pair), max(pair), 0.5) for pair in sorted(times)]
    found = at_sounds(words, noise)
    assert [word.text for word in found] == [word.text for word in words]
    if size >= 320:
        starts = [word.start for word in found]
        assert starts == sorted(starts)
        assert all(word.start <= word.end for word in found)
