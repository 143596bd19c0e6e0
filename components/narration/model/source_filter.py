"""A waveform of the spectra and the pitch that hibari's network predicts.

With pulses of the pitch as the source E, noise Z and a free phase, as hibari-tts (Apache-2.0) has it:

    S = exp(lh) e^(i pi tanh(theta)) E + exp(ln) Z + exp(lr) e^(i phi)

each for 601 frequencies and frames of 12.5 ms; the sound is the inverse short-time Fourier transform of S.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brume.narration.model.voice import Samples

RATE, HOP = 24000, 300
_SIZE = 1200
_VOICED, _HIGHEST = 40.0, 11000.0  # Hz: the lowest pitch, and the highest harmonic
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_SIZE) / _SIZE)).astype(np.float32)
_LOUDEST = 7.0
_Array = NDArray[Any]


def waveform(
    lh: _Array, theta: _Array, ln: _Array, lr: _Array, phi: _Array, pitch: _Array, *, seed: int = 0
) -> Samples:
    """Return samples [frames * HOP] of spectra [601, frames] (float32) and a pitch [frames] in Hz.

    `seed` is of the noise: the same seed gives the same samples.
    """
    import scipy.fft

    frames = lh.shape[1]
    source = np.pad(_pulses(pitch), _SIZE // 2, mode="reflect")
    parts = np.lib.stride_tricks.sliding_window_view(source, _SIZE)[::HOP][:frames]
    spectrum = scipy.fft.rfft(parts * (_WINDOW / (_SIZE / 4)), axis=1).T
    spectrum = spectrum * _turned(lh, np.tanh(theta) * np.float32(np.pi))
    noise = np.random.default_rng(seed).standard_normal((lh.shape[0], 2 * frames), dtype=np.float32)
    spectrum += noise.view(np.complex64) * _level(ln)
    spectrum += _turned(lr, phi)
    return _overlapped(scipy.fft.irfft(spectrum.T, n=_SIZE, axis=1).astype(np.float32))


def _level(logarithm: _Array) -> _Array:
    return np.exp(np.minimum(logarithm, _LOUDEST), dtype=np.float32)


def _turned(logarithm: _Array, phase: _Array) -> _Array:
    found = np.empty(phase.shape, np.complex64)
    np.cos(phase, out=found.real)
    np.sin(phase, out=found.imag)
    found *= _level(logarithm)
    return found


def _overlapped(frames: Samples) -> Samples:
    """Return the samples of windowed frames [frames, _SIZE] that overlap by all but HOP."""
    count, blocks = len(frames), _SIZE // HOP
    parts = (frames * _WINDOW).reshape(count, blocks, HOP)
    weights = (_WINDOW * _WINDOW).reshape(blocks, HOP)
    sound = np.zeros((count + blocks - 1, HOP), np.float32)
    weight = np.zeros_like(sound)
    for block in range(blocks):
        sound[block : block + count] += parts[:, block]
        weight[block : block + count] += weights[block]
    sound /= np.maximum(weight, 1e-11)
    return sound.reshape(-1)[_SIZE // 2 : _SIZE // 2 + count * HOP]


def _pulses(pitch: _Array) -> Samples:
    """Return all harmonics of a pitch [frames] below `_HIGHEST`, of equal strength; 0 where it is unvoiced.

    The sum of cos(h t) for h of 1 to H is sin((H + 1/2) t) / (2 sin(t / 2)) - 1/2.
    """
    places = (np.arange(len(pitch) * HOP) + 0.5) / HOP - 0.5
    hertz = np.interp(places, np.arange(len(pitch)), np.asarray(pitch, np.float64))
    voiced = hertz > _VOICED
    hertz = np.maximum(hertz, _VOICED)
    phase = (2 * np.pi * np.modf(np.cumsum(hertz) / RATE)[0]).astype(np.float32)
    highest = (np.floor(_HIGHEST / hertz) + 0.5).astype(np.float32)
    below = 2 * np.sin(phase * np.float32(0.5))
    flat = np.abs(below) <= 2e-3
    found = np.where(flat, highest, np.sin(highest * phase) / np.where(flat, 1, below)) - np.float32(0.5)
    return np.where(voiced, found, 0).astype(np.float32)
