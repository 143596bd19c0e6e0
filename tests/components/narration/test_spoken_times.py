"""Sentences to sound: where words, breaks and marks are, and that nothing drifts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.narration.model.marks import Marker
from brume.narration.model.normal import normalise
from brume.narration.model.script import Break, Mark, Prosody, Sentence, Word
from brume.narration.model.synthesis import RATE, Spoken, synthesise
from brume.narration.model.voice import Sound, Timed, VoiceError, VoiceInfo

LEAD, WORD, PAUSE = 0.2, 0.3, 0.25  # seconds before the first word, of a word with its gap, after the last
GAP = 0.05
HERTZ = 440.0


class Tones:
    """A double of a voice: each word is a tone that begins at once, and as long as the others."""

    def __init__(self, language: str = "en-US", rate: int = RATE) -> None:
        self.info = VoiceInfo("tones", "Female", (language,), "neural", rate, "1", "CC0-1.0", "")
        self.calls: list[list[str]] = []

    def speak(self, words: Sequence[Word], *, rate: float = 1.0, pitch: float = 0.0) -> Sound:
        self.calls.append([word.spoken for word in words])
        own = self.info.rate
        spoken = [word for word in words if word.spoken]
        samples = np.zeros(round((LEAD + WORD / rate * len(spoken) + PAUSE) * own), np.float32)
        times = {}
        for number, word in enumerate(spoken):
            start = LEAD + number * WORD / rate
            end = start + WORD / rate - GAP
            at = np.arange(round(start * own), round(end * own))
            samples[at] = 0.1 * np.cos(2 * np.pi * HERTZ * at / own)
            times[id(word)] = Timed(word.text, start, end)
        phonemes = tuple(Timed("a", time.start, time.end) for time in times.values())
        return Sound(samples, own, tuple(times.get(id(word)) for word in words), phonemes)


def sentence(text: str, start: int = 0, **changes: object) -> Sentence:
    words = [
        Word(text[item.start : item.end], start + item.start, start + item.end, item.spoken, after=item.after)
        for item in normalise(text, "en")
    ]
    return Sentence(start, start + len(text), tuple(replace(word, **changes) for word in words))  # type: ignore[arg-type]


def joined(spoken: Sequence[Spoken]) -> np.ndarray:  # type: ignore[type-arg]
    return np.concatenate([one.samples for one in spoken])


def onsets(samples: np.ndarray) -> list[float]:  # type: ignore[type-arg]
    """Return the seconds at which sound begins after silence."""
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return [float(at) / RATE for at in loud[np.diff(loud, prepend=-RATE) > GAP / 3 * RATE]]


def starts(spoken: Sequence[Spoken]) -> list[float]:
    """Return the times of all words in the stream."""
    found, offset = [], 0
    for one in spoken:
        found += [offset / RATE + time.start for _, time in one.words]
        offset += len(one.samples)
    return found


def test_every_word_is_where_it_sounds_however_long_the_text() -> None:
    text = "One two, three four five. "
    sentences = [sentence(text, number * len(text)) for number in range(200)]
    found = list(synthesise(sentences, Tones(), lambda language: Tones()))
    assert starts(found) == pytest.approx(onsets(joined(found)), abs=0.001)
    assert len(starts(found)) == 1000


@given(
    st.lists(
        st.one_of(
            st.sampled_from(sentence("one two, three").parts),
            st.builds(Break, st.sampled_from([0.5, 10.0, 100.0]), st.just(0), st.just(1)),
            st.just(Mark("m", 0, 1)),
        ),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=30)
def test_a_sentence_that_is_divided_loses_nothing_and_keeps_its_times(
    parts: list[Word | Break | Mark],
) -> None:
    whole = Sentence(0, 99, (*parts, *sentence("end").parts))
    pieces = list(whole.divided())
    assert tuple(part for piece in pieces for part in piece.parts) == whole.parts
    assert (pieces[0].start, pieces[-1].end) == (0, 99)
    for piece in pieces:
        assert sum(part.seconds for part in piece.parts if isinstance(part, Break)) <= 220
    spoken = list(synthesise(pieces, Tones(), lambda _: Tones()))
    offsets = itertools.accumulate((len(one.samples) / RATE for one in spoken), initial=0.0)
    times = [
        (offset + time.start, offset + time.end)
        for offset, one in zip(offsets, spoken, strict=False)
        for _, time in one.words
    ]
    rests = [after[0] - before[1] for before, after in itertools.pairwise(times)]
    asked, breaks = [], 0.0
    for part in whole.parts:
        if isinstance(part, Word):
            asked.append(breaks)
        breaks = 0.0 if isinstance(part, Word) else breaks + getattr(part, "seconds", 0.0)
    assert [rest for rest, wanted in zip(rests, asked[1:], strict=True) if wanted] == pytest.approx(
        [wanted for wanted in asked[1:] if wanted], abs=0.001
    )


def test_a_text_without_an_end_is_spoken_in_pieces() -> None:
    text = "word " * 600
    pieces = list(sentence(text).divided())
    assert len(pieces) == 2
    spoken = list(synthesise(pieces, Tones(), lambda _: Tones()))
    assert starts(spoken) == pytest.approx(onsets(joined(spoken)), abs=0.001)


@given(
    seconds=st.lists(st.floats(0.2, 3.0), min_size=1, max_size=4),
    rates=st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=2, max_size=3),
)
def test_breaks_are_as_long_as_they_ask_at_every_speed(seconds: list[float], rates: list[float]) -> None:
    """Sums of breaks, and marks after a slow part, are where Azure's and a converter's were not."""
    parts: list[Word | Break | Mark] = []
    for rate in rates:
        parts += sentence("one", prosody=Prosody(rate=rate)).parts
        parts += [Break(one, 0, 1) for one in seconds]
    parts += sentence("end").parts
    (found,) = synthesise([Sentence(0, 9, tuple(parts))], Tones(), lambda language: Tones())
    times = [time for _, time in found.words]
    rests = [after.start - before.end for before, after in itertools.pairwise(times)]
    assert rests == pytest.approx([sum(seconds)] * len(rates), abs=0.001)
    assert [time.start for time in times] == pytest.approx(onsets(found.samples), abs=0.001)


def test_a_mark_before_a_break_does_not_include_it() -> None:
    parts = (Mark("first", 0, 1), *sentence("One two").parts, Mark("before", 1, 2), Break(1.0, 2, 3))
    words = sentence("three four").parts
    parts = (*parts, Mark("after", 3, 4), words[0], Mark("between", 4, 5), words[1], Mark("last", 5, 6))
    (found,) = synthesise([Sentence(0, 9, parts)], Tones(), lambda language: Tones())
    times = [time for _, time in found.words]
    marks = {mark.name: at for mark, at in found.marks}
    assert marks["first"] == pytest.approx(times[0].start)
    assert marks["before"] == pytest.approx(times[1].end)
    assert marks["after"] == pytest.approx(times[2].start, abs=0.07)
    assert marks["between"] == pytest.approx(times[3].start)
    assert marks["last"] == pytest.approx(times[3].end)


def test_words_of_another_language_are_spoken_by_its_voice_at_any_rate() -> None:
    english, spanish = Tones(), Tones("es-ES", 22050)
    parts = (*sentence("say").parts, *sentence("hola amigo", language="es").parts, *sentence("now").parts)
    (found,) = synthesise([Sentence(0, 9, parts)], english, {"es": spanish}.__getitem__)
    assert english.calls == [["say"], ["now"]]
    assert spanish.calls == [["hola", "amigo"]]
    assert [time.start for _, time in found.words] == pytest.approx(onsets(found.samples), abs=0.002)


def test_a_word_of_another_script_is_spoken_by_a_voice_that_reads_it_or_is_counted() -> None:
    english, russian = Tones(), Tones("ru-RU")

    def speaking(language: str) -> Tones:
        if language != "ru":
            raise VoiceError(f"no voice speaks {language}")
        return russian

    text = "Say привет, and 5 more"
    (found,) = synthesise([sentence(text)], english, speaking)
    assert (english.calls, russian.calls) == ([["Say"], ["and", "five", "more"]], [["привет"]])
    assert [word.text for word, _ in found.words] == ["Say", "привет", "and", "5", "more"]
    assert [time.start for _, time in found.words] == pytest.approx(onsets(found.samples), abs=0.002)
    parts = (*sentence("say").parts, Break(1.0, 3, 4), *sentence("こんにちは").parts)
    (found,) = synthesise([Sentence(0, 9, parts)], english, speaking)
    assert [word.text for word in found.unspoken] == ["こんにちは"]


def test_volume_changes_its_words_alone() -> None:
    loud = sentence("one two").parts
    quiet = sentence("three", prosody=Prosody(volume=-20)).parts
    (found,) = synthesise([Sentence(0, 9, (*loud, *quiet))], Tones(), lambda language: Tones())
    peaks = [
        float(np.abs(found.samples[round(time.start * RATE) : round(time.end * RATE)]).max())
        for _, time in found.words
    ]
    assert peaks[0] == pytest.approx(peaks[1], rel=0.01)
    assert peaks[2] == pytest.approx(peaks[0] / 10, rel=0.01)


def test_text_that_cannot_be_spoken_is_refused_by_name_before_anything_is_spoken() -> None:
    voice = Tones()
    for text, reason in (
        ("👍 👍", "nothing to say in this text: '👍 👍' has no words"),
        ("", "nothing to say in this text"),
        ("привет мир", "voice tones cannot say 'привет мир': it speaks en-US"),
    ):
        with pytest.raises(VoiceError, match=reason):
            next(
                synthesise(
                    [sentence("Hello."), sentence(text)] if text[:1] == "п" else [sentence(text)],
                    voice,
                    lambda _: voice,
                )
            )
    spoken = [sentence("Hello."), sentence("hola", language="es")]
    with pytest.raises(KeyError):  # there is no voice for it
        next(synthesise(spoken, voice, {"fr": voice}.__getitem__))
    assert not voice.calls
    (found,) = synthesise([Sentence(0, 1, (Break(0.5, 0, 1),))], voice, lambda _: voice)
    assert not found.samples.any()


def test_marks_are_in_order_and_slice_the_bytes_of_the_text() -> None:
    text = "Zoë’s café cost €5. Naïve — really? 👍 Yes."
    second, third = text.index("Naïve"), text.index("👍")
    sentences = [
        sentence(text[:second].rstrip()),
        sentence(text[second:third].rstrip(), second),
        sentence(text[third:], third),
    ]
    marker = Marker(text, {"sentence", "word", "viseme", "ssml"}, lambda phoneme: phoneme)
    lines = [
        json.loads(line)
        for spoken in synthesise(sentences, Tones(), lambda _: Tones())
        for line in marker.lines(spoken)
    ]
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    data = text.encode()
    slices = {
        kind: [data[line["start"] : line["end"]].decode() for line in lines if line["type"] == kind]
        for kind in ("sentence", "word")
    }
    assert slices["sentence"] == ["Zoë’s café cost €5.", "Naïve — really?", "👍 Yes."]
    assert slices["word"] == ["Zoë’s", "café", "cost", "€5", "Naïve", "really", "Yes"]
    values = [line["value"] for line in lines if line["type"] == "word"]
    assert values == slices["word"]
    assert [line["type"] for line in lines][:3] == ["sentence", "word", "viseme"]
    assert lines[-1]["value"] == "sil"
