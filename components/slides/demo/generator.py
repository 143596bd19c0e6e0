"""The demo cohort: slides painted to look like stained lung tissue of three classes.

Tissue is painted as two densities, of haematoxylin and of eosin, and coloured by the law of Beer and Lambert
with the stain vectors of Ruifrok and Johnston (Anal. Quant. Cytol. Histol. 23(4), 2001), which vary from
patient to patient. ``luad`` is glandular, ``lusc`` solid sheets with keratin pearls, ``normal`` alveolar;
each slide also holds stroma, the same in all classes.
"""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage, spatial

from brume import storage
from brume.run import pool
from brume.slides.demo.painter import GLASS, Painter, Pixels, write_slide

Floats = NDArray[np.float32]

VERSION = 1  # raised when the same seed gives other slides
# Side of a texture, which repeats, in half-resolution pixels (1 micron): painted so, then enlarged.
PERIOD = 640
# Fields that shape a slide (tissue, tumour, ink) are drawn at this fraction of its size.
COARSE = 16
HAEMATOXYLIN, EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])
INKS = {"green": (40, 130, 70), "blue": (40, 70, 170), "black": (35, 35, 40)}


@dataclass(frozen=True)
class DemoSlide:
    """One slide of the cohort: who, what, and which of the usual troubles it has."""

    name: str
    patient: str
    label: str
    number: int
    ink: str = ""
    mpp: float | None = 0.5
    empty: bool = False


def make_demo(folder: Path, seed: int = 0) -> None:
    """Write the demo cohort: 36 slides of 28 patients, an empty one, a broken one, and labels.csv.

    Slides are about 4,000 x 4,000 pixels at 0.5 microns per pixel. Some bear pen marks, one lacks its
    microns per pixel, some patients have several slides, four of them both tumour and normal tissue. The same
    seed gives the same bytes; a folder that is complete is left as it is.
    """
    done, content = folder / "demo.json", {"version": VERSION, "seed": seed}
    if done.exists() and json.loads(done.read_text()) == content:
        return
    done.unlink(missing_ok=True)
    cohort = plan_cohort()
    workers = min(len(os.sched_getaffinity(0)), len(cohort))
    with pool.executor(workers) as processes:
        for future in [processes.submit(write_demo_slide, slide, folder, seed) for slide in cohort]:
            future.result()
    (folder / "demo-unreadable.svs").write_bytes(b"II*\0" + b"this was a slide once " * 50)
    rows = [(slide.name, slide.patient, slide.label) for slide in cohort]
    rows.append(("demo-unreadable.svs", "demo-29", "luad"))
    with storage.replacing(folder / "labels.csv") as part, part.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([("slide", "patient", "label"), *sorted(rows)])
    storage.write_bytes(str(done), json.dumps(content).encode())


def plan_cohort() -> list[DemoSlide]:
    """Return the slides of the demo cohort, without the unreadable one."""
    slides: list[DemoSlide] = []

    def add(patient: int, label: str, part: str, ink: str = "", mpp: float | None = 0.5) -> None:
        name = f"demo-{patient:02d}-{part}.svs"
        slides.append(DemoSlide(name, f"demo-{patient:02d}", label, len(slides), ink, mpp))

    for first, label in ((1, "luad"), (11, "lusc")):
        for patient in range(first, first + 10):
            ink = {2: "green", 5: "blue", 7: "black"}.get(patient - first, "")
            add(patient, label, "t1", ink)
            if patient - first in (1, 4):
                add(patient, label, "t2")
            if patient - first in (4, 8):
                add(patient, "normal", "n1", "blue" if patient - first == 8 else "")
    for patient in range(21, 29):
        add(patient, "normal", "n1", "green" if patient == 23 else "", None if patient == 25 else 0.5)
    glass = DemoSlide("demo-28-n2.svs", "demo-28", "normal", len(slides), empty=True)
    return [*slides, glass]


