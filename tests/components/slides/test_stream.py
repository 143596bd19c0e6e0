"""The stream of records: every tile once, in the seed's order, despite cut connections."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.slides.model import batches, records, shard_stream
from tests.components.slides import tiny
from tests.components.test_storage import cutting_proxy


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.write(tmp_path_factory.mktemp("tiles"), train=16, valid=7)


def _names(found: Iterator[bytes] | list[bytes]) -> list[tuple[str, int]]:
    return [(tile.slide, tile.x) for tile in map(records.decode, found)]


def _epoch(
    shards: shard_stream.Shards, rank: int, number: int, limit: int = 999, ranks: int = 2
) -> list[tuple[str, int]]:
    mine = shards.train_of(rank, ranks)
    return _names(shard_stream.epoch(mine, seed=3, epoch=number, rank=rank, limit=limit))


@pytest.mark.parametrize("buffer", [5, 1024])
def test_an_epoch_is_every_training_tile_once(
    tiles: str, monkeypatch: pytest.MonkeyPatch, buffer: int
) -> None:
    monkeypatch.setattr(shard_stream, "SHUFFLE", buffer)
    shards = shard_stream.Shards.read(tiles)
    wanted = {(f"train-{label}", number) for label in tiny.CLASSES for number in range(16)}
    first = [_epoch(shards, rank, 0) for rank in (0, 1)]
    assert Counter(first[0] + first[1]) == Counter(wanted)
    assert [_epoch(shards, rank, 0) for rank in (0, 1)] == first
    assert _epoch(shards, 0, 1) != first[0]
    assert sorted(_epoch(shards, 0, 1)) == sorted(first[0])
    assert len(_epoch(shards, 0, 0, limit=7)) == 7


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_validation_is_every_tile_once_over_the_ranks(tiles: str, ranks: int) -> None:
    shards = shard_stream.Shards.read(tiles)
    found = [name for rank in range(ranks) for name in _names(shards.valid_of(rank, ranks))]
    wanted = [(f"valid-{label}", 500 + number) for label in tiny.CLASSES for number in range(7)]
    assert sorted(found) == sorted(wanted)


def test_batches_follow_from_seed_and_epoch_so_that_a_resumed_training_sees_the_same(tiles: str) -> None:
    shards = shard_stream.Shards.read(tiles)
    how = {"seed": 3, "epochs": 3, "rank": 1, "limit": 24, "size": 10}
    whole = list(shard_stream.batches(shards.train_of(1, 2), first_epoch=0, **how))
    assert [len(batch) for batch, _ in whole] == [10, 10, 4] * 3
    assert list(shard_stream.batches(shards.train_of(1, 2), first_epoch=2, **how)) == whole[6:]


def test_over_a_connection_that_breaks_no_tile_is_lost_or_doubled(
    s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brume.aws.client import client

    client("s3").create_bucket(Bucket="stream")
    tiny.write(tmp_path, train=60, valid=0, uri="s3://stream/tiles")
    with cutting_proxy(s3_server, after=20_000, times=6) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy)
        shards = shard_stream.Shards.read("s3://stream/tiles")
        cut = [_epoch(shards, rank, 0) for rank in (0, 1)]
    wanted = [(f"train-{label}", number) for label in tiny.CLASSES for number in range(60)]
    assert sorted(cut[0] + cut[1]) == sorted(wanted)
    assert not list(tmp_path.rglob("train-*-of-*"))  # nothing of it was copied to disk
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server)
    assert [_epoch(shards, rank, 0) for rank in (0, 1)] == cut


def test_a_shard_with_other_tiles_than_listed_is_named(tiles: str, tmp_path: Path) -> None:
    shards = shard_stream.Shards.read(tiles)
    one = shard_stream.Shard(shards.train[0].uri, shards.train[0].tiles + 1)
    with pytest.raises(shard_stream.StreamError, match=r"train-00000-of-00004.tfrecord holds 12 tiles.*13"):
        list(shard_stream.epoch([one], seed=0, epoch=0, rank=0, limit=99))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ["lung"]}, "at least two"),
        ({"shards": []}, "no training tile"),
        ({"shards": [{"file": "train-00000-of-00001.tfrecord"}]}, "'tiles'"),
    ],
)
def test_a_list_of_shards_that_cannot_be_used_is_an_error_with_the_reason(
    tiles: str, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    content = json.loads(Path(tiles, "shards.json").read_text())
    (tmp_path / "shards.json").write_text(json.dumps(content | change))
    with pytest.raises(shard_stream.StreamError, match=message):
        shard_stream.Shards.read(str(tmp_path))


@given(st.lists(st.integers(), max_size=40), st.integers(1, 5))
def test_reading_ahead_changes_nothing(items: list[int], depth: int) -> None:
    assert list(shard_stream.ahead(iter(items), depth)) == items


def test_reading_ahead_is_bounded_and_hands_on_errors() -> None:
    taken = []

    def source() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number
            if number == 50:
                raise ValueError("shard")

    found = shard_stream.ahead(source(), 3)
    assert next(found) == 0
    assert len(taken) <= 6
    with pytest.raises(ValueError, match="shard"):
        list(found)
    endless = shard_stream.ahead(iter(int, 1), 3)
    next(endless)
    endless.close()
    for thread in threading.enumerate():
        if thread.name == "stream":
            thread.join(10)
            assert not thread.is_alive()


def test_labels_are_indices_into_the_sorted_class_names(tiles: str) -> None:
    """Images are those of the records: recognized by the mean colour of each class."""
    shards = shard_stream.Shards.read(tiles)
    assert shards.classes == tuple(sorted(tiny.CLASSES))
    assert shards.labels == (16, 16, 16)
    colours: dict[int, list[float]] = {}
    dataset = batches.validation(lambda: shards.valid_of(0, 1), shards.classes, tiny.SIZE, 4, 1)
    for images, labels in dataset:
        for image, label in zip(images.numpy(), labels.numpy(), strict=True):
            colours.setdefault(int(label), []).append(image[..., 1].mean())
    assert sorted(colours) == [0, 1, 2]
    for index, label in enumerate(shards.classes):
        green = {"lung": 120, "node": 110, "skin": 170}[label]
        assert sum(colours[index]) / len(colours[index]) == pytest.approx(green, abs=4)


def test_a_label_that_is_not_listed_is_an_error(tiles: str) -> None:
    import tensorflow as tf

    shards = shard_stream.Shards.read(tiles)
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not list"):
        list(batches.validation(lambda: shards.valid_of(0, 1), ("bone", "node"), tiny.SIZE, 4, 1))


def test_augmentation_shows_all_eight_sides_of_a_tile_and_tints_within_bounds() -> None:
    import itertools

    import numpy as np

    tile = np.random.default_rng(0).integers(100, 200, (5, 5, 3), np.uint8)
    draws = np.full((8, 8), 0.5, np.float32)
    draws[:, :3] = list(itertools.product((0.1, 0.9), repeat=3))
    turned = batches.augment(np.stack([tile] * 8), draws).numpy()
    sides = {np.rot90(side, k).tobytes() for side in (tile, tile[::-1]) for k in range(4)}
    assert {image.tobytes() for image in turned} == sides

    draws = np.random.default_rng(1).random((200, 8)).astype(np.float32)
    tinted = batches.augment(np.stack([np.full((2, 2, 3), 155, np.uint8)] * 200), draws).numpy()
    assert tinted.min() >= 255 - 100 * 1.44 - 1
    assert tinted.max() <= 255 - 100 * 0.64 + 1
    assert len(np.unique(tinted)) > 20
