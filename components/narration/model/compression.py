"""Dynamic range compression: what <amazon:effect name="drc"> asks for, speech that is heard in a noisy place.

A feed-forward compressor: what is louder than a threshold grows by a third of what it would, and all of it is
then as loud as before. Source: Giannoulis, Massberg, Reiss, "Digital dynamic range compressor design" (2012).
"""

from __future__ import annotations

import numpy as np

from brume.narration.model.voice import Samples

_BELOW = 20.0  # dB of the threshold below the loudest moment
_RATIO = 3.0
_SECONDS = 0.01  # over which loudness is taken


def compressed(samples: Samples, rate: int) -> Samples:
    """Return sound whose soft parts are nearer to its loud ones, of the same mean power."""
    import scipy.ndimage

    power = scipy.ndimage.uniform_filter1d(samples.astype(np.float64) ** 2, round(_SECONDS * rate))
    if not len(samples) or power.max() <= 0:
        return samples
    level = 10 * np.log10(np.maximum(power / power.max(), 1e-12))  # dB, at most 0
    gain = -np.maximum(level + _BELOW, 0.0) * (1 - 1 / _RATIO)
    made = samples * 10 ** (gain / 20)
    return np.asarray(made * np.sqrt(np.mean(samples**2) / np.mean(made**2)), np.float32)