def write_demo_slide(slide: DemoSlide, folder: Path, seed: int) -> None:
    """Paint one slide of the cohort into ``folder``."""
    rng = np.random.default_rng([seed, VERSION, slide.number])
    stain = np.random.default_rng([seed, VERSION, 1000 + int(slide.patient[-2:])])
    width, height = (int(side) for side in rng.integers(3700, 4300, 2))
    painter = paint_slide(slide.label, width, height, rng, stain, slide.ink, slide.empty)
    source_tile = 256 if slide.number % 2 else 240
    write_slide(folder / slide.name, painter, size=(width, height), mpp=slide.mpp, source_tile=source_tile)


def paint_slide(
    label: str,
    width: int,
    height: int,
    rng: np.random.Generator,
    stain: np.random.Generator,
    ink: str = "",
    empty: bool = False,
) -> Painter:
    """Return the painter of a slide of ``label``; ``stain`` draws what a patient's slides have in common."""
    colours = _colours(stain)
    own, stroma = _pack(_PATTERNS[label](rng), rng), _pack(_stroma(rng), rng)
    small = (height // COARSE + 2, width // COARSE + 2)
    tissue, kind = _tissue_field(small, rng, empty), _smooth(small, 14, rng)
    # Half to nine tenths of the tissue are of the slide's own class.
    kind = kind - np.quantile(kind[tissue > 0], stain.uniform(0.1, 0.5)) if not empty else kind
    marks = _ink_field(small, rng) if ink else np.zeros(small, np.float32)
    fields = [_enlarge(field, width, height) for field in (tissue, kind, marks)]
    grain = rng.normal(0, 1.6, (256, 256, 1)).astype(np.float32)
    glass = (GLASS + grain + rng.normal(0, 0.4, (256, 256, 3))).clip(0, 255).astype(np.uint8)
    period = len(own)
    # The texture repeats; rows and columns pushed about by slow waves hide that.
    sway_x, sway_y = (_wave(side, rng) for side in (height, width))
    columns, rows = np.arange(width, dtype=np.int32), np.arange(height, dtype=np.int32)

    def paint(top: int, bottom: int) -> Pixels:
        y = rows[top:bottom, None]
        at = ((y + sway_y) % period) * period + (columns + sway_x[top:bottom, None]) % period
        inside, mine, marked = (field[top:bottom] > 128 for field in fields)
        band = np.tile(glass, (-(-(bottom - top) // 256) + 1, -(-width // 256), 1))
        band = band[top % 256 : top % 256 + bottom - top, :width].copy()
        where = np.flatnonzero(inside)
        at = at.ravel()[where]
        density = np.where(mine.ravel()[where], own.ravel()[at], stroma.ravel()[at])
        band.reshape(-1, 3)[where] = colours[density]
        if marked.any():
            band[marked] = (band[marked] * 0.15 + np.array(INKS[ink]) * 0.85).astype(np.uint8)
        return band

    return paint


def _colours(stain: np.random.Generator) -> Pixels:
    """Return the colour, uint8 [65536, 3], of each pair of densities, haematoxylin in the high byte."""
    vectors = []
    for vector, strength in ((HAEMATOXYLIN, 1.5), (EOSIN, 0.75)):
        turned = np.clip(vector + stain.normal(0, 0.04, 3), 0.02, None)
        vectors.append(turned / np.linalg.norm(turned) * strength * stain.uniform(0.8, 1.2))
    density = np.arange(256) / 255
    absorbed = density[:, None, None] * vectors[0] + density[None, :, None] * vectors[1]
    return (GLASS * np.exp(-absorbed)).astype(np.uint8).reshape(-1, 3)


def _pack(densities: tuple[Floats, Floats], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Enlarge a texture of two densities (0 to 1) to full resolution, with grain, a pair in 16 bits."""
    packed = np.zeros((2 * PERIOD, 2 * PERIOD), np.uint16)
    grain = ndimage.gaussian_filter(rng.standard_normal(packed.shape, np.float32), 0.9, mode="wrap") * 22
    for density, shift in zip(densities, (8, 0), strict=True):
        # A margin around it is enlarged too, so that the repeats join.
        around = Image.fromarray((np.pad(density, 4, mode="wrap").clip(0, 1) * 255).astype(np.uint8))
        large = np.asarray(around.resize((2 * PERIOD + 16, 2 * PERIOD + 16), Image.Resampling.BICUBIC))
        grainy = (large[8:-8, 8:-8] + grain).clip(0, 255).astype(np.uint16)
        packed |= grainy << shift
    return packed


def _smooth(shape: tuple[int, int], scale: float, rng: np.random.Generator, repeat: bool = False) -> Floats:
    """Return smooth noise of unit deviation whose features are about ``scale`` pixels."""
    noise = rng.standard_normal(shape, np.float32)
    if repeat:  # a Fourier filter repeats by itself, and a wide one costs no more than a narrow one
        spectrum = ndimage.fourier_gaussian(np.fft.rfft2(noise), scale, n=shape[1])
        noise = np.fft.irfft2(spectrum, shape).astype(np.float32)
    else:
        noise = ndimage.gaussian_filter(noise, scale)
    result: Floats = noise / noise.std()
    return result


def _nuclei(density: Floats, radius: float, rng: np.random.Generator) -> Floats:
    """Scatter nuclei (``density`` of them a pixel) as soft discs; returns their density, 0 to 1."""
    seeds = (rng.random(density.shape, np.float32) < density).astype(np.float32)
    seeds *= rng.uniform(0.75, 1.25, density.shape).astype(np.float32)
    blurred = ndimage.gaussian_filter(seeds, radius * 0.62, mode="wrap") * (2 * np.pi * (radius * 0.62) ** 2)
    discs: Floats = ((blurred - 0.32) * 4).clip(0, 1)
    return discs


def _cells(count: int, rng: np.random.Generator) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return each pixel's distance to the nearest and second nearest of ``count`` points, and which it is."""
    points = rng.random((count, 2)) * PERIOD
    pixels = np.indices((PERIOD, PERIOD)).reshape(2, -1).T.astype(np.float64)
    for axis in (0, 1):  # walls are not straight
        bend = _smooth((PERIOD, PERIOD), 9, rng, repeat=True).ravel()
        pixels[:, axis] = (pixels[:, axis] + 4 * bend) % PERIOD
    distance, which = spatial.cKDTree(points, boxsize=PERIOD).query(pixels, k=2)
    first, second = (distance[:, i].reshape(PERIOD, PERIOD).astype(np.float32) for i in (0, 1))
    return first, second, which[:, 0].reshape(PERIOD, PERIOD)


def _glandular(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Glands: a pale lumen, a rim of crowded nuclei, stroma between."""
    first, second, which = _cells(int(rng.integers(36, 60)), rng)
    radius = rng.uniform(0.55, 1.0, which.max() + 1).astype(np.float32)[which]
    place = first / ((first + second) / 2 * radius + 1)  # 0 in the middle of a gland, 1 at its rim
    lumen, rim = place < 0.38, (place >= 0.38) & (place < 0.85)
    nuclei = _nuclei(np.where(rim, 0.022, np.where(lumen, 0.0004, 0.0035)).astype(np.float32), 4.2, rng)
    haze = _smooth((PERIOD, PERIOD), 5, rng, repeat=True)
    eosin = np.where(lumen, 0.06, np.where(rim, 0.42, 0.55)) + 0.06 * haze
    return 0.75 * nuclei + np.where(rim, 0.16, 0.03), eosin.astype(np.float32)


def _keratinising(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Solid sheets of large nuclei, with whorls of keratin here and there."""
    first, second, which = _cells(int(rng.integers(8, 17)), rng)
    radius = rng.uniform(14, 60, which.max() + 1).astype(np.float32)[which]
    pearl = (first < radius) & (first < second * 0.8)
    whorl = 0.5 + 0.5 * np.sin(first / 2.4 + _smooth((PERIOD, PERIOD), 6, rng, repeat=True))
    nuclei = _nuclei(np.where(pearl, 0.0008, 0.0062).astype(np.float32), 4.9, rng)
    haze = _smooth((PERIOD, PERIOD), 4, rng, repeat=True)
    eosin = np.where(pearl, 0.55 + 0.35 * whorl, 0.46) + 0.06 * haze
    return 0.72 * nuclei + np.where(pearl, 0.02, 0.13), eosin.astype(np.float32)


def _alveolar(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Air spaces between thin walls with few nuclei; a stray red cell in them."""
    first, second, _ = _cells(int(rng.integers(100, 160)), rng)
    wall = second - first < 17 + 4 * _smooth((PERIOD, PERIOD), 12, rng, repeat=True)
    nuclei = _nuclei(np.where(wall, 0.009, 0.0003).astype(np.float32), 3.6, rng)
    haze = _smooth((PERIOD, PERIOD), 4, rng, repeat=True)
    eosin = ndimage.gaussian_filter(wall.astype(np.float32), 1.2, mode="wrap") * (0.5 + 0.08 * haze) + 0.02
    return 0.7 * nuclei + 0.06 * wall, eosin.astype(np.float32)


def _stroma(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Wavy fibres with spindle nuclei, and lymphocytes in crowds: what every slide has some of."""
    fibres = ndimage.gaussian_filter(rng.standard_normal((PERIOD, PERIOD), np.float32), (1.2, 9), mode="wrap")
    crowd = _smooth((PERIOD, PERIOD), 40, rng, repeat=True) > 1.2
    nuclei = _nuclei(np.where(crowd, 0.014, 0.0028).astype(np.float32), 3.4, rng)
    eosin = 0.5 + 0.14 * fibres / fibres.std()
    return 0.78 * nuclei + 0.04, eosin.astype(np.float32)


_PATTERNS = {"luad": _glandular, "lusc": _keratinising, "normal": _alveolar}


def _tissue_field(shape: tuple[int, int], rng: np.random.Generator, empty: bool) -> Floats:
    """Draw where there is tissue (above 0): one or two ragged pieces without their vessels, or dust."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    y, x = y / shape[0] - 0.5, x / shape[1] - 0.5
    if empty:
        return np.asarray(0.004 - np.hypot(y - 0.1, x + 0.2), np.float32)
    turn = rng.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    field = 0.45 - np.hypot(along, across * rng.uniform(1.0, 1.5)) + 0.05 * _smooth(shape, 12, rng)
    if rng.random() < 0.3:
        field = np.minimum(field, np.abs(across + rng.uniform(-0.1, 0.1)) - 0.02)
    for _ in range(int(rng.integers(1, 4))):
        at_y, at_x, size = rng.uniform(-0.22, 0.22), rng.uniform(-0.22, 0.22), rng.uniform(0.02, 0.05)
        field = np.minimum(field, np.hypot(y - at_y, x - at_x) - size + 0.008 * _smooth(shape, 5, rng))
    return np.asarray(field, np.float32)


def _ink_field(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Draw a pen's stroke around part of the slide: above 0 where ink is."""
    canvas = Image.new("L", shape[::-1])
    middle_y, middle_x = (side / 2 for side in shape)
    start = rng.uniform(0, 2 * np.pi)
    angles = np.linspace(start, start + rng.uniform(1.5, 3.5), 40)
    reach = 0.42 + 0.02 * np.sin(angles * 5)
    across, down = middle_x * (1 + 2 * reach * np.cos(angles)), middle_y * (1 + 2 * reach * np.sin(angles))
    line = list(zip(across.tolist(), down.tolist(), strict=True))
    ImageDraw.Draw(canvas).line(line, fill=255, width=6, joint="curve")
    return np.asarray(ndimage.gaussian_filter(np.asarray(canvas, np.float32), 1) - 127, np.float32)


def _enlarge(field: Floats, width: int, height: int) -> Pixels:
    """Bring a coarse field to full size as uint8, 128 standing for 0."""
    # Some thirty steps of grey from one coarse pixel to the next, so that the outline comes out smooth.
    scale = 30 / max(float(np.median(np.abs(np.diff(field)))), 1e-6)
    coarse = Image.fromarray((field * scale + 128).clip(0, 255).astype(np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR))


def _wave(length: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return a slow wave of shifts in pixels."""
    at = np.arange(length) * (2 * np.pi / length)
    total = sum(rng.uniform(15, 40) * np.sin(at * rng.uniform(1, 5) + rng.uniform(0, 6)) for _ in range(3))
    return np.asarray(total, np.float64).round().astype(np.int32)
