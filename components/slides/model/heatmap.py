"""Heatmaps: tile probabilities in colour over a picture of the slide."""

from __future__ import annotations

import hashlib
import io
import math
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from brume import storage
from brume.report.viridis import colours
from brume.run import progress
from brume.run.rejects import Reject
from brume.slides.model import slide_files
from brume.slides.model.reader import SlideError, open_slide
from brume.slides.model.scores import SlideScore, probability_columns

Pixels = NDArray[np.uint8]

MAX_SIDE = 1200  # pixels of the longer side of a heatmap, without its legend
FOOTER = 56  # pixels below the picture, for colour scale and scale bar
OPACITY = 0.62
GLASS = (200.0, 228.0)  # grey from which tissue fades into glass, and from which all is glass
QUALITY = 85
_END_OF_JPEG = b"\xff\xd9"


def draw(
    thumbnail: Pixels,
    scale: float,
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    span: NDArray[np.int64],
    probability: NDArray[np.float64],
) -> Pixels:
    """Draw the tiles' probabilities over a slide's thumbnail, both uint8 [h, w, 3].

    `scale` is level-0 pixels per thumbnail pixel; `x`, `y`, `span` [tiles] are level-0 pixels. Where tiles
    overlap their mean is shown. The tissue's own light and dark stay visible, and glass, inside a tile or
    outside, keeps its pixels.
    """
    height, width = thumbnail.shape[:2]
    total, count = (np.zeros((height, width), np.float32) for _ in range(2))
    for left, top, side, value in zip(x, y, span, probability, strict=True):
        # A tile covers whole pixels; neighbours share an edge, and the smallest tile is one pixel.
        first = round(top / scale), round(left / scale)
        last = (
            max(first[0] + 1, round((top + side) / scale)),
            max(first[1] + 1, round((left + side) / scale)),
        )
        window = np.s_[first[0] : last[0], first[1] : last[1]]
        total[window] += value
        count[window] += 1
    covered = count > 0
    # 256 steps of colour are as many as a JPEG can show.
    mean = np.divide(255 * total, count, out=np.zeros_like(total), where=covered).round().astype(np.uint8)
    picture = thumbnail.astype(np.float32)
    grey = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    tissue = np.clip((GLASS[1] - grey) / (GLASS[1] - GLASS[0]), 0, 1)
    shown = (tissue * covered).astype(np.float32)[..., None]
    # Beneath the colour tissue is shown nearly grey: a pink one would turn yellow into orange. The colour
    # takes on some of the tissue's own light, so that its structure shows through.
    stain = 1 - 0.7 * shown
    base = picture * stain + grey[..., None] * (1 - stain)
    palette = colours(np.arange(256) / 255).astype(np.float32)
    colour = palette[mean] * (0.6 + 0.4 * grey / GLASS[1]).clip(0, 1)[..., None]
    opacity = OPACITY * shown
    blended: Pixels = (base * (1 - opacity) + colour * opacity).round().astype(np.uint8)
    return blended


