"""Shading: colours of samples, with rounded edges, specular plastic, shadows and marks.

Samples are taken some ten thousand at a time, so that all that is known of them stays in the processor's
cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from brume.inspection.demo.bricks import Floats, Mesh
from brume.inspection.demo.camera import Camera, Samples
from brume.inspection.demo.light import Lighting, Shadows
from brume.inspection.demo.surfaces import Table, brick_colour, linear

_EDGE = np.float32(0.06)  # radius of a brick's rounded edges, in studs
_LIFT = np.float32(0.22)  # how far above a surface its light is read, in studs
_BATCH = 16384
_LINEAR = linear(np.arange(256, dtype=np.float32))

Vector = tuple[Floats, Floats, Floats]


@dataclass(frozen=True)
class Mark:
    """Something on the surface, in a plane: scratches, ink.

    ``alpha`` [h, w] (0 to 1) lies at ``origin`` along the unit vectors ``across`` and ``down`` (as seen from
    outside), ``scale`` pixels a stud. Ink has a ``colour`` (linear RGB); a scratch has none and turns what
    it crosses pale, or dark where that is pale.
    """

    alpha: Floats
    origin: Floats
    across: Floats
    down: Floats
    scale: float
    colour: Floats | None


@dataclass(frozen=True)
class Points:
    """Samples in the scene: points, unit normals and directions to the camera, each [3][N].

    What is the same for all of them has one element.
    """

    at: Vector
    normal: Vector
    view: Vector


def paint(
    mesh: Mesh,
    camera: Camera,
    samples: Samples,
    lighting: Lighting,
    shadows: Shadows,
    table: Table,
    tints: Floats,
    marks: Sequence[Mark] = (),
) -> Floats:
    """Return the samples' linear colours [N, 3]; ``tints`` [bricks] varies the bricks' brightness."""
    result = np.empty((len(samples.face), 3), np.float32)
    albedo = np.stack([brick_colour(brick.colour) for brick in mesh.bricks]) * tints[:, None]
    palette = albedo[mesh.brick]
    palette[mesh.broken] = _scraped(palette[mesh.broken])
    for batch in _batches(samples.face == 0):
        points = locate(mesh, camera, samples, batch)
        u, v = (row[0] * points.at[0] + row[1] * points.at[1] + row[2] for row in table.place)
        colour = _LINEAR.take(_lookup(table.picture, u, v, cv2.BORDER_REFLECT))
        result[batch] = _light(colour, np.float32(table.shine), points, lighting, shadows)
    for batch in _batches(samples.face != 0):
        points = locate(mesh, camera, samples, batch)
        colour = palette.take(samples.face[batch], axis=0)
        gloss = np.ones(len(batch), np.float32)
        for mark in marks:
            _apply(mark, points, colour, gloss)
        result[batch] = _light(colour, gloss, points, lighting, shadows)
    return result


def coverage(mesh: Mesh, camera: Camera, samples: Samples, marks: Sequence[Mark]) -> Floats:
    """Return how much of each sample marks cover [N], 0 to 1."""
    result = np.zeros(len(samples.face), np.float32)
    for batch in _batches(samples.face != 0):
        points = locate(mesh, camera, samples, batch)
        for mark in marks:
            near, alpha = _reach(mark, points)
            result[batch[near]] = np.maximum(result[batch[near]], alpha)
    return result


def _batches(chosen: NDArray[np.bool_]) -> Iterator[NDArray[np.intp]]:
    numbers = np.flatnonzero(chosen)
    for start in range(0, len(numbers), _BATCH):
        yield numbers[start : start + _BATCH]


def locate(mesh: Mesh, camera: Camera, samples: Samples, batch: NDArray[np.intp]) -> Points:
    """Return where the rays of some samples meet their faces, with the normals of rounded bricks."""
    face = samples.face.take(batch)
    rx, ry, rz = camera.rays(samples.x.take(batch), samples.y.take(batch))
    ex, ey, ez = (np.float32(value) for value in camera.eye)
    length = np.float32(-1) / np.sqrt(rx * rx + ry * ry + rz * rz)
    view = (rx * length, ry * length, rz * length)
    if not face.any():  # the table, whose normal is the same everywhere
        t = -ez / rz
        level = np.zeros(1, np.float32)
        return Points((ex + t * rx, ey + t * ry, level), (level, level, level + 1), view)
    a, b, c, d = (mesh.planes[:, i].take(face) for i in range(4))
    slope = a * rx + b * ry + c * rz
    # A cylinder's side has no plane: the ray is met with the cylinder.
    sides = np.flatnonzero(slope == 0)
    slope[sides] = 1
    t = (d - a * ex - b * ey - c * ez) / slope
    if len(sides):
        middle, radius = _axis(mesh, face[sides])
        u, v, ox, oy = rx[sides], ry[sides], ex - middle[0], ey - middle[1]
        square, half = u * u + v * v, ox * u + oy * v
        inside = np.maximum(half * half - square * (ox * ox + oy * oy - radius * radius), 0)
        t[sides] = (-half - np.sqrt(inside)) / square
    at = (ex + t * rx, ey + t * ry, ez + t * rz)
    return Points(at, _normals(mesh, face, at, (a, b, c)), view)


def _axis(mesh: Mesh, face: NDArray[np.intp]) -> tuple[tuple[Floats, Floats], Floats]:
    """Return the middle (x, y) and the radius of cylinders."""
    low, high = mesh.low.take(face, axis=0), mesh.high.take(face, axis=0)
    half = np.float32(0.5)
    return ((low[:, 0] + high[:, 0]) * half, (low[:, 1] + high[:, 1]) * half), (high - low)[:, 0] * half


def _normals(mesh: Mesh, face: NDArray[np.intp], at: Vector, flat: Vector) -> Vector:
    """Return unit normals: the face's own, bent outwards within ``_EDGE`` of the part's edges."""
    # A slanting face lies within the box: nothing but its own normal counts there.
    slanting = np.abs(mesh.planes[:, :3]).max(axis=1) < 0.999
    own = np.where(slanting, 1.25 * _EDGE, 0.25 * _EDGE).astype(np.float32).take(face)
    bent = []
    for axis in range(3):
        inner = np.maximum(at[axis], (mesh.low[:, axis] + _EDGE).take(face))
        inner = np.minimum(inner, (mesh.high[:, axis] - _EDGE).take(face))
        bent.append(flat[axis] * own + (at[axis] - inner))
    x, y, z = bent
    where = np.flatnonzero(mesh.round.take(face))
    if len(where):
        middle, radius = _axis(mesh, face[where])
        dx, dy = at[0][where] - middle[0], at[1][where] - middle[1]
        reach = np.sqrt(dx * dx + dy * dy)
        out = np.maximum(reach - (radius - _EDGE), 0) / np.maximum(reach, np.float32(1e-6))
        x[where], y[where] = dx * out, dy * out
        z[where] = np.maximum(at[2][where] - (mesh.high[:, 2] - _EDGE).take(face[where]), 0)
    length = np.float32(1) / np.sqrt(np.maximum(x * x + y * y + z * z, np.float32(1e-12)))
    return x * length, y * length, z * length


def _lookup(picture: NDArray[Any], u: Floats, v: Floats, border: int) -> NDArray[Any]:
    """Read a picture at N places (of at most 32,767), between its pixels; returns [N, C] or [N, 1]."""
    found = cv2.remap(picture, u[None], v[None], cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(found.reshape(len(u), -1))


def _reach(mark: Mark, points: Points) -> tuple[NDArray[np.intp], Floats]:
    """Return the points that lie in a mark's plane and face as it does, and how much it covers each."""
    outward = np.cross(mark.down, mark.across)
    dx, dy, dz = (points.at[i] - mark.origin[i] for i in range(3))
    off = dx * outward[0] + dy * outward[1] + dz * outward[2]
    facing = points.normal[0] * outward[0] + points.normal[1] * outward[1] + points.normal[2] * outward[2]
    near = np.flatnonzero((np.abs(off) < 0.02) & (facing > 0.5))
    if not len(near):
        return near, np.zeros(0, np.float32)
    u, v = (
        (dx[near] * axis[0] + dy[near] * axis[1] + dz[near] * axis[2]) * np.float32(mark.scale)
        - np.float32(0.5)
        for axis in (mark.across, mark.down)
    )
    return near, _lookup(mark.alpha, u, v, cv2.BORDER_CONSTANT)[:, 0]


