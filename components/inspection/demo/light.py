"""Lights and shadows: how much of each light reaches a point of the scene.

Light is carried down through a grid of thin slices: each is the slice above, minus what its bricks stop,
moved along the light's direction and blurred a little. Shadows so become softer with distance, as under
lamps that are not points, at the price of two small picture operations a slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from brume.inspection.demo.bricks import Floats, Part

# Cell sizes across and in height, in studs; all heights of the toy are multiples of the latter.
CELL, LAYER = 1 / 6, 0.2
_LOW, _HIGH, _TOP = (-5.0, -4.0), (21.0, 16.0), 9.6


@dataclass(frozen=True)
class Light:
    """A lamp far away: unit direction towards it, linear colour, and softness (0 to 1)."""

    direction: Floats
    colour: Floats
    softness: float


@dataclass(frozen=True)
class Lighting:
    """All light on the scene: three lamps, the ambient colour, and how brightness falls off."""

    lamps: tuple[Light, Light, Light]
    ambient: Floats
    slant: tuple[float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Lighting:
        """Return this picture's light: a key lamp, a weaker one from the other side, one from behind."""
        warm = rng.uniform(3600, 6800)
        side = rng.uniform(-75, 75)
        lamps = []
        for azimuth, elevation, strength, softness in (
            (side, rng.uniform(42, 66), rng.uniform(1.7, 2.6), rng.uniform(0.05, 0.9)),
            (-np.sign(side) * rng.uniform(30, 80), rng.uniform(40, 60), rng.uniform(0.3, 0.8), 1.0),
            (rng.uniform(120, 240), rng.uniform(55, 75), rng.uniform(0.2, 0.6), 0.7),
        ):
            # Azimuths count from the camera's side of the scene.
            a, e = np.deg2rad(azimuth + 30), np.deg2rad(elevation)
            direction = np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)], np.float32)
            kelvin = float(np.clip(warm + rng.uniform(-700, 700), 3000, 8000))
            lamps.append(Light(direction, (black_body(kelvin) * strength).astype(np.float32), softness))
        ambient = black_body(warm + 800) * rng.uniform(0.38, 0.8)
        slant = (rng.uniform(-0.012, 0.012), rng.uniform(-0.012, 0.012))
        return cls((lamps[0], lamps[1], lamps[2]), ambient.astype(np.float32), slant)


def black_body(kelvin: float) -> Floats:
    """Return the linear RGB of a lamp of this colour temperature, green being 1, 5,500 K being white.

    Wien's approximation of Planck's law at 610, 550 and 465 nm.
    """
    waves = np.array([610e-9, 550e-9, 465e-9])

    def radiance(temperature: float) -> Floats:
        return np.asarray(np.exp(-0.014388 / (waves * temperature)), np.float32)

    colour = radiance(kelvin) / radiance(5500)
    return np.asarray(colour / colour[1], np.float32)


