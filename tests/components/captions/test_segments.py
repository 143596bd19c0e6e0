"""Where segments begin and end, by doubles of the voice (loudness) and of the decoder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brume.captions.model import segments
from brume.captions.model.hypothesis import RATE, Hypothesis, Samples, Word
from brume.captions.model.segments import Segments, SegmentSettings
from brume.captions.model.voice import FRAME


class Loudness:
    """A double of the voice: a frame that is not silent holds one."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    def accept(self, samples: Samples) -> Samples:
        audio = np.concatenate([self._rest, samples])
        count = len(audio) // FRAME
        self._rest = audio[count * FRAME :]
        return np.abs(audio[: count * FRAME]).reshape(-1, FRAME).max(axis=1, initial=0).astype(np.float32)


class Decoder:
    """A double of Whisper: a word wherever the samples change sign, named after the value before."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.silent = False
        self.ends = ""  # after this word it takes the speech for complete

    def decode(self, samples: Samples, language: str, *, beam: int = 1) -> list[Word]:
        self.seconds.append(len(samples) / RATE)
        if self.silent:
            return []
        found = []
        steps = np.flatnonzero(np.diff(samples, prepend=np.float32(0), append=np.float32(0)))
        for start, end in itertools.pairwise(steps):
            value = float(samples[start])
            if value:
                found.append(Word(f"w{round((value - 0.5) * 1000)}", start / RATE, end / RATE, 0.9))
                if found[-1].text == self.ends:
                    break
        return found


@pytest.fixture(autouse=True)
def loudness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "Voice", Loudness)


def spoken(numbers: Iterator[int] | range, seconds: float = 0.4) -> Samples:
    """Return words one after the other, each a constant of its own."""
    return np.concatenate(
        [np.full(int(seconds * RATE), 0.5 + number / 1000, np.float32) for number in numbers]
    )


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def play(audio: Samples, decoder: Decoder, piece: int = 4000, **settings: float) -> list[Hypothesis]:
    found: list[Hypothesis] = []
    stream = Segments(decoder, "en", settings=SegmentSettings(**settings))  # type: ignore[arg-type]
    for start in range(0, len(audio), piece):
        found += stream.accept(audio[start : start + piece])
    return found + stream.finish()


def finals(found: list[Hypothesis]) -> list[str]:
    return [" ".join(word.text[1:] for word in one.words) for one in found if one.final]


def test_a_pause_ends_a_segment_and_silence_is_not_decoded() -> None:
    decoder = Decoder()
    audio = np.concatenate(
        [silence(20), spoken(range(10, 15)), silence(30), spoken(range(20, 23)), silence(9)]
    )
    found = play(audio, decoder)
    assert finals(found) == ["10 11 12 13 14", "20 21 22"]
    assert sum(decoder.seconds) < 120
    assert [one.segment for one in found if one.final] == [0, 1]
    assert found[-1].heard < 60, "the pause ends the segment, not the end of the stream"
    for one in found:
        assert all(one.start <= word.start <= word.end <= one.heard + 1e-6 for word in one.words)


def test_long_speech_is_cut_between_words_and_loses_none() -> None:
    found = play(spoken(range(10, 99)), Decoder())
    assert len(finals(found)) >= 3
    assert " ".join(finals(found)).split() == [str(number) for number in range(10, 99)]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.7, 1.0, 6.5])), min_size=1, max_size=3),
    st.sampled_from([1600, 4000, 5001, 90_000]),
)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_every_word_is_in_one_segment_whatever_the_pieces(parts: list[tuple[int, float]], piece: int) -> None:
    numbers = iter(range(10, 999))
    audio = [silence(1)]
    count = 0
    for words, pause in parts:
        audio += [spoken(iter([next(numbers) for _ in range(words)])), silence(pause)]
        count += words
    found = play(np.concatenate(audio), Decoder(), piece)
    assert " ".join(finals(found)).split() == [str(number) for number in range(10, 10 + count)]
    open_segments = [one.segment for one in found]
    assert open_segments == sorted(open_segments)


def test_what_was_shown_does_not_vanish_when_the_last_decoding_finds_nothing() -> None:
    decoder = Decoder()
    stream = Segments(decoder, "en")
    shown = stream.accept(np.concatenate([silence(1), spoken(range(10, 13))]))
    assert shown[-1].words
    decoder.silent = True
    (last,) = stream.accept(silence(2))
    assert last.final
    assert finals([last]) == ["10 11 12"]


def test_what_follows_a_word_that_ends_the_decoding_is_not_lost() -> None:
    decoder = Decoder()
    decoder.ends = "w20"
    audio = np.concatenate([silence(1), spoken(range(10, 30)), silence(2)])
    found = play(audio, decoder)
    assert finals(found) == [" ".join(str(number) for number in range(10, 30))]


def test_words_whose_times_end_too_early_are_not_heard_twice() -> None:
    """An alignment may crowd slow speech into its beginning."""

    class Early(Decoder):
        def decode(self, samples: Samples, language: str, *, beam: int = 1) -> list[Word]:
            found = super().decode(samples, language, beam=beam)
            return [word.at(word.start / 4, word.end / 4) for word in found[-5:]]

    audio = np.concatenate([spoken(range(10, 15), 1.0), silence(2)])
    assert finals(play(audio, Early())) == ["10 11 12 13 14"]


def test_a_large_piece_is_decoded_once_before_its_ends() -> None:
    """What is behind is taken in one step: a stream that is late does less work, not more."""
    audio = np.concatenate([silence(1), spoken(range(10, 30))])
    small, large = Decoder(), Decoder()
    play(audio, small, 4000)
    play(audio, large, len(audio))
    assert len(large.seconds) <= 3 < len(small.seconds)


def test_an_hour_of_audio_is_not_kept() -> None:
    stream = Segments(Decoder(), "en", partials=False)
    audio = np.concatenate([spoken(range(10, 20)), silence(26)])
    for _ in range(20):
        stream.accept(audio)
    assert len(stream._audio) < 30 * RATE
