"""How fast slides are cut.

Usage: ``python -m bench.tiling [--source-tile 240 --source-tile 256] [--cache DIR]``.

On a synthetic slide of 40,000 x 30,000 pixels, in one run and on the same tissue tiles of 512 pixels, counts
tiles per CPU-second (user and system time of the process) of

- the limit: libjpeg-turbo decoding each source tile under those tiles once, into one buffer;
- the reader: the tiles' pixels;
- the slide cut into a TFRecord file of JPEG tiles, tissue mask included;
- the same by OpenSlide's read_region and Pillow's JPEG encoder: same mask, tiles, quality and subsampling.

CPU time, since a machine may be shared; each result is the best of its repeats, taken in turn.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide

from brume.slides.demo.generator import paint_slide
from brume.slides.demo.painter import Pixels, write_slide
from brume.slides.model.grid import Plan, Tiling, plan, read_tiles
from brume.slides.model.reader import open_slide
from brume.slides.model.records import RecordWriter, Tile, encode
from brume.slides.model.slide_tiles import tile_slide
from brume.slides.model.tiled_jpeg import TiledJpegReader

WIDTH, HEIGHT, PIECE = 40_000, 30_000, 4_000
READER_TARGET, TFRECORD_TARGET = 0.75, 3.5
TILING = Tiling(tile_size=512, jpeg_quality=90)


def write_large_slide(path: Path, source_tile: int) -> None:
    """Write the slide: one piece of tissue of the demo's, repeated on a grid."""
    rng, stain = np.random.default_rng(1), np.random.default_rng(2)
    piece = paint_slide("luad", PIECE, PIECE, rng, stain)(0, PIECE)
    wide = np.tile(piece, (1, -(-WIDTH // PIECE), 1))[:, :WIDTH]

    def paint(top: int, bottom: int) -> Pixels:
        return wide[np.arange(top, bottom) % PIECE]

    write_slide(path, paint, size=(WIDTH, HEIGHT), source_tile=source_tile)


def decode_limit(path: Path, chosen: Plan) -> None:
    """Decode each source tile under the tiles once."""
    with open_slide(path) as slide:
        reader = TiledJpegReader.open(path, slide.levels)
        assert reader is not None
        size = chosen.tile_size
        corners = [(column * size, row * size) for column, row in chosen.cells]
        buffer = np.empty(reader.source_shape(0), np.uint8)
        for index in sorted(reader.sources(0, corners, size, size)):
            reader.decode(0, index, buffer)
        reader.close()


def read(path: Path, chosen: Plan) -> None:
    """Read the tiles' pixels."""
    with open_slide(path) as slide:
        for _ in read_tiles(slide, chosen):
            pass


def cut(path: Path, out: Path) -> None:
    """Cut the slide into a TFRecord file."""
    tile_slide(path, out, slide="bench", patient="bench", label="luad", tiling=TILING)


def cut_plainly(path: Path, out: Path) -> None:
    """Do the same with OpenSlide and Pillow."""
    with open_slide(path) as slide:
        chosen = plan(slide, TILING)
    size = chosen.tile_size
    with openslide.OpenSlide(str(path)) as plain, RecordWriter(out) as writer:
        for cell in chosen.cells:
            x, y = chosen.corner(cell)
            stream = io.BytesIO()
            image = plain.read_region((x, y), 0, (size, size)).convert("RGB")
            image.save(stream, "JPEG", quality=TILING.jpeg_quality, subsampling="4:2:0")
            facts = ("luad", "bench", "bench", x, y, chosen.mpp, 0, chosen.span)
            writer.write(encode(Tile(stream.getvalue(), size, size, *facts)))


def measure(path: Path, folder: Path, repeats: int) -> dict[str, float]:
    """Return tiles per CPU-second of each way, best of ``repeats``."""
    with open_slide(path) as slide:
        chosen = plan(slide, TILING)
    print(f"  {len(chosen.cells)} tissue tiles; file of {path.stat().st_size / 1e6:.0f} MB")
    ways: dict[str, Callable[[], None]] = {
        "libjpeg-turbo decode limit": lambda: decode_limit(path, chosen),
        "reader": lambda: read(path, chosen),
        "slide to TFRecord": lambda: cut(path, folder / "ours.tfrecord"),
        "OpenSlide + Pillow to TFRecord": lambda: cut_plainly(path, folder / "plain.tfrecord"),
    }
    best = dict.fromkeys(ways, 0.0)
    for _ in range(repeats):
        for name, way in ways.items():
            best[name] = max(best[name], len(chosen.cells) / cpu_seconds(way))
    return best


def cpu_seconds(work: Callable[[], None]) -> float:
    """Return the user and system time that ``work`` takes, of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Write the slides (once, with ``--cache``) and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.tiling", description="how fast slides are cut")
    parser.add_argument("--source-tile", type=int, action="append", help="side of the JPEG tiles on file")
    parser.add_argument("--cache", type=Path, help="keep the slides in this folder for the next run")
    parser.add_argument("--repeats", type=int, default=3, help="each figure is the best of these")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="brume-bench-") as name:
        for source_tile in options.source_tile or [240]:
            path = (options.cache or Path(name)) / f"large-{source_tile}.svs"
            print(f"{WIDTH:,} x {HEIGHT:,} pixels in JPEG tiles of {source_tile}", flush=True)
            if not path.exists():
                write_large_slide(path, source_tile)
            found = measure(path, Path(name), options.repeats)
            for way, rate in found.items():
                print(f"  {way:32} {rate:8.0f} tiles per CPU-second")
            limit, reader, ours, plain = found.values()
            print(f"  reader / limit            {reader / limit:5.2f}   (target {READER_TARGET})")
            print(f"  ours / OpenSlide + Pillow {ours / plain:5.2f}   (target {TFRECORD_TARGET})", flush=True)


if __name__ == "__main__":
    main()
