"""Samples at another rate."""

from __future__ import annotations

import math

import numpy as np

from brume.narration.model.voice import Samples


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """Return samples of `rate` Hz at `wanted` Hz."""
    if rate == wanted:
        return samples
    import scipy.signal

    common = math.gcd(rate, wanted)
    return np.asarray(scipy.signal.resample_poly(samples, wanted // common, rate // common), np.float32)


def faster(samples: Samples, times: float) -> Samples:
    """Return sound that is played `times` as fast: higher and shorter."""
    import scipy.signal

    return np.asarray(scipy.signal.resample(samples, max(round(len(samples) / times), 1)), np.float32)