@dataclass(frozen=True)
class Shadows:
    """How much of each lamp (0 to 2) and of the sky (3) reaches each cell of the grid.

    ``grid`` is uint8 [layers * rows, columns, 4], the layers one below the other, as OpenCV reads it.
    """

    grid: NDArray[np.uint8]
    rows: int

    def read(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Return how much reaches points (at most 32,767 of them), [N, 4], from 0 to 1.

        Read between cells in all three directions; beyond the grid's sides there is only light.
        """
        layers, columns = len(self.grid) // self.rows, self.grid.shape[1]
        column = (x - np.float32(_LOW[0])) * np.float32(1 / CELL) - np.float32(0.5)
        row = (y - np.float32(_LOW[1])) * np.float32(1 / CELL) - np.float32(0.5)
        layer = z * np.float32(1 / LAYER) - np.float32(0.5)
        layer = np.minimum(np.maximum(layer, 0), np.float32(layers - 1.001))
        lower = np.floor(layer)
        beyond = (column < 0) | (column > columns - 1) | (row < 0) | (row > self.rows - 1)
        row = np.minimum(np.maximum(row, 0), np.float32(self.rows - 1)) + lower * np.float32(self.rows)
        column = column[None]
        ends = [
            cv2.remap(self.grid, column, at[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for at in (row, row + np.float32(self.rows))
        ]
        below, above = (end.reshape(len(x), 4).astype(np.float32) for end in ends)
        above -= below
        above *= (layer - lower)[:, None]
        below += above
        below *= np.float32(1 / 255)
        below[beyond] = 1
        return np.asarray(below, np.float32)


def occupancy(parts: Sequence[Part]) -> Floats:
    """Return how full each cell is, float32 [layers, rows, columns], 0 to 1, the lowest layer first."""
    columns, rows = (round((high - low) / CELL) for low, high in zip(_LOW, _HIGH, strict=True))
    layers = round(_TOP / LAYER)
    full = np.zeros((layers, rows, columns), np.float32)
    for part in parts:
        _fill(full, part)
    return full


def _fill(full: Floats, part: Part) -> None:
    (x0, y0, z0), (x1, y1, z1) = part.low, part.high
    # What reaches beyond the grid is cut off at its sides.
    left, right = (min(max(round((x - _LOW[0]) / CELL), 0), full.shape[2]) for x in (x0, x1))
    front, back = (min(max(round((y - _LOW[1]) / CELL), 0), full.shape[1]) for y in (y0, y1))
    bottom, top = round(z0 / LAYER), min(round(z1 / LAYER), len(full))
    block = full[bottom:top, front:back, left:right]
    if not (part.round or part.cuts):
        block[:] = 1
        return
    x = (np.arange(left, right) + 0.5) * CELL + _LOW[0]
    y = (np.arange(front, back) + 0.5)[:, None] * CELL + _LOW[1]
    z = (np.arange(bottom, top) + 0.5)[:, None, None] * LAYER
    inside = np.ones(block.shape, bool)
    if part.round:
        inside &= np.hypot(x - (x0 + x1) / 2, y - (y0 + y1) / 2) <= (x1 - x0) / 2
    for nx, ny, nz, offset in part.cuts:
        inside &= nx * x + ny * y + nz * z <= offset
    np.maximum(block, inside, out=block)


def openness(full: Floats) -> Floats:
    """Return how much of the sky each cell sees, roughly, float32 [layers, rows, columns], 0 to 1."""
    # Most of what takes a point's sky away is near and not below it: a blur that looks upwards.
    near = np.zeros_like(full)
    above = np.zeros(full.shape[1:], np.float32)
    fade = np.float32(0.80)
    for layer in range(len(full) - 1, -1, -1):
        above = fade * above + (1 - fade) * full[layer]
        near[layer] = cv2.GaussianBlur(above, (0, 0), 0.62 / CELL)
    return np.asarray(1 - near, np.float32)


def shadows(full: Floats, sky: Floats, lighting: Lighting) -> Shadows:
    """Carry the lamps' light down through the cells; ``full``: see `occupancy`, ``sky``: see `openness`."""
    layers, rows, columns = full.shape
    grid = np.empty((layers, rows, columns, 4), np.uint8)
    moves, sigmas = [], []
    for lamp in lighting.lamps:
        dx, dy, _ = lamp.direction * np.float32(LAYER / CELL / lamp.direction[2])
        moves.append(np.array([[1, 0, -dx], [0, 1, -dy]], np.float32))
        sigmas.append((0.045 + 0.09 * lamp.softness) / CELL)
    light = [np.ones((rows, columns), np.float32) for _ in moves]
    for layer in range(layers - 1, -1, -1):
        for number, move in enumerate(moves):
            light[number] = cv2.warpAffine(
                light[number], move, (columns, rows), borderMode=cv2.BORDER_CONSTANT, borderValue=1
            )
        cv2.convertScaleAbs(cv2.merge([*light, sky[layer]]), grid[layer], 255)
        for number, sigma in enumerate(sigmas):
            cv2.multiply(light[number], 1 - full[layer], light[number])
            if layer % 2:
                light[number] = cv2.GaussianBlur(
                    light[number], (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
                )
    return Shadows(grid.reshape(layers * rows, columns, 4), rows)
