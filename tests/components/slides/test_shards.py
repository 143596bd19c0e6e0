"""Shards: equal counts, an order by the seed, and splits apart."""

import itertools
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume import storage
from brume.aws.client import client
from brume.slides.model.records import FRAME_BYTES, RecordWriter, Tile, decode, encode, read
from brume.slides.model.shards import ShardsError, write_shards

CLASSES = ["luad", "normal"]
EXPECTED_FIRST = [("a.svs", 896, 448), ("a.svs", 896, 672), ("b.svs", 448, 672)]
DEFAULTS = {"ranks": 2, "shards_per_rank": 2, "batch_size": 4, "seed": 1, "classes": CLASSES}


def write_tiles(folder, slide, count, label="luad", patient=None):
    path = Path(folder) / f"{slide.replace('/', '_')}.tfrecord"
    with RecordWriter(path) as writer:
        for n in range(count):
            jpeg = f"{slide} {n}".encode() * (1 + n % 3)
            place = (n % 5 * 224, n // 5 * 224)
            writer.write(encode(Tile(jpeg, 224, 224, label, slide, patient or slide, *place, 0.5, 0, 224)))
    return str(path)


def shard(files, splits, out, **changes):
    return write_shards(files, splits, str(out), tile_size=224, mpp=None, **{**DEFAULTS, **changes})


def tiles_of(path):
    with Path(path).open("rb") as stream:
        return [decode(record) for record in read(stream, str(path))]


@pytest.fixture
def bucket(s3_server):
    with suppress(client("s3").exceptions.BucketAlreadyOwnedByYou):
        client("s3").create_bucket(Bucket="shards")
    yield "s3://shards"


cohorts = st.lists(
    st.tuples(st.integers(1, 25), st.sampled_from(CLASSES), st.sampled_from(["train", "valid", "test", ""])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(cohorts, st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(0, 99), st.randoms())
def test_what_shards_promise(tmp_path_factory, cohort, ranks, per_rank, batch, seed, random):
    folder, out = tmp_path_factory.mktemp("tiles"), tmp_path_factory.mktemp("shards")
    names = [f"s{n}.svs" for n in range(len(cohort))]
    files = [
        write_tiles(folder, name, count, label) for name, (count, label, _) in zip(names, cohort, strict=True)
    ]
    splits = {name: split for name, (_, _, split) in zip(names, cohort, strict=True)}
    asked = {"ranks": ranks, "shards_per_rank": per_rank, "batch_size": batch, "seed": seed}
    train = sum(count for count, _, split in cohort if split == "train")
    if 0 < train < ranks:
        with pytest.raises(ShardsError, match="ranks"):
            shard(files, splits, out, **asked)
        return
    content = shard(files, splits, out, **asked)
    assert content == json.loads((out / "shards.json").read_text())

    # Every tile exactly once, in a shard of its slide's split.
    held, where = Counter(), {}
    for entry in content["shards"]:
        tiles = tiles_of(out / entry["file"])
        assert len(tiles) == entry["tiles"] > 0
        assert (out / entry["file"]).stat().st_size == entry["bytes"]
        assert Counter(tile.label for tile in tiles) == entry["labels"]
        for tile in tiles:
            assert splits[tile.slide] == entry["split"]
            held[tile.slide, tile.image] += 1
            where[tile.slide, tile.x, tile.y] = entry["file"]
        if entry["file"].startswith("test/"):
            assert {tile.slide for tile in tiles} == {Path(entry["file"]).stem + ".svs"}
    assert held == Counter((tile.slide, tile.image) for file in files for tile in tiles_of(file))

    # Train shards are equal and there are as many for each rank; little is cut, and it is kept.
    equal = [entry for entry in content["shards"] if entry["file"].startswith("train-0")]
    assert len(equal) % ranks == 0 and len({entry["tiles"] for entry in equal}) <= 1
    assert len(equal) <= ranks * batch
    rest = [entry["tiles"] for entry in content["shards"] if entry["file"] == "train-rest.tfrecord"]
    assert content["cut"] == sum(rest) <= ranks * batch - 1

    # The index has a row for each tile.
    index = pq.read_table(out / "index.parquet").to_pylist()
    assert {(row["slide"], row["x"], row["y"]): row["shard"] for row in index} == where
    assert len(index) == len(where) and all(row["split"] == splits[row["slide"]] for row in index)

    # The order of the files makes no difference.
    shuffled = random.sample(files, len(files))
    other = tmp_path_factory.mktemp("again")
    assert shard(shuffled, splits, other, **asked) == content
    for entry in content["shards"]:
        assert (other / entry["file"]).read_bytes() == (out / entry["file"]).read_bytes()


@pytest.fixture
def cohort(tmp_path):
    counts = {"a.svs": 40, "b.svs": 30, "c.svs": 12, "d.svs": 9}
    files = [
        write_tiles(tmp_path / "t", slide, count, CLASSES[n % 2])
        for n, (slide, count) in enumerate(counts.items())
    ]
    return files, {"a.svs": "train", "b.svs": "train", "c.svs": "valid", "d.svs": "test"}


def test_training_tiles_are_shuffled_over_the_cohort_by_the_seed(cohort, tmp_path):
    files, splits = cohort

    def order(seed, name):
        content = shard(files, splits, tmp_path / name, seed=seed)
        names = [entry["file"] for entry in content["shards"] if entry["split"] == "train"]
        return [(tile.slide, tile.x, tile.y) for file in names for tile in tiles_of(tmp_path / name / file)]

    first = order(1, "one")
    assert order(2, "two") != first and sorted(order(2, "two")) == sorted(first)
    halves = [Counter(slide for slide, _, _ in half) for half in (first[:35], first[35:])]
    assert all(half["a.svs"] > 8 and half["b.svs"] > 8 for half in halves)
    # The shuffle is the same on any machine and with any version of the libraries.
    assert first[:3] == EXPECTED_FIRST


def test_shards_of_an_object_store_are_those_of_a_folder(cohort, tmp_path, bucket):
    files, splits = cohort
    for file in files:
        storage.upload(Path(file), f"{bucket}/tiles/{Path(file).name}")
    content = shard(files, splits, tmp_path / "out")
    remote = [f"{bucket}/tiles/{Path(file).name}" for file in files]
    assert shard(remote, splits, f"{bucket}/shards") == content
    for name in ("shards.json", *(entry["file"] for entry in content["shards"])):
        assert storage.read_bytes(f"{bucket}/shards/{name}") == (tmp_path / "out" / name).read_bytes()
    versions = storage.list_files(f"{bucket}/shards")
    assert shard(remote, splits, f"{bucket}/shards") == content
    assert storage.list_files(f"{bucket}/shards") == versions


def test_unchanged_shards_are_left_alone_and_damaged_or_changed_ones_written_again(cohort, tmp_path):
    files, splits = cohort
    out = tmp_path / "out"
    content = shard(files, splits, out)

    def stamps():
        return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}

    before = stamps()
    assert shard(files, splits, out) == content and stamps() == before
    victim = out / content["shards"][0]["file"]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1])
    assert shard(files, splits, out) == content and victim.read_bytes() == whole

    fewer = shard(files, splits, out, ranks=1, shards_per_rank=1)
    assert fewer["digest"] != content["digest"]
    on_disk = {str(path.relative_to(out)) for path in out.rglob("*.tfrecord")}
    assert on_disk == {entry["file"] for entry in fewer["shards"]}


