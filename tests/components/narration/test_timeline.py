"""Times: a mark is where its word sounds, whatever comes before it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.narration.model.articles.article import Block
from brume.narration.model.passages import passages
from brume.narration.model.site import tracks
from brume.narration.model.timeline import MarksError, Spoken, Timeline, clock, joined, timeline
from tests.components.narration.polly import speak

RATE = 16000


def spoken_of(blocks: list[Block]) -> list[Spoken]:
    found = []
    for passage in passages(blocks, "en-US"):
        pcm, marks = speak(passage.ssml, RATE)
        samples = np.frombuffer(pcm, "<i2")
        found.append(Spoken(lambda samples=samples: samples, len(samples), marks))  # type: ignore[misc]
    return found


def made(blocks: list[Block]) -> tuple[Timeline, np.ndarray[Any, Any]]:
    found = passages(blocks, "en-US"), spoken_of(blocks)
    return timeline(blocks, *found, RATE), np.concatenate(list(joined(blocks, *found, RATE)))


def paragraphs(*texts: str) -> list[Block]:
    return [Block("paragraph", text) for text in texts]


WORDS = st.sampled_from(["One", "two", "naïve", "<tag>", "R&D", "🌊", "日本", "three.", "four!", "señor,"])
TEXTS = st.lists(WORDS, min_size=1, max_size=8).map(" ".join).filter(lambda text: any(map(str.isalnum, text)))


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_every_word_begins_where_its_tone_does(texts: list[str]) -> None:
    times, samples = made(paragraphs(*texts))
    assert times.seconds == len(samples) / RATE
    loud = np.abs(samples.astype(np.int32)) > 500
    before = -1.0
    for one in times.blocks:
        assert one.words and one.sentences
        for word in one.words:
            assert any(map(str.isalnum, one.block.text[word.start : word.end]))
            assert before <= word.begins < word.ends <= one.ends + 1e-9
            before = word.begins
            start = round(word.begins * RATE)
            assert not loud[start - RATE // 50 : start - RATE // 500].any(), "it is silent before a word"
            assert loud[start : start + RATE // 50].any(), "a word sounds from its start"
        for sentence in one.sentences:
            assert one.begins <= sentence.begins < sentence.ends <= one.ends + 1e-9


def test_times_do_not_drift_over_a_long_article() -> None:
    blocks = paragraphs(*(f"Paragraph {number} has some words." for number in range(400)))
    times, samples = made(blocks)
    last = times.blocks[-1].words[-1]
    start = round(last.begins * RATE)
    assert np.abs(samples[start : start + 400].astype(int)).max() > 5000
    assert np.abs(samples[start - 300 : start - 30].astype(int)).max() == 0


def test_a_word_ends_with_its_sound_not_with_the_pause_after_it() -> None:
    times, _ = made(paragraphs("One. Two."))
    first, second = times.blocks[0].words
    assert first.ends < second.begins - 0.15
    assert times.blocks[0].sentences[0].ends == first.ends


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"time": 99_000}, "is after the end of its sound"),
        ({"time": -1}, "is before the one before it"),
        ({"start": 0, "end": 3}, "is at no character of the text"),
    ],
)
def test_marks_that_do_not_fit_are_named(change: dict[str, int], reason: str) -> None:
    blocks = paragraphs("One two.")
    sound = spoken_of(blocks)[0]
    marks = [*sound.marks[:-1], {**sound.marks[-1], **change}]
    broken = [Spoken(sound.load, sound.samples, marks)]
    with pytest.raises(MarksError, match=reason):
        timeline(blocks, passages(blocks, "en-US"), broken, RATE)


def test_missing_marks_are_an_error_and_not_an_article_without_highlights() -> None:
    blocks = paragraphs("One two.")
    sound = spoken_of(blocks)[0]
    with pytest.raises(MarksError, match="there is no mark of a word for the text 'One two"):
        timeline(blocks, passages(blocks, "en-US"), [Spoken(sound.load, sound.samples, [])], RATE)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_marks_have_bytes_of_the_transcript(texts: list[str]) -> None:
    times, _ = made(paragraphs(*texts))
    data = tracks.transcript(times).encode()
    marks = [json.loads(line) for line in tracks.marks(times).splitlines()]
    assert [mark["time"] for mark in marks] == sorted(mark["time"] for mark in marks)
    for mark in marks:
        assert data[mark["start"] : mark["end"]].decode() == mark["value"]
    assert sum(mark["type"] == "word" for mark in marks) == sum(len(one.words) for one in times.blocks)


def test_the_player_counts_as_javascript_does() -> None:
    times, _ = made(paragraphs("The 🌊🌊 sea."))
    block = tracks.player_marks(times, "en")["blocks"][0]
    units = block["text"].encode("utf-16-le")
    words = [units[2 * start : 2 * end].decode("utf-16-le") for start, end, *_ in block["words"]]
    assert words == ["The", "sea"]


def test_subtitles_of_long_sentences_and_long_articles() -> None:
    times, _ = made(paragraphs("word " * 40 + "end.", *["A & B <c>."] * 3))
    lines = tracks.webvtt(times).split("\n\n")
    cues = [cue.strip().split("\n") for cue in lines[1:]]
    assert lines[0] == "WEBVTT" and [cue[0] for cue in cues] == [
        str(number) for number in range(1, len(cues) + 1)
    ]
    assert all(len(cue[2]) <= 84 for cue in cues) and len(cues) > 5
    assert " ".join(cue[2] for cue in cues[:-3]) == "word " * 40 + "end."
    assert cues[-1][2] == "A &amp; B &lt;c&gt;."
    spans = [cue[1].split(" --> ") for cue in cues]
    assert all(begins < ends for begins, ends in spans)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
    assert clock(3_725.0409) == "01:02:05.041" and clock(59.9999) == "00:01:00.000"


def test_chapters_are_the_headings() -> None:
    blocks = [
        Block("title", "The title", 1),
        Block("paragraph", "One."),
        Block("heading", "Section", 2),
        Block("heading", "Below", 3),
        Block("paragraph", "Two."),
        Block("heading", "Last", 2),
    ]
    times, _ = made(blocks)
    found = tracks.chapters(times)
    assert found["version"] == "1.2.0"
    assert [one["title"] for one in found["chapters"]] == ["The title", "Section", "Last"]
    assert found["chapters"][0]["startTime"] == 0
    assert found["chapters"][1]["startTime"] == pytest.approx(times.blocks[2].begins, abs=0.001)