def with_legend(picture: Pixels, label: str, mpp: float | None) -> Image.Image:
    """Put a colour scale for the probability of `label`, and a scale bar, in `FOOTER` pixels below.

    `mpp` is microns per pixel of the picture; without it there is no scale bar.
    """
    height, width = picture.shape[:2]
    page = Image.new("RGB", (width, height + FOOTER), "white")
    page.paste(Image.fromarray(picture), (0, 0))
    pen = ImageDraw.Draw(page)
    font, ink = ImageFont.load_default(15), "#1d2430"
    ramp = min(200, width // 3)
    page.paste(Image.fromarray(np.tile(colours(np.linspace(0, 1, ramp)), (10, 1, 1))), (12, height + 34))
    room = width - 24 if mpp is None else width - 24 - ramp
    pen.text((12, height + 10), _clip(f"probability of {label}", font, room), ink, font)
    pen.text((12 + ramp + 8, height + 30), "0 to 1", ink, font)
    if mpp is not None:
        microns, pixels = _scale_bar(width / 4 * mpp, mpp)
        right = width - 12
        pen.rectangle((right - pixels, height + 36, right, height + 41), ink)
        pen.text((right, height + 10), f"{microns / 1000:g} mm", ink, font, anchor="ra")
    return page


def _scale_bar(longest: float, mpp: float) -> tuple[float, int]:
    """Return the longest round length (1, 2 or 5 times a power of ten) in microns, and its pixels."""
    power = 10.0 ** math.floor(math.log10(longest))
    microns = max(step * power for step in (1, 2, 5) if step * power <= longest)
    return microns, round(microns / mpp)


def _clip(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    text = " ".join(text.split())
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def draw_slide(
    path: Path,
    tiles: pa.Table,
    label: str,
    *,
    assume_mpp: float | None = None,
    given_mpp: float | None = None,
    max_side: int = MAX_SIDE,
) -> Image.Image:
    """Draw one slide's heatmap for class `label`, with its legend; `tiles` are the scores of its tiles alone.

    Microns per pixel are found as `open_slide` does. Raises `SlideError` when the slide cannot be read.
    """
    with open_slide(path, assume_mpp, given_mpp) as slide:
        thumbnail, mpp = slide.thumbnail(max_side), slide.mpp
        scale = slide.dimensions[0] / thumbnail.shape[1]
    x, y, span = (tiles[name].to_numpy() for name in ("x", "y", "span"))
    probability = tiles[probability_columns([label])[0]].to_numpy().astype(np.float64)
    picture = draw(thumbnail, scale, x, y, span, probability)
    return with_legend(picture, label, mpp * scale if mpp else None)


def file_names(slides: Iterable[str]) -> dict[str, str]:
    """Name each slide's heatmap: its stem, or its whole name where two slides share a stem."""
    names = sorted(set(slides))
    stems = Counter(str(PurePosixPath(name).with_suffix("")) for name in names)

    def one(name: str) -> str:
        stem = str(PurePosixPath(name).with_suffix(""))
        return f"{stem if stems[stem] == 1 else name}.jpg"

    return {name: one(name) for name in names}


def draw_all(
    sources: Mapping[str, str],
    tile_scores: pa.Table,
    scores: Sequence[SlideScore],
    out_uri: str,
    *,
    assume_mpp: float | None = None,
    given_mpp: Mapping[str, float] | None = None,
    workers: int = 2,
) -> list[Reject]:
    """Write `out_uri`/NAME.jpg for every scored slide: the probability of its predicted class.

    `sources` gives each slide's path or URI, `given_mpp` the microns per level-0 pixel that labels gave, by
    slide, for the scale bar. A heatmap that was drawn from the same tile scores is kept.
    Returns the slides that could not be drawn, with the reason; the others are drawn. Raises
    `OSError` or `brume.storage.StorageError` when a slide or `out_uri` cannot be reached.
    """
    names = file_names(score.slide for score in scores)
    order = tile_scores.sort_by("slide")
    slides, starts = np.unique(order["slide"].to_numpy(zero_copy_only=False).astype(str), return_index=True)
    ends = np.append(starts[1:], order.num_rows)
    rows = {str(name): (int(a), int(b - a)) for name, a, b in zip(slides, starts, ends, strict=True)}

    def one(score: SlideScore) -> Reject | None:
        target = storage.join(out_uri, names[score.slide])
        tiles = order.slice(*rows[score.slide])
        given = (given_mpp or {}).get(score.slide)
        key = _key(tiles, score, assume_mpp, given)
        if _key_of(target) == key:
            return None
        try:
            if score.slide not in sources:
                raise FileNotFoundError(f"no file is known for slide {score.slide}")
            with tempfile.TemporaryDirectory() as scratch:
                path = slide_files.fetch(sources[score.slide], Path(scratch))
                picture = draw_slide(
                    path, tiles, score.mean_prediction, assume_mpp=assume_mpp, given_mpp=given
                )
        except (SlideError, FileNotFoundError) as error:
            return Reject(score.slide, "heatmap", str(error))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY, optimize=True, comment=key)
        storage.write_bytes(target, buffer.getvalue())
        return None

    undrawn = []
    with ThreadPoolExecutor(workers) as pool:
        for done, outcome in enumerate(pool.map(one, scores), start=1):
            undrawn += [outcome] if outcome else []
            progress.report("scores", done, len(scores), "heatmaps")
    return undrawn


def _key(tiles: pa.Table, score: SlideScore, assume_mpp: float | None, given_mpp: float | None) -> bytes:
    """Return a digest of what a heatmap is drawn from."""
    settings = (score.mean_prediction, assume_mpp, given_mpp, MAX_SIDE, OPACITY)
    digest = hashlib.sha256(repr(settings).encode())
    for name in ("x", "y", "span", *probability_columns([score.mean_prediction])):
        digest.update(np.ascontiguousarray(tiles[name].to_numpy()).tobytes())
    return digest.hexdigest().encode()


def _key_of(uri: str) -> bytes | None:
    """Return the digest that a heatmap carries as its JPEG comment, None where there is no whole heatmap."""
    try:
        data = storage.read_bytes(uri)
    except FileNotFoundError:
        return None
    try:
        comment = Image.open(io.BytesIO(data)).info.get("comment")
    except OSError:  # no picture
        return None
    return comment if isinstance(comment, bytes) and data.endswith(_END_OF_JPEG) else None
