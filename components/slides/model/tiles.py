"""Cutting a group of slides into TFRecord files of tiles, many slides at once.

The work on a slide is done once: beside each ``<key>.tfrecord`` there is a ``<key>.json``, written last. The
key holds the slide, the version of its file, how it was cut, and a digest of the code that cuts. A second run
reuses the files that it finds.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Protocol

from brume import storage
from brume.run import code, pool, progress
from brume.run.rejects import Reject
from brume.slides.model import slide_files
from brume.slides.model.grid import Tiling
from brume.slides.model.reader import SlideError
from brume.slides.model.resolution import Scan
from brume.slides.model.slide_tiles import STEP, TiledSlide, tile_slide


class TilingError(RuntimeError):
    """A slide, or its tiles' folder, cannot be reached; the message names it and the cause."""


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
    def given_mpp(self) -> float:
        """Its microns per level-0 pixel if it does not say them itself, 0.0 when unknown."""

    @property
    def version(self) -> str:
        """A token that changes when the file does."""


def tile_group(
    slides: Sequence[SlideSource], out_uri: str, tiling: Tiling, workers: int | None = None
) -> tuple[list[str], list[Reject]]:
    """Cut a group of slides, several at once; return the URIs of their tile files, and the rejects.

    Both are in the order of the slides, and each slide is in one or the other. Slides in an object store are
    fetched one at a time per worker. A slide that cannot be used, even one that kills its worker, is a reject
    with its reason. ``workers``: processes, by default one per processor this process may use.

    Raises `TilingError` when a slide or the place for its tiles cannot be reached: an object store does not
    answer, a disk is full, a permission is missing. The slides that were cut are kept for the next run.
    """
    results: dict[int, str | Reject] = {}
    for index, source in enumerate(slides):
        if found := _already_cut(source, out_uri, tiling):
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


def read_marks(files: Iterable[str]) -> Iterator[TiledSlide]:
    """Yield how each slide was cut whose tile file `tile_group` returned."""
    for file in files:
        mark = json.loads(storage.read_bytes(file.removesuffix(".tfrecord") + ".json"))
        yield TiledSlide(**{**mark, "scan": Scan(*mark["scan"])})


def _outcomes(
    slides: Sequence[SlideSource], wanted: Sequence[int], out_uri: str, tiling: Tiling, workers: int
) -> Iterator[tuple[int, str | Reject]]:
    """Yield each wanted slide's index with its tile file or reject, as they finish.

    When a worker is killed, a pool does not name its slide: those in work are then tried again one by one, so
    that the one at fault is known and the others are not lost.
    """
    waiting, suspects = deque(wanted), deque[int]()
    while waiting or suspects:
        alone = bool(suspects)
        queue = suspects if alone else waiting
        running: dict[Future[str | Reject], int] = {}
        with pool.executor(1 if alone else workers) as processes:
            try:
                while queue or running:
                    while queue and len(running) < (1 if alone else workers):
                        index = queue[0]
                        running[processes.submit(_cut_in_worker, slides[index], out_uri, tiling)] = index
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


def _cut_in_worker(source: SlideSource, out_uri: str, tiling: Tiling) -> str | Reject:
    """Cut one slide in a worker, unless another has just done so."""
    try:
        if found := _already_cut(source, out_uri, tiling):
            return found
        return _cut(source, out_uri, tiling)
    except SlideError as error:
        return Reject(source.slide, STEP, str(error))
    except (OSError, storage.StorageError, MemoryError, ImportError) as error:
        if isinstance(error, OSError) and error.errno is None and not isinstance(error, FileNotFoundError):
            return _unusable(source, error)  # of a decoder, about the content
        raise TilingError(
            f"slide {source.slide} ({source.uri}) cannot be cut into {out_uri}: {type(error).__name__}: "
            f"{error}. The slide itself may be good: remove the cause and run again; the slides already "
            "cut are kept."
        ) from error
    except Exception as error:
        return _unusable(source, error)


def _unusable(source: SlideSource, error: Exception) -> Reject:
    return Reject(source.slide, STEP, f"{type(error).__name__}: {error}")


def _cut(source: SlideSource, out_uri: str, tiling: Tiling) -> str | Reject:
    """Fetch and cut one slide; return the URI of its tile file, or a reject when the slide is gone."""
    file_uri, done_uri = _uris(source, out_uri, tiling)
    with tempfile.TemporaryDirectory(prefix="brume-slide-") as name:
        folder = Path(name)
        try:
            path = slide_files.fetch(source.uri, folder)
        except FileNotFoundError as error:
            return _unusable(source, error)
        out = folder / "tiles.tfrecord" if storage.is_remote(file_uri) else Path(file_uri)
        tiled = tile_slide(
            path,
            out,
            slide=source.slide,
            patient=source.patient,
            label=source.label,
            tiling=tiling,
            given_mpp=source.given_mpp or None,
        )
        if storage.is_remote(file_uri):
            storage.upload(out, file_uri)
    storage.write_bytes(done_uri, json.dumps(asdict(tiled)).encode())
    return file_uri


def _already_cut(source: SlideSource, out_uri: str, tiling: Tiling) -> str | None:
    """Return the tile file of a slide that was cut before."""
    file_uri, done_uri = _uris(source, out_uri, tiling)
    return file_uri if storage.exists(done_uri) and storage.exists(file_uri) else None


def _uris(source: SlideSource, out_uri: str, tiling: Tiling) -> tuple[str, str]:
    """Return the URIs of a slide's tile file and of the mark that it is done.

    They are named by the slide, and by everything that the tiles depend on.
    """
    row = [source.slide, source.patient, source.label, source.uri, source.version, source.given_mpp]
    facts = [code.code_digest("brume.slides.model.slide_tiles"), *row, asdict(tiling)]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", PurePosixPath(source.slide).stem)
    key = f"{stem}-{digest[:16]}"
    return storage.join(out_uri, f"{key}.tfrecord"), storage.join(out_uri, f"{key}.json")
