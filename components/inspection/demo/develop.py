"""Image processing of the camera: exposure, white balance, blur, noise, tone and JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from brume.inspection.demo.bricks import Floats

_ROWS = 32  # worked on at a time, so that they stay in the processor's cache
_STEPS = 8192  # of linear light in the tone table
_NORMAL = ndtri((np.arange(256) + 0.5) / 256).astype(np.float32)  # a normal deviate for each random byte


@dataclass(frozen=True)
class Development:
    """The processing of one photograph; deviations of the noise are shares of white."""

    exposure: float
    balance: Floats
    blur: float
    vignette: float
    shot: float
    read: float
    contrast: float
    quality: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Development:
        """Return this picture's development."""
        return cls(
            rng.uniform(0.85, 1.15),
            (1 + 0.03 * rng.standard_normal(3)).astype(np.float32),
            rng.uniform(0.35, 0.75),
            rng.uniform(0.02, 0.16),
            rng.uniform(0.006, 0.016),
            rng.uniform(0.002, 0.006),
            rng.uniform(0.0, 0.35),
            int(rng.integers(84, 95)),
        )

    def picture(self, light: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the photograph, uint8 [H, W, 3], of linear light [H, W, 3]."""
        height, width = light.shape[:2]
        light = cv2.GaussianBlur(light, (0, 0), self.blur)
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)
        gain = np.float32(0.42 * self.exposure) * (1 - np.float32(self.vignette) * (x * x + y * y))
        tone = self._tone()
        result = np.empty(light.shape, np.uint8)
        for top in range(0, height, _ROWS):
            band = light[top : top + _ROWS] * gain[top : top + _ROWS, :, None]
            band *= self.balance
            noise = cv2.LUT(rng.integers(0, 256, band.shape, np.uint8), _NORMAL)
            deviation = np.float32(self.shot**2) * band
            deviation += np.float32(self.read**2)
            noise *= np.sqrt(deviation, out=deviation)
            band += noise
            # Twice white is as bright as the tone table goes.
            np.clip(band, 0, 2, out=band)
            band *= np.float32((_STEPS - 1) / 2)
            result[top : top + _ROWS] = tone.take(band.astype(np.int16))
        return result

    def _tone(self) -> NDArray[np.uint8]:
        """Return the sensor's answer to linear light from 0 to 2: a shoulder, gamma, some contrast."""
        light = np.linspace(0, 2, _STEPS)
        shoulder = light * (1 + 0.25 * light) / (1 + light) * 1.6
        value = np.minimum(shoulder, 1) ** (1 / 2.2)
        value += self.contrast * (value * value * (3 - 2 * value) - value)
        return np.asarray(value * 255 + 0.5, np.uint8)
