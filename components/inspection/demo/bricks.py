"""The toy in the photographs: a house of bricks, and the parts and faces to draw.

Lengths are in studs (the distance of two studs). x goes to the right, y away from the camera, z up; the
camera always stands to the right of, in front of and above every part, so parts have one order from far to
near, whatever the camera's jitter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]
# A half-space that is kept: normal · point <= offset.
Plane = tuple[float, float, float, float]
Floats = NDArray[np.float32]

PLATE, BRICK = 0.4, 1.2
STUD_RADIUS, STUD_HEIGHT = 0.3, 0.2
_CORNERS = 20  # of the polygon that stands for a circle
_NEAR = 1e-6
_STUMP = 0.04  # what is left of the height of a stud that is broken off


@dataclass(frozen=True)
class Brick:
    """One brick: its box from ``low`` to ``high``, and the planes that cut its shape out of it.

    ``chips`` are planes along which something is broken off, ``lost`` the studs that are (x, y). ``group``
    names the detail that it belongs to (a flower, the chimney): what can go missing as one.
    """

    colour: str
    low: Point
    high: Point
    studs: bool = True
    round: bool = False
    cuts: tuple[Plane, ...] = ()
    chips: tuple[Plane, ...] = ()
    lost: tuple[tuple[float, float], ...] = ()
    group: str = ""


@dataclass(frozen=True)
class Part:
    """What is drawn as one: a brick's body or one of its studs (``round``).

    ``cuts`` are all planes that cut its box, ``chips`` those of its faces where something is broken off.
    """

    brick: int
    low: Point
    high: Point
    round: bool
    cuts: tuple[Plane, ...] = ()
    chips: tuple[Plane, ...] = ()


@dataclass(frozen=True, eq=False)
class Mesh:
    """The parts from far to near, and their faces that the camera may see, in drawing order.

    Face 0 is the table, whatever its size. ``points`` [P, 3] are the corners of the faces, ``ends`` [F]
    where each face's corners end; ``planes`` [F, 4] the faces' planes (of a cylinder's side: zeros);
    ``low`` and ``high`` [F, 3] the boxes of their parts, ``round`` [F] which are a cylinder's, ``broken``
    [F] where something is broken off, ``brick`` [F] the brick of each (-1 for the table).
    """

    bricks: tuple[Brick, ...]
    parts: tuple[Part, ...]
    points: Floats
    ends: NDArray[np.int64]
    planes: Floats
    low: Floats
    high: Floats
    round: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    brick: NDArray[np.int64]


def _block(colour: str, x: float, y: float, z: float, w: float, d: float, h: float, group: str = "") -> Brick:
    return Brick(colour, (x, y, z), (x + w, y + d, round(z + h, 3)), group=group)


def _tile(colour: str, x: float, y: float, z: float, w: float, d: float, h: float, group: str = "") -> Brick:
    return replace(_block(colour, x, y, z, w, d, h, group), studs=False)


def _round(colour: str, x: float, y: float, z: float, h: float, group: str = "") -> Brick:
    return replace(_block(colour, x, y, z, 1, 1, h, group), round=True)


def _slope(colour: str, x: float, y: float, z: float, w: float, back: bool = False) -> Brick:
    """Return a roof brick, two studs deep, that slants towards the front, or towards the back."""
    lip, run = 0.2, 1.0
    rise = BRICK - lip
    scale = float(np.hypot(rise, run))
    if back:
        normal, at = (0.0, rise / scale, run / scale), (y + 2, z + lip)
    else:
        normal, at = (0.0, -rise / scale, run / scale), (y, z + lip)
    cut = (*normal, normal[1] * at[0] + normal[2] * at[1])
    return replace(_block(colour, x, y, z, w, 2, BRICK), cuts=(cut,))


def _house() -> Iterator[Brick]:
    yield _block("green", 0, 0, 0, 16, 11, PLATE)
    first, second, third = PLATE, PLATE + BRICK, PLATE + 2 * BRICK
    for x, w in ((4, 2), (6, 2), (10, 3), (13, 1)):
        yield _block("yellow", x, 4, first, w, 1, BRICK)
    for x in (4, 7, 10, 13):
        yield _block("yellow", x, 4, second, 1, 1, BRICK)
    for x, w in ((4, 3), (7, 4), (11, 3)):
        yield _block("yellow", x, 4, third, w, 1, BRICK)
    # Windows and the entrance are set back a little, with a sill or a step before them.
    for x in (5, 11):
        yield _tile("glass", x, 4.25, second, 2, 0.75, BRICK)
        yield _tile("white", x, 4, second, 2, 0.25, 0.2, f"sill {x}")
        yield _tile("white", x + 0.9, 4.1, second + 0.2, 0.2, 0.15, 1.0, f"bar {x}")
    yield _tile("blue", 8, 4.25, first, 2, 0.75, 2 * BRICK)
    yield _round_knob()
    for y, d, z in ((5, 2, first), (7, 2, first), (5, 1, second), (8, 1, second), (5, 4, third)):
        yield _block("yellow", 13, y, z, 1, d, BRICK)
    yield _tile("glass", 13, 6, second, 0.75, 2, BRICK)
    yield _tile("white", 13.75, 6, second, 0.25, 2, 0.2, "side sill")
    yield _tile("white", 13.75, 6.9, second + 0.2, 0.15, 0.2, 1.0, "side bar")
    yield _tile("yellow", 4, 5, first, 1, 4, 3 * BRICK)
    yield _tile("yellow", 4, 9, first, 10, 1, 3 * BRICK)
    roof, upper, ridge = PLATE + 3 * BRICK, PLATE + 4 * BRICK, PLATE + 5 * BRICK
    for x, w in ((4, 3), (7, 4), (11, 3)):
        yield _slope("red", x, 4, roof, w)
        yield _slope("red", x, 8, roof, w, back=True)
    yield _block("yellow", 13, 6, roof, 1, 2, BRICK)
    for x, w in ((4, 2), (6, 3), (9, 3), (12, 2)):
        yield _slope("red", x, 5, upper, w)
        yield _slope("red", x, 7, upper, w, back=True)
    for x, w in ((4, 4), (8, 3), (13, 1)):
        yield _block("brick red", x, 6, ridge, w, 2, PLATE, f"ridge {x}")
    yield _block("grey", 11, 6, ridge, 2, 2, BRICK, "chimney")
    yield _block("dark grey", 11, 6, ridge + BRICK, 2, 2, PLATE, "chimney top")


def _round_knob() -> Brick:
    return Brick("yellow", (9.5, 4.1, 1.5), (9.7, 4.25, 1.7), studs=False, group="knob")


def _garden() -> Iterator[Brick]:
    top = PLATE
    yield _tile("tan", 8, 0, top, 2, 2, PLATE, "step 1")
    yield _tile("tan", 8, 2, top, 2, 2, PLATE, "step 2")
    yield _round("brown", 1, 2, top, BRICK)
    yield _round("brown", 1, 2, top + BRICK, BRICK)
    yield _block("dark green", 0, 1, top + 2 * BRICK, 3, 3, PLATE)
    yield _block("dark green", 0, 1, top + 2 * BRICK + PLATE, 3, 2, BRICK, "crown")
    yield _block("dark green", 0, 3, top + 2 * BRICK + PLATE, 3, 1, BRICK, "crown")
    yield _block("dark green", 1, 2, top + 3 * BRICK + PLATE, 1, 1, BRICK, "crown")
    for x, y, colour in ((11, 1, "white"), (12, 2, "red"), (13, 1, "yellow"), (6, 2, "red"), (5, 1, "white")):
        yield _round("dark green", x, y, top, PLATE, f"flower {x}")
        yield _round(colour, x, y, top + PLATE, PLATE, f"flower {x}")
    yield _block("grey", 15, 3, top, 1, 1, BRICK, "post")
    yield _block("blue", 15, 3, top + BRICK, 1, 2, BRICK, "post")
    for y in (6, 8, 10):
        yield _block("white", 15, y, top, 1, 1, BRICK, "fence")
    yield _block("white", 15, 6, top + BRICK, 1, 5, PLATE, "fence")
    yield _block("blue", 1, 6, top, 2, 4, BRICK, "box")
    yield _block("orange", 1, 7, top + BRICK, 2, 2, BRICK, "box")


@lru_cache(maxsize=1)
def house() -> tuple[Brick, ...]:
    """Return the bricks of the toy as it should be."""
    return (*_house(), *_garden())


@lru_cache(maxsize=8)
def mesh(bricks: tuple[Brick, ...]) -> Mesh:
    """Return the parts and faces of an assembly, those of studs that another brick covers left out."""
    parts = _far_to_near(list(_parts(bricks)))
    table = Part(-1, (0, 0, 0), (0, 0, 0), False)
    faces = [(table, np.zeros((0, 3), np.float32), (0.0, 0.0, 1.0, 0.0))]
    faces += [(part, *face) for part in parts for face in _faces(replace(part, brick=0))]
    return Mesh(
        bricks,
        tuple(parts),
        np.concatenate([corners for _, corners, _ in faces]),
        np.cumsum([len(corners) for _, corners, _ in faces]),
        np.array([plane for _, _, plane in faces], np.float32),
        np.array([part.low for part, _, _ in faces], np.float32),
        np.array([part.high for part, _, _ in faces], np.float32),
        np.array([part.round for part, _, _ in faces]),
        np.array([plane in part.chips for part, _, plane in faces]),
        np.array([part.brick for part, _, _ in faces]),
    )


@lru_cache(maxsize=8)
def free_studs(bricks: tuple[Brick, ...]) -> tuple[tuple[int, float, float, float], ...]:
    """Return the studs on which nothing stands: number of the brick, x and y of the middle, z of the foot."""
    studs = [(number, x, y, brick.high[2]) for number, brick in enumerate(bricks) for x, y in _studs(brick)]
    low, high = (np.array([getattr(brick, side) for brick in bricks]) for side in ("low", "high"))
    foot = np.array(studs).reshape(-1, 4)[:, None, 1:] + (0, 0, 2 * _NEAR)
    covered = np.any(np.all((low < foot) & (foot < high), axis=2), axis=1)
    return tuple(stud for stud, hidden in zip(studs, covered.tolist(), strict=True) if not hidden)


def _studs(brick: Brick) -> list[tuple[float, float]]:
    """Return where a brick bears studs: not where its top is cut off."""
    if not brick.studs:
        return []
    (x0, y0, _), (x1, y1, top) = brick.low, brick.high
    reach = STUD_RADIUS * 0.9
    return [
        (float(x), float(y))
        for x in np.arange(x0 + 0.5, x1)
        for y in np.arange(y0 + 0.5, y1)
        if all(
            nx * (x + np.sign(nx) * reach) + ny * (y + np.sign(ny) * reach) + nz * top <= offset
            for nx, ny, nz, offset in (*brick.cuts, *brick.chips)
        )
    ]


def _parts(bricks: tuple[Brick, ...]) -> Iterator[Part]:
    for number, brick in enumerate(bricks):
        yield Part(number, brick.low, brick.high, brick.round, (*brick.cuts, *brick.chips), brick.chips)
    for number, x, y, z in free_studs(bricks):
        lost = (x, y) in bricks[number].lost
        end = z + (_STUMP if lost else STUD_HEIGHT)
        low, high = (x - STUD_RADIUS, y - STUD_RADIUS, z), (x + STUD_RADIUS, y + STUD_RADIUS, end)
        yield Part(number, low, high, True, chips=((0.0, 0.0, 1.0, end),) if lost else ())


def _far_to_near(parts: list[Part]) -> list[Part]:
    """Order parts so that none is drawn over by one that lies behind it (boxes that do not overlap)."""
    low, high = (np.array([getattr(part, side) for part in parts]) for side in ("low", "high"))
    # behind[i, j]: i cannot hide j, because a plane with the camera on j's side separates them.
    behind = (high[:, None, 0] <= low[None, :, 0] + _NEAR) | (high[:, None, 2] <= low[None, :, 2] + _NEAR)
    behind |= low[:, None, 1] >= high[None, :, 1] - _NEAR
    first = behind & ~behind.T
    waiting = first.sum(axis=0)
    order: list[int] = []
    left = np.ones(len(parts), bool)
    while len(order) < len(parts):
        ready = np.flatnonzero(left & (waiting <= 0))
        if not len(ready):
            raise ValueError("the bricks hide each other in a ring: no order from far to near")
        order += ready.tolist()
        left[ready] = False
        waiting -= first[ready].sum(axis=0)
    return [parts[i] for i in order]


@lru_cache(maxsize=1024)
def _faces(part: Part) -> list[tuple[Floats, Plane]]:
    return list(_round_faces(part) if part.round else _flat_faces(part))


def _round_faces(part: Part) -> Iterator[tuple[Floats, Plane]]:
    """Yield a cylinder's side (corners of both circles; no plane) and its top."""
    (x0, y0, z0), (x1, _, z1) = part.low, part.high
    turn = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    radius = (x1 - x0) / 2
    ring = np.stack([x0 + radius + radius * np.cos(turn), y0 + radius + radius * np.sin(turn)], axis=1)
    lower, upper = (np.column_stack([ring, np.full(_CORNERS, z)]).astype(np.float32) for z in (z0, z1))
    yield np.concatenate([lower, upper]), (0.0, 0.0, 0.0, 0.0)
    yield upper, (0.0, 0.0, 1.0, z1)


def _flat_faces(part: Part) -> Iterator[tuple[Floats, Plane]]:
    """Yield the front, right and top face of a box, and the faces where something is cut off."""
    (x0, y0, z0), (x1, y1, z1) = part.low, part.high
    box: list[Plane] = [
        (0, -1, 0, -y0), (1, 0, 0, x1), (0, 0, 1, z1), (-1, 0, 0, -x0), (0, 1, 0, y1), (0, 0, -1, -z0),
    ]  # fmt: skip
    for number, plane in enumerate([*box, *part.cuts]):
        if number in (3, 4, 5):
            continue
        polygon = _large_square(plane, part)
        for other in (*box, *part.cuts):
            if other != plane:
                polygon = _clip(polygon, other)
        if len(polygon) > 2:
            yield polygon, plane


def _large_square(plane: Plane, part: Part) -> Floats:
    """Return a square in the plane that reaches beyond the part on all sides."""
    normal = np.array(plane[:3])
    middle = (np.array(part.low) + np.array(part.high)) / 2
    middle = middle - normal * (normal @ middle - plane[3])
    helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
    u = np.cross(normal, helper)
    u *= 40 / np.linalg.norm(u)
    v = np.cross(normal, u)
    return np.array([middle + u, middle + v, middle - u, middle - v], np.float32)


def _clip(polygon: Floats, plane: Plane) -> Floats:
    """Cut a convex polygon down to the half-space of ``plane`` (Sutherland and Hodgman, 1974)."""
    kept: list[Floats] = []
    away = polygon @ np.array(plane[:3], np.float32) - plane[3]
    for i, (point, d) in enumerate(zip(polygon, away, strict=True)):
        before, e = polygon[i - 1], away[i - 1]
        if (d <= 0) != (e <= 0):
            kept.append(before + (point - before) * (e / (e - d)))
        if d <= 0:
            kept.append(point)
    return np.array(kept, np.float32).reshape(-1, 3)
