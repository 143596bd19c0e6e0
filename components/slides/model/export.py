"""Export of a trained network as a SavedModel: encoded images in, probabilities out."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from brume import storage
from brume.slides.model import networks, records

SAVED_MODEL = "saved_model.pb"
TRAINING = "training.json"


def export(
    trained: Any, name: str, classes: Sequence[str], tile_size: int, training: Mapping[str, Any], uri: str
) -> None:
    """Write the model's folder to `uri`: SavedModel, labels.json, training.json and TensorBoard logs.

    It appears whole: made in a temporary folder and renamed, or uploaded with saved_model.pb last. The
    network is built anew in float32 with the trained weights, since a GPU may have trained it in float16.
    """
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("float32")
    try:
        network = networks.build(name, len(classes), tile_size, "none")
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    network.set_weights(trained.get_weights())
    if storage.is_remote(uri):
        with tempfile.TemporaryDirectory(prefix="brume-model-") as scratch:
            folder = Path(scratch) / "model"
            _write(network, classes, tile_size, training, folder)
            last = folder / SAVED_MODEL
            storage.remove(storage.join(uri, SAVED_MODEL))
            kept = last.rename(Path(scratch) / SAVED_MODEL)
            storage.upload(folder, uri)
            storage.upload(kept, storage.join(uri, SAVED_MODEL))
        return
    target = Path(uri)
    with storage.replacing(target) as partial:
        _write(network, classes, tile_size, training, partial)
        if target.is_dir():
            shutil.rmtree(target)


def _write(
    network: Any, classes: Sequence[str], tile_size: int, training: Mapping[str, Any], folder: Path
) -> None:
    served = _Served(network, tile_size)
    tf.saved_model.save(served, str(folder), signatures={"serving_default": served.predict})
    (folder / "labels.json").write_text(json.dumps({"classes": list(classes)}, indent=1))
    (folder / TRAINING).write_text(json.dumps(dict(training), indent=1))
    write_logs(training["history"], folder / "logs")


def write_logs(history: Sequence[Mapping[str, float | None]], folder: Path) -> None:
    """Write the history of a training for TensorBoard: one scalar for each number of each epoch.

    An event file is a TFRecord file of tensorflow/core/util/event.proto; writing it takes no TensorBoard.
    """
    now = time.time()
    with records.RecordWriter(folder / f"events.out.tfevents.{int(now)}.brume") as writer:
        writer.write(tf.compat.v1.Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        for row in history:
            values = [
                tf.compat.v1.Summary.Value(tag=name, simple_value=value)
                for name, value in row.items()
                if name not in ("epoch", "ended") and value is not None
            ]
            event = tf.compat.v1.Event(
                wall_time=row["ended"],
                step=int(row["epoch"] or 0),
                summary=tf.compat.v1.Summary(value=values),
            )
            writer.write(event.SerializeToString())


class _Served(tf.Module):  # type: ignore[misc]
    """What the SavedModel does with a request."""

    def __init__(self, network: Any, tile_size: int) -> None:
        super().__init__()
        self._size = tile_size
        self._network = network
        self._weights = [variable.value for variable in network.variables]  # tracked, so that they are saved

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])  # type: ignore[untyped-decorator]
    def predict(self, image_bytes: Any) -> dict[str, Any]:
        """Return the probabilities float32 [n, classes] of JPEG or PNG images of any size, string [n]."""
        images = tf.map_fn(
            self._decode,
            image_bytes,
            fn_output_signature=tf.TensorSpec([self._size, self._size, 3], tf.float32),
        )
        return {"probabilities": tf.nn.softmax(self._network(images, training=False))}

    def _decode(self, data: Any) -> Any:
        image = tf.io.decode_image(data, channels=3, expand_animations=False)
        image.set_shape([None, None, 3])
        size = [self._size, self._size]
        image = tf.cond(
            tf.reduce_all(tf.equal(tf.shape(image)[:2], size)),
            lambda: tf.cast(image, tf.float32),
            lambda: tf.image.resize(tf.cast(image, tf.float32), size, antialias=True),
        )
        return tf.ensure_shape(image, [*size, 3])
