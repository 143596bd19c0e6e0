"""Cutting slides into TFRecord files of tiles, one file per slide, many slides at once.

The work on a slide is done once: beside each ``<key>.tfrecord`` lies a ``<key>.json``, written last, where
the key names the slide, the version of its file and how it was cut. A second run takes what it finds.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import simplejpeg

from brume import storage
from brume.run import lifeline, progress
from brume.slides.model import slide_files
from brume.slides.model.cohort import Reject
from brume.slides.model.grid import Tiling, plan, read_tiles
from brume.slides.model.reader import SlideError, open_slide
from brume.slides.model.records import RecordWriter, Tile, encode
from brume.slides.model.tissue import background_share

__all__ = ["SlideSource", "TiledSlide", "Tiling", "tile_group", "tile_slide"]

STEP = "tiling"
# Raised when the same parameters would give other tiles than before, so that none of those are reused.
FORMAT = 1


class SlideSource(Protocol):
    """What is known of a slide before it is cut: a row of the cohort."""

    @property
    def slide(self) -> str:
        """Its name."""

    @property
    def patient(self) -> str:
        """Its patient."""

    @property
    def label(self) -> str:
        """Its class, "" when unknown."""

    @property
    def uri(self) -> str:
        """Where its file is."""

    @property
    def version(self) -> str:
        """A token that changes when the file does."""


@dataclass(frozen=True)
class TiledSlide:
    """One slide's file of tiles: how many, their bytes as JPEG, and how they were read."""

    slide: str
    tiles: int
    bytes: int
    level: int
    mpp: float
    span: int


def tile_slide(path: Path, out: Path, *, slide: str, patient: str, label: str, tiling: Tiling) -> TiledSlide:
    """Write the tiles of the slide at ``path`` to the TFRecord file ``out``.

    The file appears when it is whole. Raises SlideError, and leaves no file, when the slide cannot be read,
    has no tissue, or lacks the microns per pixel that the tiling needs. Memory does not grow with the slide,
    but for one row of its source tiles.
    """
    count = size = 0
    with open_slide(path, tiling.assume_mpp) as opened:
        chosen = plan(opened, tiling)
        with RecordWriter(out) as writer:
            for cell, pixels in read_tiles(opened, chosen):
                if tiling.tissue == "grey" and background_share(pixels) > tiling.max_background:
                    continue
                jpeg = simplejpeg.encode_jpeg(pixels, tiling.jpeg_quality, "RGB", "420")
                x, y = chosen.corner(cell)
                side = tiling.tile_size
                tile = Tile(
                    jpeg, side, side, label, slide, patient, x, y, chosen.mpp, chosen.level, chosen.span
                )
                writer.write(encode(tile))
                count += 1
                size += len(jpeg)
            if not count:
                raise SlideError(f"no tissue: every tile is more than {tiling.max_background:.0%} background")
    return TiledSlide(slide, count, size, chosen.level, chosen.mpp, chosen.span)


def tile_group(
    slides: Sequence[SlideSource], out_uri: str, tiling: Tiling, workers: int | None = None
) -> tuple[list[str], list[Reject]]:
    """Cut a group of slides, several at once; return the URIs of their tile files, and the rejects.

    Both are in the order of the slides, and each slide is in one or the other. Slides in an object store are
    fetched one at a time per worker. An error in a slide, even one that kills its worker, is a reject with
    its reason. ``workers``: processes, by default one per processor this process may use.
    """
    results: dict[int, str | Reject] = {}
    for index, source in enumerate(slides):
        if found := _found(source, out_uri, tiling):
            results[index] = found
    if results:
        progress.report(STEP, len(results), len(slides), f"{len(results)} were cut before")
    missing = [index for index in range(len(slides)) if index not in results]
    count = min(workers or len(os.sched_getaffinity(0)), len(missing))
    for index, result in _outcomes(slides, missing, out_uri, tiling, count):
        results[index] = result
        progress.report(STEP, len(results), len(slides), slides[index].slide)
    ordered = [results[index] for index in range(len(slides))]
    written = [result for result in ordered if isinstance(result, str)]
    return written, [result for result in ordered if isinstance(result, Reject)]


def _outcomes(
    slides: Sequence[SlideSource], wanted: Sequence[int], out_uri: str, tiling: Tiling, workers: int
) -> Iterator[tuple[int, str | Reject]]:
    """Yield each wanted slide's index with its tile file or reject, as they finish.

    When a worker is killed, a pool tells only that one was: the slides it had in hand are then tried again
    one by one, so that the one at fault is known and the others are not lost.
    """
    waiting, suspects = deque(wanted), deque[int]()
    while waiting or suspects:
        alone = bool(suspects)
        queue = suspects if alone else waiting
        running: dict[Future[str | Reject], int] = {}
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1 if alone else workers, context, initializer=lifeline.follow) as pool:
            try:
                while queue or running:
                    while queue and len(running) < (1 if alone else workers):
                        running[pool.submit(_work, slides[queue[0]], out_uri, tiling)] = queue[0]
                        queue.popleft()
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        yield running.pop(future), result
            except BrokenProcessPool:
                if not alone:
                    suspects.extend(sorted(running.values()))
                    continue
                for index in running.values():
                    reason = "the process that cut it was killed (out of memory, or a fault in a library)"
                    yield index, Reject(slides[index].slide, STEP, reason)


def _work(source: SlideSource, out_uri: str, tiling: Tiling) -> str | Reject:
    """Cut one slide in a worker, unless another has just done so; any error becomes a reject."""
    try:
        if found := _found(source, out_uri, tiling):
            return found
        file_uri, done_uri = _places(source, out_uri, tiling)
        with tempfile.TemporaryDirectory(prefix="brume-slide-") as name:
            folder = Path(name)
            path = slide_files.fetch(source.uri, folder)
            out = folder / "tiles.tfrecord" if storage.is_remote(file_uri) else Path(file_uri)
            told = tile_slide(
                path, out, slide=source.slide, patient=source.patient, label=source.label, tiling=tiling
            )
            if storage.is_remote(file_uri):
                storage.upload(out, file_uri)
        storage.write_bytes(done_uri, json.dumps(asdict(told)).encode())
        return file_uri
    except SlideError as error:
        return Reject(source.slide, STEP, str(error))
    except Exception as error:
        return Reject(source.slide, STEP, f"{type(error).__name__}: {error}")


def _found(source: SlideSource, out_uri: str, tiling: Tiling) -> str | None:
    """Return the tile file of a slide that was cut before."""
    file_uri, done_uri = _places(source, out_uri, tiling)
    return file_uri if storage.exists(done_uri) and storage.exists(file_uri) else None


def _places(source: SlideSource, out_uri: str, tiling: Tiling) -> tuple[str, str]:
    """Return the URIs of a slide's tile file and of the mark that it is done.

    They are named by the slide, and by all that the tiles depend on.
    """
    facts = [FORMAT, source.slide, source.patient, source.label, source.uri, source.version, asdict(tiling)]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", PurePosixPath(source.slide).stem)
    key = f"{stem}-{digest[:16]}"
    return storage.join(out_uri, f"{key}.tfrecord"), storage.join(out_uri, f"{key}.json")
