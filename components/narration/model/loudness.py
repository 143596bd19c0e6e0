"""Loudness of speech (ITU-R BS.1770-4), and a limiter of its true peaks."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brume.narration.model.voice import Samples

TARGET = -16.0  # LUFS, as podcasts have it
PEAK = -1.0  # dBTP
_MARGIN = 0.5  # dB that a change of the rate or an encoder may add to a peak
_BLOCK, _STEP = 0.4, 0.1  # seconds
_SILENT, _GATE = -70.0, -10.0  # LUFS, and LU below the mean
_SMOOTH = 0.005  # seconds on either side of a peak over which the limiter turns down
_TIMES = 4  # the rate at which peaks are looked for, as in the standard
_PIECE, _REACH = 512, 12  # samples that are looked at together, and on either side of one


@cache
def _filters(rate: int) -> tuple[tuple[list[float], list[float]], ...]:
    """Return the two filters of the K-weighting for a rate (Hz).

    The standard gives their coefficients for 48 kHz; these are the filters that have them there (B. De Man,
    "Evaluation of Implementations of the EBU R128 Loudness Measurement", AES 145, 2018).
    """
    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = (
        [(high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0, (high - band * k / q + k * k) / a0],
        [1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0],
    )
    k = math.tan(math.pi * 38.13547087602444 / rate)
    q = 0.5003270373238773
    a0 = 1 + k / q + k * k
    return shelf, ([1.0, -2.0, 1.0], [1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])


def loudness(samples: Samples, rate: int) -> float:
    """Return the integrated loudness of one channel in LUFS; minus infinity for silence.

    Sound shorter than a block of 400 ms is taken as one block.
    """
    import scipy.signal

    weighted: NDArray[Any] = np.asarray(samples, np.float64)
    for numerator, denominator in _filters(rate):
        weighted = scipy.signal.lfilter(numerator, denominator, weighted)
    size, step = round(_BLOCK * rate), round(_STEP * rate)
    if not len(weighted):
        return -math.inf
    squares = np.concatenate([[0.0], np.cumsum(weighted * weighted)])
    starts = np.arange(0, max(len(weighted) - size, 0) + 1, step)
    power = (squares[np.minimum(starts + size, len(weighted))] - squares[starts]) / min(size, len(weighted))
    power = power[power > _power(_SILENT)]
    if not len(power):
        return -math.inf
    return _lufs(float(power[power > power.mean() * 10 ** (_GATE / 10)].mean()))


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


@cache
def _between() -> tuple[Samples, ...]:
    """Return the filters of the values between two samples: a sinc in a Kaiser window, phase by phase."""
    places = np.arange(-_REACH, _REACH + 1)
    window = np.kaiser(2 * _REACH * _TIMES + 1, 8.0)
    found = []
    for phase in range(1, _TIMES):
        taps = np.sinc(places + phase / _TIMES)
        at = (places * _TIMES + phase + _REACH * _TIMES).clip(0, len(window) - 1)
        found.append((taps * window[at]).astype(np.float32))
    return tuple(found)


def _peaks(samples: Samples, floor: float = 0.0) -> Samples:
    """Return the highest value at and after each sample, those before the next one included.

    Where nothing is half as loud as `floor`, samples stand for themselves.
    """
    found = np.abs(samples)
    for start in range(0, len(samples), _PIECE):
        if found[start : start + _PIECE].max() * 2 < floor:
            continue
        first = max(start - _REACH, 0)
        piece = samples[first : start + _PIECE + _REACH]
        if len(piece) < 2 * _REACH + 1:
            piece = np.pad(piece, (0, 2 * _REACH + 1 - len(piece)))
        here = slice(start - first, start - first + min(_PIECE, len(samples) - start))
        for taps in _between():
            values = np.abs(np.convolve(piece, taps, "same"))[here]
            np.maximum(found[start : start + _PIECE], values, out=found[start : start + _PIECE])
    return found


def true_peak(samples: Samples) -> float:
    """Return the highest true peak in dBTP; minus infinity for silence."""
    highest = float(_peaks(samples).max(initial=0.0))
    return 20 * math.log10(highest) if highest > 0 else -math.inf


def levelled(samples: Samples, rate: int, target: float = TARGET) -> Samples:
    """Return sound at a loudness (LUFS); silence stays silent."""
    found = loudness(samples, rate)
    return samples if found == -math.inf else samples * np.float32(10 ** ((target - found) / 20))


def limited(samples: Samples, rate: int, peak: float = PEAK) -> Samples:
    """Return sound without a true peak above `peak` dBTP: it is turned down around each, and nowhere else."""
    import scipy.ndimage

    highest = np.float32(10 ** ((peak - _MARGIN) / 20))
    peaks = _peaks(samples, float(highest))
    if not len(peaks) or peaks.max() <= highest:
        return samples
    half = round(_SMOOTH * rate)
    needed = np.minimum(highest / np.maximum(peaks, 1e-9), 1.0)
    held = scipy.ndimage.minimum_filter1d(needed, 4 * half + 1, mode="nearest")
    gain = held
    for _ in range(2):  # a triangle, as far as the lowest value is held
        gain = scipy.ndimage.uniform_filter1d(gain, 2 * half + 1, mode="nearest")
    return np.asarray(samples * gain.astype(np.float32), np.float32)
