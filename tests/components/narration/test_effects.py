"""What each element of SSML does to the sound that comes back: measured, on tones of known length."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest

from brume.narration.model.compression import compressed
from tests.components.narration.tones import GAP, HERTZ, LETTER, Choir, polly, samples, serve_narration, speak

RATE = 16000


@pytest.fixture(scope="module")
def choir() -> Choir:
    return Choir()


@pytest.fixture(scope="module")
def boto(tmp_path_factory: pytest.TempPathFactory, choir: Choir) -> Iterator[Any]:
    with (
        mock.patch.dict(os.environ, BRUME_NARRATION_CACHE="1"),  # nothing is spoken from memory
        serve_narration(tmp_path_factory.mktemp("effects"), choir) as url,
    ):
        yield polly(url)


def sound(boto: Any, inside: str) -> Any:
    return samples(speak(boto, f"<speak>{inside}</speak>", TextType="ssml"))


def seconds(values: Any) -> float:
    return len(values) / RATE


def tone(values: Any) -> Any:
    """Return the loud part of a sound."""
    loud = np.flatnonzero(np.abs(values) > 0.02)
    return values[loud[0] : loud[-1] + 1]


def hertz(values: Any) -> float:
    part = tone(values)
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 4 * RATE))
    return float(np.argmax(spectrum)) / 4


def level(values: Any) -> float:
    """Return dB of the loud part."""
    return float(10 * np.log10(np.mean(tone(values) ** 2)))


@pytest.mark.parametrize(
    ("element", "longer"),
    [
        ('<break time="500ms"/>', 0.5),
        ('<break time="2s"/>', 2.0),
        ('<break strength="weak"/>', 0.2),
        ('<break strength="x-strong"/>', 1.0),
        ("<break/>", 0.3),
        ('<break time="500ms"/><break time="750ms"/> <break/>', 1.55),
    ],
)
def test_break(boto: Any, element: str, longer: float) -> None:
    pause = max(np.diff(np.flatnonzero(np.abs(sound(boto, f"abcdef {element} abcdef")) > 0.02))) / RATE
    assert abs(pause - longer) < 0.03


def test_no_break_takes_the_pause_of_a_comma_away(boto: Any) -> None:
    assert seconds(sound(boto, 'abc, <break strength="none"/>abc')) < seconds(sound(boto, "abc, abc")) - 0.1


@pytest.mark.parametrize(("rate", "factor"), [("50%", 0.5), ("200%", 2.0), ("x-slow", 0.5), ("fast", 1.25)])
def test_prosody_rate(boto: Any, rate: str, factor: float) -> None:
    word = "abcdefghij"
    found = sound(boto, f'<prosody rate="{rate}">{word}</prosody>')
    assert abs(seconds(tone(found)) - len(word) * LETTER / factor) < 0.02


@pytest.mark.parametrize(("pitch", "factor"), [("+50%", 1.5), ("-33.3%", 0.667), ("high", 2 ** (2 / 12))])
def test_prosody_pitch(boto: Any, pitch: str, factor: float) -> None:
    assert abs(hertz(sound(boto, f'<prosody pitch="{pitch}">abcdef</prosody>')) / HERTZ - factor) < 0.01


@pytest.mark.parametrize(("volume", "change"), [("-6dB", -6), ("soft", -6), ("x-soft", -12), ("-20dB", -20)])
def test_prosody_volume(boto: Any, volume: str, change: float) -> None:
    plain = level(sound(boto, "abcdef"))
    assert abs(level(sound(boto, f'<prosody volume="{volume}">abcdef</prosody>')) - plain - change) < 0.5


def test_prosody_silent(boto: Any) -> None:
    found = sound(boto, '<prosody volume="silent">abcdef</prosody>')
    assert seconds(found) > 6 * LETTER
    assert np.abs(found).max() < 0.001


def first_word(values: Any) -> Any:
    """Return the first of two tones."""
    loud = np.flatnonzero(np.abs(values) > 0.02)
    gap = int(np.argmax(np.diff(loud)))
    return values[loud[0] : loud[gap] + 1]


@pytest.mark.parametrize(("which", "slower", "louder"), [("strong", True, True), ("reduced", False, False)])
def test_emphasis(boto: Any, which: str, slower: bool, louder: bool) -> None:
    plain = first_word(sound(boto, "abcdefghij uvw"))
    found = first_word(sound(boto, f'<emphasis level="{which}">abcdefghij</emphasis> uvw'))
    assert (seconds(found) > seconds(plain) + 0.02) == slower
    assert (level(found) > level(plain) + 1) == louder
    assert (level(found) < level(plain) - 1) == (not louder)


@pytest.mark.parametrize("element", ["<p>{}</p><p>{}</p>", "<s>{}</s><s>{}</s>", "{}. {}."])
def test_paragraphs_and_sentences(boto: Any, element: str) -> None:
    apart, together = sound(boto, element.format("abc", "abc")), sound(boto, "abc abc")
    assert seconds(apart) > seconds(together) + (0.4 if "<p>" in element else 0.05)


def test_two_paragraphs_are_farther_apart_than_two_sentences(boto: Any) -> None:
    paragraphs, sentences = sound(boto, "<p>abc</p><p>abc</p>"), sound(boto, "<s>abc</s><s>abc</s>")
    assert seconds(paragraphs) > seconds(sentences) + 0.3


@pytest.mark.parametrize(
    ("inside", "read"),
    [
        ('<sub alias="World Wide Web">W3C</sub>', "World Wide Web"),
        ('<say-as interpret-as="characters">abc</say-as>', "A B C"),
        ('<say-as interpret-as="spell-out">abc</say-as>', "A B C"),
        ('<say-as interpret-as="cardinal">12</say-as>', "twelve"),
        ('<say-as interpret-as="number">12</say-as>', "twelve"),
        ('<say-as interpret-as="ordinal">12</say-as>', "twelfth"),
        ('<say-as interpret-as="digits">12</say-as>', "one two"),
        ('<say-as interpret-as="fraction">3/5</say-as>', "three fifths"),
        ('<say-as interpret-as="unit">10km</say-as>', "ten kilometers"),
        ('<say-as interpret-as="date" format="mdy">1/2/2020</say-as>', "January second"),
        ('<say-as interpret-as="date" format="dmy">1/2/2020</say-as>', "February first"),
        ('<say-as interpret-as="date">20200102</say-as>', "January second"),
        ('<say-as interpret-as="time">1\'21"</say-as>', "one minute"),
        ('<say-as interpret-as="address">12 Main St.</say-as>', "twelve Main Street"),
        ('<say-as interpret-as="telephone">555-1234</say-as>', "five five five"),
        ("kubectl", "kubectl"),
    ],
)
def test_what_is_read_in_place_of_what_is_written(boto: Any, choir: Choir, inside: str, read: str) -> None:
    choir.voices["anna"].spoken.clear()
    found = sound(boto, inside)
    (spoken,) = choir.voices["anna"].spoken
    assert read.casefold() in spoken.casefold()
    letters = len(spoken.replace(" ", ""))
    assert -0.02 < seconds(tone(found)) - letters * LETTER < 2 * GAP + 0.02  # up to three words


def test_expletives_are_replaced_by_a_beep(boto: Any, choir: Choir) -> None:
    choir.voices["anna"].spoken.clear()
    sound(boto, 'a <say-as interpret-as="expletive">blast</say-as> b')
    assert choir.voices["anna"].spoken == ["a beep b"]


@pytest.mark.parametrize(
    ("inside", "letters"),
    [
        ('<phoneme alphabet="ipa" ph="abcdefghijk">a</phoneme>', 11),
        ("<phoneme alphabet='x-sampa' ph='pI\"kA:n'>a</phoneme>", 7),
        ('<w role="amazon:VBD">read</w>', 3),
        ('<w role="amazon:VB">read</w>', 4),
    ],
)
def test_phonemes(boto: Any, inside: str, letters: int) -> None:
    """The voice of tones speaks one tone for each letter of IPA."""
    assert abs(seconds(tone(sound(boto, inside))) - letters * LETTER) < 0.02


def test_lang(boto: Any, choir: Choir) -> None:
    choir.voices["carlos"].spoken.clear()
    sound(boto, 'one <lang xml:lang="es-ES">dos</lang> three')
    assert choir.voices["carlos"].spoken == ["dos"]


def test_dynamic_range_compression(boto: Any) -> None:
    """Soft sounds come nearer to loud ones; all of it is as loud as it was."""
    times = np.arange(24000) / 24000
    given = (np.sin(2 * np.pi * HERTZ * times) * np.where(times < 0.5, 0.5, 0.1)).astype(np.float32)
    found = compressed(given, 24000)
    apart = [level(part[: len(part) // 2]) - level(part[len(part) // 2 :]) for part in (given, found)]
    assert apart[0] - apart[1] > 6
    assert abs(level(found) - level(given)) < 0.5
    plain = sound(boto, "abc")
    assert len(sound(boto, '<amazon:effect name="drc">abc</amazon:effect>')) == len(plain)
