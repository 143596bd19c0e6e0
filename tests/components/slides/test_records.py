"""Tiles in TFRecord files, as TensorFlow reads them too."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.slides.model.records import (
    FRAME_BYTES,
    RecordError,
    RecordWriter,
    Tile,
    decode,
    encode,
    frame,
    read,
)

numbers = st.integers(0, 2**40)
tiles = st.builds(
    Tile,
    image=st.binary(max_size=200),
    width=numbers,
    height=numbers,
    label=st.text(max_size=10),
    slide=st.text(max_size=10),
    patient=st.text(max_size=10),
    x=numbers,
    y=numbers,
    mpp=st.sampled_from([0.0, 0.25, 0.499, 0.2526, 1.0]),
    level=st.integers(0, 12),
    span=numbers,
)
TILE = Tile(b"\xff\xd8 jpeg", 512, 512, "luad", "a.svs", "p1", 1024, 512, 0.499, 1, 2048)


@given(tiles)
def test_a_tile_is_read_as_it_was_written(tile):
    assert decode(encode(tile)) == tile


def test_tensorflow_reads_the_file(tmp_path):
    tf = pytest.importorskip("tensorflow")
    path = tmp_path / "tiles.tfrecord"
    with RecordWriter(path) as writer:
        writer.write(encode(TILE))
        writer.write(encode(TILE))
    kinds = {
        **dict.fromkeys(("image/encoded", "label", "slide", "patient"), tf.string),
        **dict.fromkeys(("image/width", "image/height", "x", "y", "level", "span"), tf.int64),
        "mpp": tf.float32,
    }
    features = {name: tf.io.FixedLenFeature([], kind) for name, kind in kinds.items()}
    read_back = [tf.io.parse_single_example(raw, features) for raw in tf.data.TFRecordDataset(str(path))]
    assert len(read_back) == 2
    got = {name: value.numpy() for name, value in read_back[1].items()}
    assert got["image/encoded"] == TILE.image and got["label"] == b"luad" and got["slide"] == b"a.svs"
    assert (got["x"], got["y"], got["span"], got["level"]) == (1024, 512, 2048, 1)
    assert got["mpp"] == pytest.approx(0.499)


def test_tensorflow_writes_what_we_read(tmp_path):
    tf = pytest.importorskip("tensorflow")
    path = tmp_path / "tiles.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(encode(TILE))
    with path.open("rb") as stream:
        assert [decode(record) for record in read(stream, "tiles")] == [TILE]


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.data())
def test_a_truncated_or_changed_file_is_an_error_with_name_and_offset(records, data):
    whole = b"".join(frame(record) for record in records)
    assert list(read(io.BytesIO(whole), "f")) == records
    cuts = {0}
    for record in records:
        cuts.add(max(cuts) + len(record) + FRAME_BYTES)
    at = data.draw(st.integers(0, len(whole) - 1))
    if at not in cuts:
        with pytest.raises(RecordError, match=r"tiles\.tfrecord: truncated .*byte \d+"):
            list(read(io.BytesIO(whole[:at]), "tiles.tfrecord"))
    changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    with pytest.raises(RecordError, match=r"tiles\.tfrecord: .*byte \d+ fails its checksum"):
        list(read(io.BytesIO(changed), "tiles.tfrecord"))


def test_short_reads_of_a_network_stream_are_put_together():
    class Dripping(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 3))

    assert list(read(Dripping(frame(b"a" * 100) + frame(b"")), "f")) == [b"a" * 100, b""]


def test_nothing_is_left_when_writing_fails(tmp_path):
    with pytest.raises(RuntimeError), RecordWriter(tmp_path / "t.tfrecord") as writer:
        writer.write(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [b"\xff\xff\xff", b"", struct.pack("<Q", 7)])
def test_a_record_that_is_no_tile_is_an_error(bad):
    with pytest.raises(RecordError):
        decode(bad)