def _scraped(colour: Floats) -> Floats:
    """Return the colours [N, 3] of plastic that was scraped or broken: paler, or darker where it is pale."""
    pale = colour.mean(axis=1, keepdims=True) > 0.28
    part = colour * np.float32(0.35)
    return np.where(pale, part, part + np.float32(0.5))


def _apply(mark: Mark, points: Points, colour: Floats, gloss: Floats) -> None:
    near, alpha = _reach(mark, points)
    under = colour[near]
    if mark.colour is None:
        over = _scraped(under)
        gloss[near] *= 1 - np.float32(0.8) * alpha
    else:
        over = np.broadcast_to(mark.colour, under.shape)
        gloss[near] *= 1 - np.float32(0.4) * alpha
    colour[near] = under + (over - under) * alpha[:, None]


def _light(
    albedo: Floats, gloss: Floats | np.float32, points: Points, lighting: Lighting, shadows: Shadows
) -> Floats:
    """Light points: diffuse and specular (Blinn and Phong) per lamp, sky, and the room's reflection."""
    (x, y, z), (nx, ny, nz), (vx, vy, vz) = points.at, points.normal, points.view
    through = shadows.read(x + nx * _LIFT, y + ny * _LIFT, z + nz * _LIFT)
    sources = np.stack([*(lamp.colour for lamp in lighting.lamps), lighting.ambient])
    diffuse, shine = np.empty_like(through), np.empty_like(through)
    half, one = np.float32(0.5), np.float32(1)
    facing = nx * vx + ny * vy + nz * vz
    for number, lamp in enumerate(lighting.lamps):
        lx, ly, lz = (np.float32(value) for value in lamp.direction)
        lit = nx * lx + ny * ly + nz * lz
        diffuse[:, number] = np.maximum(lit, 0)
        # The cosine to the vector half way, squared: both it and the normal are made of unit vectors.
        wide = np.maximum(lit + facing, 0)
        wide *= wide
        wide /= 2 + 2 * (vx * lx + vy * ly + vz * lz)
        wide *= wide
        wide *= wide  # the cosine's 8th power
        narrow = wide * wide
        narrow *= narrow
        narrow *= narrow
        narrow *= wide  # its 72nd
        shine[:, number] = np.float32(0.9 - 0.45 * lamp.softness) * narrow + np.float32(0.035) * wide
    diffuse[:, 3] = np.float32(0.62) + np.float32(0.38) * nz
    # Schlick's approximation of Fresnel's reflection, of a room that is brighter above.
    facing = np.maximum(facing, 0)
    away = (one - facing) * (one - facing)
    fresnel = np.float32(0.04) + half * away * away * (one - facing)
    shine[:, 3] = fresnel * (np.float32(0.45) + np.float32(0.55) * (2 * facing * nz - vz))
    diffuse *= through
    shine *= through
    fall = one + np.float32(lighting.slant[0]) * (x - 8) + np.float32(lighting.slant[1]) * (y - 5)
    result = albedo * (diffuse @ sources)
    shine *= np.broadcast_to(gloss, fall.shape)[:, None]
    result += shine @ sources
    result *= fall[:, None]
    return np.asarray(result, np.float32)
