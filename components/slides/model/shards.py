"""Shards: the tiles of a cohort, shuffled into equal files to train on, the rest by split.

The folder of shards holds ``train-NNNNN-of-NNNNN.tfrecord`` (as many as ranks x shards per rank, all with the
same count of tiles), ``train-rest.tfrecord`` (what was cut to make them equal), ``valid-NNNNN.tfrecord``,
``test/<slide>.tfrecord``, ``index.parquet`` (one row per tile) and, written last, ``shards.json``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from brume import storage
from brume.run import progress
from brume.slides.model.records import FRAME_BYTES, RecordWriter, decode, frame, read

VERSION = 1
STAGE = "shards"
# Records wait in memory up to this many bytes before they go to the spool of their shard.
BUFFER_BYTES = 64 * 2**20
# What is kept in memory of each tile, some fifty bytes, so that millions of tiles fit.
ROW = np.dtype(
    [
        ("x", "i4"),
        ("y", "i4"),
        ("level", "i2"),
        ("mpp", "f8"),
        ("span", "i4"),
        ("bytes", "i4"),  # of the JPEG
        ("size", "i4"),  # of the record
        ("check", "u4"),  # CRC-32C of the record
        ("lot", "u8"),  # drawn from seed, slide and place: the order of the shuffle
        ("shard", "i4"),  # number in the list of shards
    ]
)


class ShardsError(ValueError):
    """Tiles that cannot be dealt into shards; the message has slide or parameter and remedy."""


@dataclass
class _SlideTiles:
    """The tile file of one slide, and a row of its every tile in the order of the file."""

    uri: str
    slide: str
    patient: str
    label: str
    split: str
    rows: NDArray[Any]


def write_shards(
    tile_files: Iterable[str],
    splits: Mapping[str, str],
    out_uri: str,
    *,
    ranks: int,
    shards_per_rank: int,
    batch_size: int,
    seed: int,
    classes: Sequence[str],
    tile_size: int,
    mpp: float | None,
) -> dict[str, Any]:
    """Deal the tiles of per-slide TFRecord files into shards below ``out_uri``; return shards.json.

    ``splits`` maps each slide to train, valid or test ("": a slide to be scored only, kept as the test slides
    are). Train tiles are shuffled over the whole cohort, by a lot drawn from seed, slide and place alone.
    Shards per rank are at most ``batch_size``, so at most ranks x batch_size - 1 tiles are cut. The files are
    read twice as streams; memory holds no more than a row of numbers per tile and a buffer. Shards that are
    there already with the same content are left as they are. Raises ShardsError.
    """
    if ranks < 1 or shards_per_rank < 1 or batch_size < 1:
        raise ShardsError(
            f"ranks={ranks}, shards_per_rank={shards_per_rank}, batch_size={batch_size}: "
            "each must be 1 or more"
        )
    if not storage.is_remote(out_uri):
        out_uri = str(Path(out_uri))  # as files are listed, so that their names can be compared
    slides = sorted(_scan(tile_files, splits, classes, seed), key=lambda slide: slide.slide)
    if twice := [name for name, count in Counter(slide.slide for slide in slides).items() if count > 1]:
        raise ShardsError(f"slide {twice[0]} is in two tile files: its tiles would be doubled")
    train = sum(len(slide.rows) for slide in slides if slide.split == "train")
    if 0 < train < ranks:
        raise ShardsError(f"{train} training tiles are too few for ranks={ranks}: use fewer ranks")
    per_rank = min(shards_per_rank, batch_size, max(1, train // ranks))
    files = _deal(slides, ranks, ranks * per_rank if train else 0)
    content: dict[str, Any] = {
        "version": VERSION,
        "tile_size": tile_size,
        "mpp": mpp,
        "classes": sorted(classes),
        "ranks": ranks,
        "shards": _describe(slides, files),
        "cut": train % (ranks * per_rank),
    }
    content["digest"] = _digest(slides, content)
    done_uri = storage.join(out_uri, "shards.json")
    if storage.exists(done_uri):
        if json.loads(storage.read_bytes(done_uri)) == content and _whole(out_uri, content["shards"]):
            return content
        storage.remove(done_uri)
    _clear(out_uri)
    with ExitStack() as stack:
        if storage.is_remote(out_uri):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="brume-shards-")))
        else:
            folder = Path(out_uri)
            folder.mkdir(parents=True, exist_ok=True)
        _write(slides, files, folder)
        pq.write_table(_index(slides, files), folder / "index.parquet")
        if storage.is_remote(out_uri):
            storage.upload(folder, out_uri)
    storage.write_bytes(done_uri, json.dumps(content, indent=1).encode())
    return content


def _scan(
    tile_files: Iterable[str], splits: Mapping[str, str], classes: Sequence[str], seed: int
) -> Iterator[_SlideTiles]:
    """Read each tile file once and keep of it what the dealing needs."""
    for uri in tile_files:
        rows, owners = [], set()
        with storage.open_read(uri) as stream:
            for record in read(stream, uri):
                tile = decode(record)
                owners.add((tile.slide, tile.patient, tile.label))
                name = f"{seed}\0{tile.slide}\0{tile.x}\0{tile.y}".encode()
                lot = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
                check = google_crc32c.value(record)
                sizes = (len(tile.image), len(record))
                rows.append((tile.x, tile.y, tile.level, tile.mpp, tile.span, *sizes, check, lot, -1))
        if not rows:
            continue
        if len(owners) > 1:
            raise ShardsError(
                f"{uri} holds tiles of {len(owners)} slides, patients or labels: one is expected"
            )
        ((slide, patient, label),) = owners
        split = splits.get(slide)
        if split not in ("train", "valid", "test", ""):
            raise ShardsError(f"slide {slide} of {uri} has split {split!r}: expected train, valid or test")
        if split and label not in classes:
            raise ShardsError(f"slide {slide} has label {label!r}, which is not among {sorted(classes)}")
        table = np.array(rows, ROW)
        if len(np.unique(table[["x", "y"]])) < len(table):
            raise ShardsError(f"{uri} holds a tile twice: cut slide {slide} again")
        yield _SlideTiles(uri, slide, patient, label, split, table)


def _deal(slides: Sequence[_SlideTiles], ranks: int, train_shards: int) -> list[tuple[str, str]]:
    """Give every tile its shard; return the shards as (file, split)."""
    files = [(f"train-{n:05d}-of-{train_shards:05d}.tfrecord", "train") for n in range(train_shards)]
    train = [slide for slide in slides if slide.split == "train"]
    if train:
        order = np.argsort(np.concatenate([slide.rows["lot"] for slide in train]), kind="stable")
        shard = np.empty(len(order), np.int32)
        shard[order] = np.arange(len(order)) % train_shards
        whole = len(order) - len(order) % train_shards
        shard[order[whole:]] = train_shards
        if whole < len(order):
            files.append(("train-rest.tfrecord", "train"))
        for slide, share in zip(
            train, np.split(shard, np.cumsum([len(slide.rows) for slide in train])), strict=False
        ):
            slide.rows["shard"] = share
    valid = [slide for slide in slides if slide.split == "valid"]
    valid_shards = min(ranks, sum(len(slide.rows) for slide in valid))
    dealt = 0
    for slide in valid:
        slide.rows["shard"] = len(files) + (dealt + np.arange(len(slide.rows))) % valid_shards
        dealt += len(slide.rows)
    files += [(f"valid-{n:05d}.tfrecord", "valid") for n in range(valid_shards)]
    for slide in slides:
        if slide.split in ("test", ""):
            slide.rows["shard"] = len(files)
            name = PurePosixPath(slide.slide).with_suffix("").as_posix().replace("/", "__")
            if any(file == f"test/{name}.tfrecord" for file, _ in files):
                name = slide.slide.replace("/", "__")
            files.append((f"test/{name}.tfrecord", slide.split))
    return files


def _describe(slides: Sequence[_SlideTiles], files: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the entry of each shard in shards.json; ``bytes`` is the size of its file."""
    tiles, size = np.zeros(len(files), np.int64), np.zeros(len(files), np.int64)
    labels: dict[int, Counter[str]] = defaultdict(Counter)
    for slide in slides:
        numbers, counts = np.unique(slide.rows["shard"], return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            labels[number][slide.label] += count
            tiles[number] += count
        np.add.at(size, slide.rows["shard"], slide.rows["size"] + FRAME_BYTES)
    return [
        {
            "file": file,
            "split": split,
            "tiles": int(tiles[number]),
            "bytes": int(size[number]),
            "labels": dict(sorted(labels[number].items())),
        }
        for number, (file, split) in enumerate(files)
    ]


def _digest(slides: Sequence[_SlideTiles], content: Mapping[str, Any]) -> str:
    """Hash every tile's slide, place, content and shard, and the description of the whole."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for slide in slides:
        digest.update(json.dumps([slide.slide, slide.patient, slide.label, slide.split]).encode())
        digest.update(slide.rows.tobytes())
    return digest.hexdigest()


def _whole(out_uri: str, shards: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the files of shards.json and the index are there, in full length."""
    sizes = {entry.uri: entry.size for entry in storage.list_files(out_uri)}
    index = storage.join(out_uri, "index.parquet")
    return index in sizes and all(
        sizes.get(storage.join(out_uri, shard["file"])) == shard["bytes"] for shard in shards
    )


def _clear(out_uri: str) -> None:
    """Remove the shards of another cohort or of a run that was killed."""
    for entry in storage.list_files(out_uri):
        if entry.uri.endswith((".tfrecord", ".part", "index.parquet")):
            storage.remove(entry.uri)


def _write(slides: Sequence[_SlideTiles], files: Sequence[tuple[str, str]], folder: Path) -> None:
    """Stream the tile files a second time, into spools by shard, and write each shard from its spool.

    A spool holds a shard's records as they come, slide by slide; the shard takes them in the order of their
    lots (valid and test: of slide and place), reading one record at a time.
    """
    spools = folder / "shuffle.spool"
    total, done = sum(len(slide.rows) for slide in slides), 0
    waiting: dict[int, list[bytes]] = defaultdict(list)
    waiting_bytes = 0

    def flush() -> None:
        nonlocal waiting_bytes
        for number, frames in waiting.items():
            with (spools / f"{number}.spool").open("ab") as spool:
                spool.writelines(frames)
        waiting.clear()
        waiting_bytes = 0

    shutil.rmtree(spools, ignore_errors=True)  # a run that was killed leaves its own
    spools.mkdir()
    try:
        for slide in slides:
            with storage.open_read(slide.uri) as stream:
                for number, record in zip(slide.rows["shard"].tolist(), read(stream, slide.uri), strict=True):
                    waiting[number].append(frame(record))
                    waiting_bytes += len(record)
                    if waiting_bytes > BUFFER_BYTES:
                        flush()
            done += len(slide.rows)
            progress.report(STAGE, done // 2, total)
        flush()
        for number, lots, sizes in _by_shard(slides, len(files)):
            file, split = files[number]
            ends = np.cumsum(sizes + FRAME_BYTES)
            order = np.argsort(lots, kind="stable") if split == "train" else np.arange(len(lots))
            with (spools / f"{number}.spool").open("rb") as spool, RecordWriter(folder / file) as writer:
                for at in order.tolist():
                    spool.seek(int(ends[at]) - int(sizes[at]) - FRAME_BYTES)
                    writer.write(next(read(spool, file)))
            (spools / f"{number}.spool").unlink()
            done += len(lots)
            progress.report(STAGE, done // 2, total)
    finally:
        shutil.rmtree(spools)


def _by_shard(slides: Sequence[_SlideTiles], count: int) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
    """Yield each shard's number with the lots and record sizes of its tiles, as they lie in the spool."""
    if not slides:
        return
    rows = np.concatenate([slide.rows[["shard", "lot", "size"]] for slide in slides])
    rows = rows[np.argsort(rows["shard"], kind="stable")]
    for number, group in enumerate(np.split(rows, np.searchsorted(rows["shard"], np.arange(1, count)))):
        yield number, group["lot"], group["size"].astype(np.int64)


def _index(slides: Sequence[_SlideTiles], files: Sequence[tuple[str, str]]) -> pa.Table:
    """Return the table of all tiles, sorted by slide, in the order of the slide's tile file."""
    schema = pa.schema(
        [(name, pa.string()) for name in ("slide", "patient", "label", "split")]
        + [("x", pa.int32()), ("y", pa.int32()), ("level", pa.int16()), ("mpp", pa.float64())]
        + [("span", pa.int32()), ("bytes", pa.int32()), ("shard", pa.string())]
    )
    tables = []
    for slide in slides:
        columns = {name: slide.rows[name] for name in ("x", "y", "level", "mpp", "span", "bytes")}
        for name in ("slide", "patient", "label", "split"):
            columns[name] = pa.repeat(getattr(slide, name), len(slide.rows))
        columns["shard"] = pa.array([files[number][0] for number in slide.rows["shard"].tolist()])
        tables.append(pa.table([columns[field.name] for field in schema], schema=schema))
    return pa.concat_tables(tables) if tables else schema.empty_table()
