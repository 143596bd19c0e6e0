"""The packaged neural voices: equal samples, true times, and what each part of the prosody does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from brume.narration.model.loudness import loudness, true_peak
from brume.narration.model.script import Sentence, Word
from brume.narration.model.synthesis import RATE, Spoken, synthesise
from brume.narration.model.voice import Sound, Voice, VoiceError
from tests.components.narration.installed import require_voice, words

TEXT = "Birds sing, rivers run; the sun is high. Later, we walk home."
_HASH = """
import hashlib
from tests.components.narration.installed import require_voice, words
sound = require_voice("Heart").speak(words({text!r}))
print(hashlib.sha256(sound.samples.tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def heart() -> Voice:
    return require_voice("Heart")


def silences(sound: Sound) -> list[tuple[float, float]]:
    """Return the pauses inside a sound, in seconds: where it is quiet for a tenth of a second."""
    step = sound.rate // 200
    count = len(sound.samples) // step
    level = np.sqrt(np.mean(sound.samples[: count * step].reshape(count, step) ** 2, axis=1))
    quiet = np.concatenate([[False], level < 0.02 * level.max(), [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(int))).reshape(-1, 2)
    return [
        (start / 200, end / 200) for start, end in edges if end - start >= 20 and start > 0 and end < count
    ]


def test_the_same_text_gives_the_same_samples_in_another_process(heart: Voice) -> None:
    import hashlib

    done = subprocess.run(
        [sys.executable, "-c", _HASH.format(text=TEXT)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == hashlib.sha256(heart.speak(words(TEXT)).samples.tobytes()).hexdigest()


def test_words_begin_where_the_sound_does_after_each_pause(heart: Voice) -> None:
    """Pauses are where a word's time can be checked against the sound alone."""
    sound = heart.speak(words(TEXT))
    times = [time for time in sound.words if time is not None]
    assert len(times) == len(words(TEXT))
    pauses = silences(sound)
    assert len(pauses) >= 2
    for _, end in pauses:
        assert min(abs(time.start - end) for time in times) < 0.1
    assert [time.start for time in times] == sorted(time.start for time in times)
    assert times[-1].end <= len(sound.samples) / sound.rate
    assert all(time.end > time.start for time in sound.phonemes)


@pytest.mark.parametrize("rate", [0.35, 0.5, 2.0])
def test_times_hold_at_every_rate(heart: Voice, rate: float) -> None:
    normal, changed = heart.speak(words(TEXT)), heart.speak(words(TEXT), rate=rate)
    assert len(changed.samples) * rate == pytest.approx(len(normal.samples), rel=0.1)
    times = [time for time in changed.words if time is not None]
    apart = [min((time.start - end for time in times), key=abs) for _, end in silences(changed)]
    assert abs(float(np.median(apart))) < 0.06
    assert all(abs(one) < 0.15 for one in apart)


@pytest.mark.parametrize("semitones", [-4.0, 4.0])
def test_the_pitch_is_changed_and_the_length_is_not(heart: Voice, semitones: float) -> None:
    normal, changed = heart.speak(words(TEXT)), heart.speak(words(TEXT), pitch=semitones)
    assert len(changed.samples) == len(normal.samples)
    assert hertz(changed) / hertz(normal) == pytest.approx(2 ** (semitones / 12), rel=0.06)


def hertz(sound: Sound) -> float:
    """Return the median pitch of a voice, by the autocorrelation of its loud parts."""
    size = sound.rate // 20
    frames = sound.samples[: len(sound.samples) // size * size].reshape(-1, size)
    loud = frames[np.sqrt((frames**2).mean(axis=1)) > 0.3 * np.sqrt((frames**2).mean(axis=1)).max()]
    lags = range(sound.rate // 400, sound.rate // 90)
    return float(
        np.median([sound.rate / max(lags, key=lambda lag: float(np.dot(f[lag:], f[:-lag]))) for f in loud])
    )


def test_phonemes_that_are_given_are_spoken(heart: Voice) -> None:
    (plain,) = words("pecan")
    given = Word("pecan", 0, 5, "pecan", phonemes="pɪˈkɑːn")
    assert [phoneme.text for phoneme in heart.speak([given]).phonemes] == ["p", "ɪ", "k", "ɑ", "n"]
    assert not np.array_equal(heart.speak([plain]).samples, heart.speak([given]).samples)


def test_a_long_sentence_without_punctuation_is_spoken_whole(heart: Voice) -> None:
    text = "word " * 100
    sound = heart.speak(words(text))
    assert all(time is not None for time in sound.words)
    assert len(sound.samples) / sound.rate > 20


def test_words_of_another_script_are_named(heart: Voice) -> None:
    sound = heart.speak(words("The city 北京 is big."))
    assert [time is None for time in sound.words] == [False, False, True, False, False]
    with pytest.raises(VoiceError, match="voice Heart cannot say '北京': it speaks en-US"):
        heart.speak(words("北京"))


def spoken(voice: Voice, texts: Sequence[str], language: str = "en") -> list[Spoken]:
    found, start = [], 0
    for text in texts:
        found.append(Sentence(start, start + len(text), tuple(words(text, language, start))))
        start += len(text) + 1
    return list(synthesise(found, voice, lambda code: voice))


def test_speech_has_the_loudness_of_podcasts(heart: Voice) -> None:
    texts = [
        "It was a quiet morning.",
        "Nobody spoke!",
        "Then the phone rang, and everyone looked up at once.",
    ]
    sound = np.concatenate([one.samples for one in spoken(heart, texts)])
    assert loudness(sound, RATE) == pytest.approx(-16, abs=1)
    assert true_peak(sound) <= -1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("ef_dora", "Primero comimos. Después dormimos.", "es"),
        ("bf_emma", "First we ate. Then we slept.", "en"),
    ],
)
def test_kokoros_voices_speak_with_true_times(name: str, text: str, language: str) -> None:
    voice = require_voice(name)
    sound = voice.speak(words(text, language))
    times = [time for time in sound.words if time is not None]
    assert len(times) == len(text.split())
    loud = np.flatnonzero(np.abs(sound.samples) > 0.02 * np.abs(sound.samples).max()) / sound.rate
    assert times[0].start == pytest.approx(loud[0], abs=0.1)
    assert loud[-1] - 0.1 < times[-1].end <= len(sound.samples) / sound.rate
    again = voice.speak(words(text, language), pitch=3.0)
    assert hertz(again) > 1.08 * hertz(sound)
    assert len(again.samples) == pytest.approx(len(sound.samples), rel=0.1)
