"""Defects of the toy: surface marks, and wrong, surplus, missing or broken bricks.

Each kind has a severity from 0 (small, faint, yet to be seen by a human) to 1 (obvious).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np

from brume.inspection.demo.bricks import BRICK, PLATE, Brick, Floats, Mesh, Plane, free_studs
from brume.inspection.demo.camera import Camera, Samples
from brume.inspection.demo.shade import Mark, locate
from brume.inspection.demo.surfaces import COLOURS, linear

_SCALE = 48.0  # pixels a stud in the pictures of marks
_NARROW = 0.5  # studs: nobody writes on a face of less
_INKS = ((20, 20, 24), (24, 40, 140), (170, 20, 30), (20, 100, 50), (235, 235, 235), (120, 30, 130))
_WRITING = ("X", "OK", "7", "?", "A4", "no", "12", "B", "#", "hi")


_Option = TypeVar("_Option", bound=tuple[object, ...])


@dataclass(frozen=True)
class Defect:
    """A defect: marks, or changed bricks, ``origin`` being the number of each in the sound toy.

    A brick that the sound toy does not have has the number after its last.
    """

    bricks: tuple[Brick, ...]
    origin: tuple[int, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class View:
    """What the camera sees of the sound toy: defects are put where they can be seen.

    ``visible`` [bricks] is the share of the picture that each brick takes.
    """

    mesh: Mesh
    camera: Camera
    samples: Samples
    visible: Floats


def view_of(mesh: Mesh, camera: Camera, samples: Samples) -> View:
    """Return what the camera sees of a mesh, with how much of each brick."""
    pixels = camera.size[0] * camera.size[1]
    seen = np.bincount(mesh.brick[samples.face[:pixels]] + 1, minlength=len(mesh.bricks) + 1)[1:]
    return View(mesh, camera, samples, np.asarray(seen / pixels, np.float32))


def draw(kind: str, severity: float, view: View, rng: np.random.Generator) -> Defect | None:
    """Draw a defect of a kind; None when the draw has no place. Raises KeyError for an unknown kind."""
    return KINDS[kind](severity, view, rng)


def _distance(a: Sequence[int], b: Sequence[int]) -> float:
    """Return how different two sRGB colours look, roughly (0 to 765), by the "redmean" weights."""
    red = (a[0] + b[0]) / 2
    dr, dg, db = (x - y for x, y in zip(a, b, strict=True))
    return float(np.sqrt((2 + red / 256) * dr**2 + 4 * dg**2 + (2 + (255 - red) / 256) * db**2))


def _between(severity: float, low: float, high: float) -> float:
    return low + severity * (high - low)


def _place(view: View, rng: np.random.Generator) -> tuple[int, Floats, Floats] | None:
    """Return a flat face of a brick that is seen, not too narrow, a seen point on it, and its normal."""
    for _ in range(40):
        at = int(rng.integers(view.camera.size[0] * view.camera.size[1]))
        face = int(view.samples.face[at])
        if not face or view.mesh.round[face]:
            continue
        extent = view.mesh.high[face] - view.mesh.low[face]
        extent[np.argmax(np.abs(view.mesh.planes[face, :3]))] = np.inf
        if extent.min() > _NARROW:
            points = locate(view.mesh, view.camera, view.samples, np.array([at]))
            return face, np.array([axis[0] for axis in points.at], np.float32), view.mesh.planes[face, :3]
    return None


def _mark(alpha: Floats, point: Floats, normal: Floats, turn: float, colour: Floats | None) -> Mark:
    """Put a picture of a mark on a surface, its middle at ``point``."""
    helper = np.array((0, 1, 0) if abs(normal[2]) > 0.9 else (0, 0, 1), np.float32)
    u = np.cross(helper, normal)
    u /= np.linalg.norm(u)
    v = np.cross(normal, u)
    # Seen from outside, u goes to the right and v up.
    across, down = np.cos(turn) * u + np.sin(turn) * v, np.sin(turn) * u - np.cos(turn) * v
    height, width = alpha.shape
    origin = point - across * (width / 2 / _SCALE) - down * (height / 2 / _SCALE)
    origin, across, down = (np.asarray(vector, np.float32) for vector in (origin, across, down))
    return Mark(alpha, origin, across, down, _SCALE, colour)


def _strokes(paths: Sequence[Floats], width: float, blur: float = 0.8) -> Floats:
    """Draw paths (points [P, 2] in studs, around the origin) of a width in studs; returns alpha [h, w]."""
    reach = max(float(np.abs(path).max()) for path in paths) + width + 0.1
    side = int(np.ceil(2 * reach * _SCALE))
    canvas = np.zeros((side, side), np.uint8)
    for path in paths:
        points = np.rint((path * _SCALE + side / 2) * 16).astype(np.int32)
        thick = max(1, round(width * _SCALE))
        cv2.polylines(canvas, [points.reshape(-1, 1, 2)], False, 255, thick, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), blur).astype(np.float32) / 255, np.float32)


def _scratch(severity: float, view: View, rng: np.random.Generator) -> Defect | None:
    place = _place(view, rng)
    if place is None:
        return None
    length = _between(severity, 0.9, 3.6) * rng.uniform(0.85, 1.15)
    count = 1 + int(rng.random() < severity) + int(rng.random() < severity * 0.7)
    paths = []
    bend, tilt = rng.uniform(-0.15, 0.15), rng.uniform(-0.1, 0.1)
    for number in range(count):
        t = np.linspace(-0.5, 0.5, 12) * rng.uniform(0.75, 1.0) + rng.uniform(-0.1, 0.1)
        y = (
            bend * length * (t * t * 2 - 0.25)
            + (number - (count - 1) / 2) * rng.uniform(0.16, 0.3)
            + tilt * t
        )
        paths.append(np.stack([t * length, y + rng.normal(0, 0.012, 12)], axis=1).astype(np.float32))
    alpha = _strokes(paths, _between(severity, 0.06, 0.13)) * np.float32(_between(severity, 0.75, 1.0))
    mark = _mark(alpha, place[1], place[2], rng.uniform(0, np.pi), None)
    return Defect(view.mesh.bricks, tuple(range(len(view.mesh.bricks))), (mark,))


def _drawing(severity: float, view: View, rng: np.random.Generator) -> Defect | None:
    place = _place(view, rng)
    if place is None:
        return None
    face, point, normal = place
    under = COLOURS[view.mesh.bricks[view.mesh.brick[face]].colour]
    inks = [ink for ink in _INKS if _distance(ink, under) > _between(severity, 170, 280)]
    if not inks:
        return None
    size = _between(severity, 0.35, 1.5) * rng.uniform(0.85, 1.15)
    width = _between(severity, 0.09, 0.19)
    alpha = _writing(size, width, rng) if rng.random() < 0.35 else _strokes(_doodle(size, rng), width)
    ink = linear(np.array(inks[int(rng.integers(len(inks)))], np.float32))
    turn = rng.uniform(-0.6, 0.6) if abs(normal[2]) < 0.9 else rng.uniform(0, 2 * np.pi)
    mark = _mark(alpha * np.float32(_between(severity, 0.8, 0.97)), point, normal, turn, ink)
    return Defect(view.mesh.bricks, tuple(range(len(view.mesh.bricks))), (mark,))


def _doodle(size: float, rng: np.random.Generator) -> list[Floats]:
    """Return the paths of a scribble of about this radius in studs."""
    t = np.linspace(0, 1, 60)
    shape = int(rng.integers(5))
    if shape == 0:  # zigzag
        x, y = (2 * t - 1), 0.6 * np.abs((t * rng.integers(4, 8)) % 2 - 1) - 0.3
        paths = [(x, y)]
    elif shape == 1:  # spiral
        turn = t * 2 * np.pi * rng.uniform(2, 3.5)
        paths = [((0.15 + 0.85 * t) * np.cos(turn), (0.15 + 0.85 * t) * np.sin(turn))]
    elif shape == 2:  # loops in a row
        turn = t * 2 * np.pi * 3
        paths = [(2 * t - 1 + 0.25 * np.cos(turn), 0.4 * np.sin(turn))]
    elif shape == 3:  # a face
        turn = t * 2 * np.pi
        smile = np.pi * (0.15 + 0.7 * t)
        paths = [(np.cos(turn), np.sin(turn)), (0.55 * np.cos(smile), 0.55 * np.sin(smile))]
        paths += [(np.full(2, x), np.array([-0.35, -0.2])) for x in (-0.35, 0.35)]
    else:  # star
        turn = np.arange(6) * 2 * np.pi * 2 / 5 - np.pi / 2
        paths = [(np.cos(turn), np.sin(turn))]
    wobble = rng.uniform(0.9, 1.1, 2)
    return [np.stack([x * wobble[0], y * wobble[1]], axis=1).astype(np.float32) * size for x, y in paths]


def _writing(size: float, width: float, rng: np.random.Generator) -> Floats:
    """Return a short text, about twice ``size`` studs wide, as alpha [h, w]."""
    text = _WRITING[int(rng.integers(len(_WRITING)))]
    thick = max(1, round(width * _SCALE))
    font = cv2.FONT_HERSHEY_SIMPLEX
    (across, _), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = min(2 * size * _SCALE / across, 2.2 * size * _SCALE / 22)
    (across, up), base = cv2.getTextSize(text, font, scale, thick)
    canvas = np.zeros((up + base + 2 * thick + 8, across + 2 * thick + 8), np.uint8)
    cv2.putText(canvas, text, (thick + 4, up + thick + 4), font, scale, 255, thick, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.8).astype(np.float32) / 255, np.float32)


def _colour(severity: float, view: View, rng: np.random.Generator) -> Defect | None:
    """A brick of a wrong colour: the milder, the smaller and the nearer to the right one."""
    bricks = list(view.mesh.bricks)
    options = []
    for number, brick in enumerate(bricks):
        if brick.colour == "glass" or not 5e-4 < view.visible[number] < 0.04:
            continue
        for name in COLOURS:
            unlike = _distance(COLOURS[name], COLOURS[brick.colour])
            if unlike > 90 and name != "glass":
                options.append((unlike * float(np.sqrt(view.visible[number])), number, name))
    _, number, name = _ranked(options, severity, rng)
    bricks[number] = replace(bricks[number], colour=name)
    return Defect(tuple(bricks), tuple(range(len(bricks))))


def _ranked(options: list[_Option], severity: float, rng: np.random.Generator) -> _Option:
    """Choose among options by their rank: about as far from the least as the severity is from 0."""
    place = severity * 0.9 + rng.uniform(0, 0.1)
    return sorted(options)[min(int(place * len(options)), len(options) - 1)]


def _extra(severity: float, view: View, rng: np.random.Generator) -> Defect | None:
    """A brick too many: on free studs, or on the table beside the toy."""
    bricks = view.mesh.bricks
    largest = 1 + round(_between(severity, 0, 2) + rng.uniform(-0.4, 0.9))
    w, d = (int(rng.integers(1, largest + 1)) for _ in range(2))
    height = BRICK if rng.random() < _between(severity, 0.1, 0.9) else PLATE
    rounded = w == d == 1 and rng.random() < 0.4
    if rng.random() < 0.12:
        x, y = rng.uniform(-2.5, 16), rng.uniform(-1.6, -0.5) - d
        z, under = 0.0, "tan"
    else:
        free = [stud for stud in free_studs(bricks) if view.visible[stud[0]]]
        places = {stud[1:] for stud in free}
        number, sx, sy, z = free[int(rng.integers(len(free)))]
        under = bricks[number].colour
        if any((sx + i, sy + j, z) not in places for i in range(w) for j in range(d)):
            return None
        x, y = sx - 0.5, sy - 0.5
    low, high = (float(x), float(y), z), (float(x + w), float(y + d), round(z + height, 3))
    inside = 0.01
    if any(
        all(low[i] < b.high[i] - inside and high[i] > b.low[i] + inside for i in range(3)) for b in bricks
    ):
        return None
    names = [
        name for name, colour in COLOURS.items()
        if _distance(colour, COLOURS[under]) > _between(severity, 110, 200) and name != "glass"
    ]  # fmt: skip
    extra = Brick(names[int(rng.integers(len(names)))], low, high, studs=rng.random() < 0.8, round=rounded)
    return Defect((*bricks, extra), tuple(range(len(bricks) + 1)))


def _missing(severity: float, view: View, rng: np.random.Generator) -> Defect | None:
    """A detail gone, a stud broken off, or a corner."""
    bricks = view.mesh.bricks
    if rng.random() < _between(severity, 0.3, 0.7):
        areas: dict[str, float] = {}
        for brick, area in zip(bricks, view.visible, strict=True):
            if brick.group:
                areas[brick.group] = areas.get(brick.group, 0) + float(area)
        _, group = _ranked([(area, name) for name, area in areas.items() if area > 3e-4], severity, rng)
        gone = {group, "chimney top"} if group == "chimney" else {group}
        kept = tuple(i for i, brick in enumerate(bricks) if brick.group not in gone)
        return Defect(tuple(bricks[i] for i in kept), kept)
    changed = list(bricks)
    numbers = [i for i, brick in enumerate(bricks) if view.visible[i] > 4e-4 and not brick.round]
    number = numbers[int(rng.integers(len(numbers)))]
    brick = bricks[number]
    if rng.random() < _between(severity, 0.6, 0.0):
        studs = [(x, y) for on, x, y, _ in free_studs(bricks) if on == number]
        if not studs:
            return None
        changed[number] = replace(brick, lost=(studs[int(rng.integers(len(studs)))],))
    else:
        changed[number] = replace(brick, chips=(_chip(brick, severity, rng),))
    return Defect(tuple(changed), tuple(range(len(bricks))))


def _chip(brick: Brick, severity: float, rng: np.random.Generator) -> Plane:
    """Return a plane that takes a corner off the brick's top, on a side that the camera sees."""
    right, front = [(1, -1), (1, 1), (-1, -1)][int(rng.integers(3))]
    corner = (brick.high[0] if right > 0 else brick.low[0], brick.high[1] if front > 0 else brick.low[1])
    normal = np.array([right, front, 1.0]) * rng.uniform(0.6, 1.4, 3)
    normal /= np.linalg.norm(normal)
    depth = _between(severity, 0.35, 0.8) * rng.uniform(0.85, 1.15)
    offset = float(normal @ np.array([*corner, brick.high[2]])) - depth
    return (float(normal[0]), float(normal[1]), float(normal[2]), offset)


KINDS: dict[str, Callable[[float, View, np.random.Generator], Defect | None]] = {
    "scratch": _scratch,
    "drawing": _drawing,
    "colour": _colour,
    "extra": _extra,
    "missing": _missing,
}
