"""Tiles as TFRecord files, written and read without TensorFlow.

A tile is one ``tf.train.Example`` (tensorflow/core/example/example.proto) in TFRecord framing
(tensorflow/core/lib/io/record_writer.h): length, its checksum, the message, its checksum; both are
masked CRC-32C. The image is kept as JPEG bytes, some fifty times smaller than float pixels.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import google_crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

# Framing around a message: 8 bytes of length, 4 of its checksum before; 4 of the message's checksum after.
HEADER_BYTES = 12
FRAME_BYTES = 16
BUFFER_BYTES = 2**20


class RecordError(ValueError):
    """A TFRecord file or one of its records is truncated, corrupt or not a tile."""


@dataclass(frozen=True)
class Tile:
    """One tile as stored.

    ``image`` is an encoded JPEG of ``width`` x ``height`` pixels. ``label`` is the class name, "" when
    unknown: the index is made at training, so it depends on no order. ``x``, ``y`` (top left) and
    ``span`` (side) are in level-0 pixels of the slide. ``mpp`` is the microns per pixel of the stored
    image, 0.0 when unknown; ``level`` the level on file that it was read from.
    """

    image: bytes
    width: int
    height: int
    label: str
    slide: str
    patient: str
    x: int
    y: int
    mpp: float
    level: int
    span: int


def _example_class() -> Any:
    """Build the message class of tf.train.Example in a pool of its own.

    A pool of its own because TensorFlow registers the same names in the default one.
    """
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")

    def message(parent: Any, name: str) -> Any:
        made = parent.add()
        made.name = name
        return made

    def add(
        owner: Any, name: str, number: int, kind: int, type_name: str | None = None, repeated: bool = False
    ) -> Any:
        label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
        return owner.field.add(name=name, number=number, type=kind, type_name=type_name, label=label)

    lists = {"BytesList": field.TYPE_BYTES, "FloatList": field.TYPE_FLOAT, "Int64List": field.TYPE_INT64}
    feature = message(file.message_type, "Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(lists.items(), start=1):
        add(message(file.message_type, name), "value", 1, kind, repeated=True)
        key = name.replace("List", "_list").lower()
        add(feature, key, number, field.TYPE_MESSAGE, f".tensorflow.{name}").oneof_index = 0
    features = message(file.message_type, "Features")
    entry = message(features.nested_type, "FeatureEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, field.TYPE_STRING)
    add(entry, "value", 2, field.TYPE_MESSAGE, ".tensorflow.Feature")
    add(features, "feature", 1, field.TYPE_MESSAGE, ".tensorflow.Features.FeatureEntry", repeated=True)
    example = message(file.message_type, "Example")
    add(example, "features", 1, field.TYPE_MESSAGE, ".tensorflow.Features")

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


_Example = _example_class()


def encode(tile: Tile) -> bytes:
    """Serialise a tile as a tf.train.Example; equal tiles give equal bytes."""
    example = _Example()
    feature = example.features.feature
    feature["image/encoded"].bytes_list.value.append(tile.image)
    feature["image/width"].int64_list.value.append(tile.width)
    feature["image/height"].int64_list.value.append(tile.height)
    feature["label"].bytes_list.value.append(tile.label.encode())
    feature["slide"].bytes_list.value.append(tile.slide.encode())
    feature["patient"].bytes_list.value.append(tile.patient.encode())
    feature["x"].int64_list.value.append(tile.x)
    feature["y"].int64_list.value.append(tile.y)
    feature["mpp"].float_list.value.append(tile.mpp)
    feature["level"].int64_list.value.append(tile.level)
    feature["span"].int64_list.value.append(tile.span)
    return bytes(example.SerializeToString(deterministic=True))


def decode(record: bytes) -> Tile:
    """Read a tile back from a serialised tf.train.Example.

    Raises RecordError when it is no Example, or naming the feature that it lacks.
    """
    try:
        feature = _Example.FromString(record).features.feature
    except DecodeError as error:
        raise RecordError(f"not a tf.train.Example: {error}") from error

    def one(key: str, kind: str) -> Any:
        if key not in feature or len(values := getattr(feature[key], kind).value) != 1:
            raise RecordError(f"the record has no single value of kind {kind} in feature {key!r}")
        return values[0]

    return Tile(
        image=one("image/encoded", "bytes_list"),
        width=one("image/width", "int64_list"),
        height=one("image/height", "int64_list"),
        label=one("label", "bytes_list").decode(),
        slide=one("slide", "bytes_list").decode(),
        patient=one("patient", "bytes_list").decode(),
        x=one("x", "int64_list"),
        y=one("y", "int64_list"),
        mpp=round(one("mpp", "float_list"), 6),  # stored as float32: 0.499 comes back as 0.49900001
        level=one("level", "int64_list"),
        span=one("span", "int64_list"),
    )


def _masked_crc(data: bytes) -> bytes:
    crc = int(google_crc32c.value(data))
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def frame(record: bytes) -> bytes:
    """Wrap a message in TFRecord framing; the result is ``len(record) + FRAME_BYTES`` long."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, _masked_crc(length), record, _masked_crc(record)))


class RecordWriter:
    """Writes a TFRecord file that appears under its name only when it is whole.

    Used as a context manager; on an exception nothing is left behind.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # One name for all attempts: what a killed one leaves is written over by the next.
        self._part = path.with_name(f".{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._part.open("wb", buffering=BUFFER_BYTES)

    def write(self, record: bytes) -> None:
        """Append one serialised message."""
        self._stream.write(frame(record))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._stream.flush()
                os.fsync(self._stream.fileno())
                self._stream.close()
                self._part.replace(self._path)
        finally:
            try:
                self._stream.close()  # which writes what is buffered, and fails on a full disk
            finally:
                self._part.unlink(missing_ok=True)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """Read ``count`` bytes, fewer only at the end of the stream: a network stream may give short reads."""
    data = stream.read(count)
    while len(data) < count and (more := stream.read(count - len(data))):
        data += more
    return data


def read(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the messages of a TFRecord stream, both checksums checked.

    ``name`` is how errors call the file. Raises RecordError with the byte offset of the frame that is
    truncated or corrupt.
    """
    offset = 0
    while header := _exactly(stream, HEADER_BYTES):
        if len(header) < HEADER_BYTES:
            raise RecordError(
                f"{name}: truncated at byte {offset}: {len(header)} of {HEADER_BYTES} header bytes"
            )
        if _masked_crc(header[:8]) != header[8:]:
            raise RecordError(f"{name}: the record's length at byte {offset} fails its checksum")
        (length,) = struct.unpack("<Q", header[:8])
        body = _exactly(stream, length + 4)
        if len(body) < length + 4:
            raise RecordError(f"{name}: truncated in the record that starts at byte {offset}")
        record = body[:length]
        if _masked_crc(record) != body[length:]:
            raise RecordError(f"{name}: the record at byte {offset} fails its checksum")
        yield record
        offset += length + FRAME_BYTES
