"""Loudness against the values of the standard's own test signals, and the limiter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.narration.model.loudness import levelled, limited, loudness, true_peak

RATE = 24000


def tone(hertz: float, seconds: float, decibels: float, rate: int = RATE, phase: float = 0.0) -> np.ndarray:  # type: ignore[type-arg]
    """Return a sine of a peak in dBFS."""
    at = 2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate + phase
    return (10 ** (decibels / 20) * np.sin(at)).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 48000])
def test_a_full_scale_sine_of_997_hertz_has_minus_3_lufs(rate: int) -> None:
    """ITU-R BS.1770-4, annex 1: a 0 dBFS sine of 997 Hz in one channel indicates -3.01 LKFS."""
    assert loudness(tone(997, 5, 0, rate), rate) == pytest.approx(-3.01, abs=0.1)


def test_what_is_quiet_does_not_count() -> None:
    """EBU Tech 3341, case 3: -36, -23 and -36 dBFS sines have the loudness of the middle one."""
    parts = [tone(1000, 10, -36), tone(1000, 60, -23), tone(1000, 10, -36)]
    assert loudness(np.concatenate(parts), RATE) == pytest.approx(-26.0, abs=0.1)  # one channel of two
    assert loudness(np.zeros(RATE, np.float32), RATE) == -math.inf
    assert loudness(np.zeros(0, np.float32), RATE) == -math.inf


def test_peaks_between_the_samples_count() -> None:
    """EBU Tech 3341, case 16: a sine of a quarter of the rate, whose samples lie 3 dB below its peaks."""
    sound = tone(RATE / 4, 1, -6, phase=math.pi / 4)
    assert 20 * math.log10(np.abs(sound).max()) == pytest.approx(-9.01, abs=0.01)
    assert true_peak(sound[1000:-1000]) == pytest.approx(-6.0, abs=0.4)


@given(seed=st.integers(0, 1000), decibels=st.floats(-20, 30))
def test_no_true_peak_is_above_the_limit_and_the_rest_is_left_alone(seed: int, decibels: float) -> None:
    generator = np.random.default_rng(seed)
    sound = generator.standard_normal(RATE // 2).astype(np.float32) * np.float32(10 ** (decibels / 20) * 0.1)
    sound[: RATE // 8] *= 0.001
    found = limited(sound, RATE)
    assert true_peak(found) <= -1.0
    quiet = slice(0, RATE // 8 - RATE // 50)
    assert found[quiet] == pytest.approx(sound[quiet], rel=1e-4)


def test_sound_is_brought_to_a_loudness() -> None:
    sound = np.concatenate([tone(300, 2, -40), tone(300, 1, -35)])
    assert loudness(levelled(sound, RATE), RATE) == pytest.approx(-16, abs=0.01)
    assert loudness(levelled(sound, RATE, -20), RATE) == pytest.approx(-20, abs=0.01)
    assert not levelled(np.zeros(100, np.float32), RATE).any()
