"""The shards as a stream of records: read during training, from disk or S3, never copied.

Each rank reads its own shards. What an epoch yields, and in which order, follows from the seed, the epoch and
the rank alone, so that a resumed training sees what an unbroken one would have seen.
"""

from __future__ import annotations

import json
import queue
import random
import re
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

from brume import storage
from brume.slides.model import records

# Records held for shuffling: some 25 MB of tiles of 224 pixels, 100 MB of 512.
SHUFFLE = 1024
_AHEAD = 8
_TRAIN = re.compile(r"train-\d+-of-\d+\.tfrecord")

T = TypeVar("T")


class StreamError(ValueError):
    """Shards that cannot be trained on; the message names the file and what to do."""


@dataclass(frozen=True)
class Shard:
    """One TFRecord file and the number of tiles in it."""

    uri: str
    tiles: int


@dataclass(frozen=True)
class Shards:
    """The content of shards.json: the folder of shards.

    `labels` and `valid_labels` count the tiles of each class to train on and to validate with, in the order
    of `classes`; `tile_size` is in pixels, `mpp` in microns per pixel of the tiles (None: the slides' own).
    """

    classes: tuple[str, ...]
    tile_size: int
    mpp: float | None
    digest: str
    labels: tuple[int, ...]
    valid_labels: tuple[int, ...]
    train: tuple[Shard, ...]
    valid: tuple[Shard, ...]

    @classmethod
    def read(cls, uri: str) -> Shards:
        """Read `shards.json` of the folder at `uri`.

        Raises `StreamError` when it is not there, lacks a field, or holds nothing to learn from.
        """
        name = storage.join(uri, "shards.json")
        try:
            content: dict[str, Any] = json.loads(storage.read_bytes(name))
            listed = content["shards"]
            shards = {s["file"]: Shard(storage.join(uri, s["file"]), int(s["tiles"])) for s in listed}
            of_train = [s for s in listed if _TRAIN.fullmatch(s["file"])]
            of_valid = [s for s in listed if s["split"] == "valid"]
            classes = tuple(sorted(content["classes"]))
            made = cls(
                classes=classes,
                tile_size=int(content["tile_size"]),
                mpp=content["mpp"],
                digest=content["digest"],
                labels=tuple(sum(int(s["labels"].get(c, 0)) for s in of_train) for c in classes),
                valid_labels=tuple(sum(int(s["labels"].get(c, 0)) for s in of_valid) for c in classes),
                train=tuple(shards[s["file"]] for s in of_train),
                valid=tuple(shards[s["file"]] for s in of_valid),
            )
        except FileNotFoundError as error:
            raise StreamError(f"{name} is not there: give the folder that the shards step wrote") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StreamError(f"{name} is no list of shards: {error!r}. Make the shards again.") from error
        if len(classes) < 2:
            raise StreamError(f"{name} has the classes {list(classes)}: training needs at least two")
        if not any(shard.tiles for shard in made.train):
            raise StreamError(f"{name} lists no training tile: see rejects.csv and splits.csv")
        return made

    def train_of(self, rank: int, ranks: int) -> tuple[Shard, ...]:
        """Return the training shards of one rank: every `ranks`-th. Raises `StreamError` when it has none."""
        if len(self.train) < ranks:
            raise StreamError(
                f"{len(self.train)} training shards for {ranks} ranks: make the shards with ranks={ranks}"
            )
        return self.train[rank::ranks]

    def valid_of(self, rank: int, ranks: int) -> Iterator[bytes]:
        """Yield one rank's validation records: those of every `ranks`-th file, or, of fewer files than ranks,
        every `ranks`-th record.
        """
        if len(self.valid) >= ranks:
            for shard in self.valid[rank::ranks]:
                yield from _records(shard)
            return
        for shard in self.valid:
            for number, record in enumerate(_records(shard)):
                if number % ranks == rank:
                    yield record


def _records(shard: Shard) -> Iterator[bytes]:
    """Yield the records of a shard, and check their number: none lost, none doubled."""
    count = 0
    with closing(storage.open_read(shard.uri)) as file:
        for record in records.read(file, shard.uri):
            yield record
            count += 1
    if count != shard.tiles:
        raise StreamError(
            f"{shard.uri} holds {count} tiles, shards.json has {shard.tiles}: make the shards again"
        )


def epoch(shards: Sequence[Shard], *, seed: int, epoch: int, rank: int, limit: int) -> Iterator[bytes]:
    """Yield the first `limit` records of one rank's shards in the epoch's own order.

    The shards come in a shuffled order and their records leave through a buffer of `SHUFFLE` records, each
    time a random one; the tiles of all slides were already mixed when the shards were written.
    """
    order = random.Random(f"{seed} {epoch} {rank}")  # noqa: S311 - an order, no secret
    shards = order.sample(shards, len(shards))
    buffer: list[bytes] = []
    given = 0
    for record in (record for shard in shards for record in _records(shard)):
        if len(buffer) < SHUFFLE:
            buffer.append(record)
            continue
        place = order.randrange(SHUFFLE)
        buffer[place], record = record, buffer[place]
        if given < limit:
            given += 1
            yield record
    order.shuffle(buffer)
    yield from buffer[: limit - given]


def batches(
    shards: Sequence[Shard], *, seed: int, first_epoch: int, epochs: int, rank: int, limit: int, size: int
) -> Iterator[tuple[list[bytes], list[list[float]]]]:
    """Yield the batches of the epochs from `first_epoch` on, one epoch after the other.

    A batch is a list of `size` records (the last of an epoch may be shorter) and, for each, the eight numbers
    from 0 to 1 by which it is augmented. Those depend on the seed, the epoch and the tile, not on the rank.
    """
    for number in range(first_epoch, epochs):
        found = epoch(shards, seed=seed, epoch=number, rank=rank, limit=limit)
        for batch in _in_batches(found, size):
            yield batch, [_draws(record, seed, number) for record in batch]


def _draws(record: bytes, seed: int, epoch: int) -> list[float]:
    chance = random.Random(f"{seed} {epoch} {zlib.crc32(record)}")  # noqa: S311 - no secret
    return [chance.random() for _ in range(8)]


def _in_batches(found: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for record in found:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def ahead(items: Iterator[T], depth: int = _AHEAD) -> Iterator[T]:
    """Yield what `items` yields, read up to `depth` items ahead by a thread of its own.

    An exception in the thread is raised here; when this generator is closed, the thread ends.
    """
    ready: queue.Queue[tuple[bool, Any]] = queue.Queue(depth)
    closed = threading.Event()

    def put(more: bool, item: Any) -> None:
        while not closed.is_set():
            try:
                ready.put((more, item), timeout=0.1)
                return
            except queue.Full:
                continue

    def read() -> None:
        try:
            for item in items:
                put(True, item)
                if closed.is_set():
                    return
            put(False, None)
        except BaseException as error:
            put(False, error)

    threading.Thread(target=read, name="stream", daemon=True).start()
    try:
        while True:
            more, item = ready.get()
            if not more:
                if item is not None:
                    raise item
                return
            yield item
    finally:
        closed.set()
