"""One photograph: everything that the seed decides, put together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from brume.inspection.demo import defects, light, shade, surfaces
from brume.inspection.demo.bricks import Floats, Mesh, Part, house, mesh
from brume.inspection.demo.camera import Camera, Samples, faces_seen, samples_of
from brume.inspection.demo.develop import Development

VERSION = 1  # raised when the same seed gives another picture
KINDS = tuple(defects.KINDS)
# The smallest share of the picture that a defect of a kind covers.
_LEAST = {"scratch": 1.2e-4, "drawing": 2e-4, "colour": 4e-4, "extra": 3e-4, "missing": 3e-4}
_DRAWS = 400  # of a defect, until one is in sight
_MARKED = 0.2  # how much of a pixel a mark covers where the mask counts it


@dataclass(frozen=True)
class Scene:
    """A photograph, uint8 [H, W, 3] RGB, and the mask of its defect, uint8 [H, W], 0 or 1.

    ``severity`` is 0 (small, faint) to 1 (obvious), and 0 without a defect; ``quality`` the JPEG quality
    that the camera of this picture writes.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    kind: str | None
    severity: float
    quality: int


@dataclass(frozen=True)
class _Toy:
    """The toy: its mesh, what the camera sees of it, the number of each brick, and marks."""

    mesh: Mesh
    seen: NDArray[np.uint16]
    samples: Samples
    origin: tuple[int, ...]
    marks: tuple[shade.Mark, ...]


def render(
    seed: int, kind: str | None = None, *, severity: float | None = None, size: tuple[int, int] = (512, 512)
) -> Scene:
    """Photograph the toy: as it should be, or with a defect of a kind (one of ``KINDS``).

    The seed decides on camera, light, table and, in a sequence of its own, on the defect: the picture
    without a defect is the same but for the defect and its shadow. ``severity`` is drawn too unless it is
    given. ``size`` is height and width in pixels. Equal arguments give equal pixels. Raises `ValueError`
    for a kind that there is not.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"there is no defect {kind!r}: it is one of {', '.join(KINDS)}")
    rng = np.random.default_rng([VERSION, seed, 0])
    camera = Camera.draw(rng, size)
    lighting = light.Lighting.draw(rng)
    table = surfaces.table(rng)
    tints = (1 + 0.03 * rng.standard_normal(len(house()) + 1)).astype(np.float32)
    development = Development.draw(rng)

    seen = faces_seen(mesh(house()), camera)
    toy = _Toy(mesh(house()), seen, samples_of(seen), tuple(range(len(house()))), ())
    mask = np.zeros(size, np.uint8)
    if kind is not None:
        own = np.random.default_rng([VERSION, seed, 1 + KINDS.index(kind)])
        severity = float(own.uniform()) if severity is None else severity
        toy, mask = _spoil(toy, camera, kind, severity, own)
    full, sky = _space(toy.mesh.parts)
    shadows = light.shadows(full, sky, lighting)
    colours = shade.paint(
        toy.mesh, camera, toy.samples, lighting, shadows, table, tints[list(toy.origin)], toy.marks
    )
    image = development.picture(toy.samples.resolve(colours), rng)
    return Scene(image, mask, kind, severity or 0.0, development.quality)


def _spoil(
    toy: _Toy, camera: Camera, kind: str, severity: float, rng: np.random.Generator
) -> tuple[_Toy, NDArray[np.uint8]]:
    """Return the toy with a defect that the camera sees, and the defect's mask, uint8 [H, W], 0 or 1."""
    view = defects.view_of(toy.mesh, camera, toy.samples)
    for _ in range(_DRAWS):
        defect = defects.draw(kind, severity, view, rng)
        if defect is None:
            continue
        if defect.marks:
            cover = shade.coverage(toy.mesh, camera, toy.samples, defect.marks)
            mask = toy.samples.resolve(cover[:, None])[:, :, 0] > _MARKED
            other, now = toy.mesh, toy.seen
        else:
            other = mesh(defect.bricks)
            now = faces_seen(other, camera)
            mask = _difference(toy.mesh, toy.seen, other, now)
        if mask.mean() >= _LEAST[kind]:
            samples = toy.samples if defect.marks else samples_of(now)
            return _Toy(other, now, samples, defect.origin, defect.marks), mask.astype(np.uint8)
    raise RuntimeError(f"no place in sight for a defect {kind!r} of severity {severity:.2f}")


def _difference(
    sound: Mesh, seen: NDArray[np.uint16], other: Mesh, now: NDArray[np.uint16]
) -> NDArray[np.bool_]:
    """Return where two assemblies show different surfaces [H, W]: in two of a pixel's four samples."""
    numbers: dict[object, int] = {}
    keys = []
    for toy in (sound, other):
        colours = [toy.bricks[brick].colour if brick >= 0 else "" for brick in toy.brick]
        boxes = np.concatenate([toy.low, toy.high, toy.planes], axis=1).tolist()
        named = [(colour, *box) for colour, box in zip(colours, boxes, strict=True)]
        keys.append(np.array([numbers.setdefault(name, len(numbers)) for name in named]))
    differs = (keys[0][seen] != keys[1][now]).astype(np.uint8)
    total = differs[::2, ::2] + differs[1::2, ::2] + differs[::2, 1::2] + differs[1::2, 1::2]
    return np.asarray(total >= 2)


@lru_cache(maxsize=2)
def _space(parts: tuple[Part, ...]) -> tuple[Floats, Floats]:
    """Return how full the cells around an assembly are, and how much sky they see."""
    full = light.occupancy(parts)
    return full, light.openness(full)