def test_a_run_killed_midway_leaves_no_shards_json_and_the_next_one_ends_the_same(
    cohort, tmp_path, monkeypatch
):
    files, splits = cohort
    content = shard(files, splits, tmp_path / "whole")
    plain = RecordWriter.write

    count = itertools.count()

    def failing(self, record):
        if next(count) == 25:
            raise KeyboardInterrupt
        plain(self, record)

    with monkeypatch.context() as patch:
        patch.setattr(RecordWriter, "write", failing)
        with pytest.raises(KeyboardInterrupt):
            shard(files, splits, tmp_path / "killed")
    assert not (tmp_path / "killed" / "shards.json").exists()
    (tmp_path / "killed" / "shuffle.spool").mkdir(exist_ok=True)  # as a kill -9 leaves it
    (tmp_path / "killed" / "shuffle.spool" / "0.spool").write_bytes(b"half a rec")
    assert shard(files, splits, tmp_path / "killed") == content
    for entry in content["shards"]:
        whole, again = (tmp_path / name / entry["file"] for name in ("whole", "killed"))
        assert whole.read_bytes() == again.read_bytes()


def test_shards_are_written_when_the_buffer_overflows(cohort, tmp_path, monkeypatch):
    files, splits = cohort
    content = shard(files, splits, tmp_path / "one")
    monkeypatch.setattr("brume.slides.model.shards.BUFFER_BYTES", 200 + FRAME_BYTES)
    shard(files, splits, tmp_path / "two")
    for entry in content["shards"]:
        assert (tmp_path / "one" / entry["file"]).read_bytes() == (
            tmp_path / "two" / entry["file"]
        ).read_bytes()


def test_slides_of_one_stem_in_two_folders_keep_their_own_test_files(tmp_path):
    slides = ["x/a.svs", "y/a.svs", "x__a.tif"]
    files = [write_tiles(tmp_path / "t", slide, 3) for slide in slides]
    content = shard(files, dict.fromkeys(slides, "test"), tmp_path / "out")
    assert len({entry["file"] for entry in content["shards"]}) == 3
    assert all(entry["tiles"] == 3 for entry in content["shards"])


def test_errors_name_the_slide(cohort, tmp_path):
    files, splits = cohort
    for arguments, expected in (
        (([*files, files[0]], splits), r"a\.svs is in two"),
        ((files, {**splits, "b.svs": "holdout"}), r"b\.svs.*holdout"),
        ((files, {"a.svs": "train"}), r"b\.svs"),
    ):
        with pytest.raises(ShardsError, match=expected):
            shard(*arguments, tmp_path / "out")
    with pytest.raises(ShardsError, match=r"b\.svs has label 'normal'"):
        shard(files, splits, tmp_path / "out", classes=["luad"])
    with pytest.raises(ShardsError, match="ranks=0"):
        shard(files, splits, tmp_path / "out", ranks=0)
