"""A small cohort of tiles that a network can learn in seconds, as real shards."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from brume.slides.model import records, shards

SIZE = 32
CLASSES = ("lung", "node", "skin")
_COLOURS = {"lung": (200, 120, 190), "node": (150, 110, 180), "skin": (220, 170, 200)}


def image(label: str, number: int, size: int = SIZE, form: str = "JPEG") -> bytes:
    """Return a noisy tile in its class's colour."""
    noise = np.random.default_rng(1000 * CLASSES.index(label) + number).normal(0, 25, (size, size, 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(noise + _COLOURS[label], 0, 255).astype(np.uint8)).save(file, form)
    return file.getvalue()


def tile(label: str, number: int, slide: str) -> records.Tile:
    return records.Tile(
        image(label, number), SIZE, SIZE, label, slide, f"p-{slide}", number, 0, mpp=0.5, level=0, span=SIZE
    )


def write(folder: Path, *, ranks: int = 2, train: int = 16, valid: int = 6, uri: str = "") -> str:
    """Write `train` and `valid` tiles of each class as shards; returns their folder's URI."""
    splits, files = {}, []
    for split, count in (("train", train), ("valid", valid)):
        for label in CLASSES if count else ():
            slide = f"{split}-{label}"
            path = folder / "records" / f"{slide}.tfrecord"
            with records.RecordWriter(path) as writer:
                for number in range(count):
                    writer.write(records.encode(tile(label, number + 500 * (split == "valid"), slide)))
            splits[slide] = split
            files.append(str(path))
    uri = uri or str(folder / "tiles")
    shards.write_shards(
        files,
        splits,
        uri,
        ranks=ranks,
        shards_per_rank=2,
        batch_size=8,
        seed=1,
        classes=list(reversed(CLASSES)),
        tile_size=SIZE,
        mpp=0.5,
    )
    return uri
