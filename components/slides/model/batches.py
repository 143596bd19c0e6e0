"""Batches of a training step, from records: decoded, augmented, made ahead of need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from brume.slides.model import shard_stream

# Colour varies from one stain and scanner to the next: absorbance by this share, all channels and each.
_STAIN = 0.2


def training(batches: Iterator[Any], classes: tuple[str, ...], tile_size: int, threads: int) -> Any:
    """Return a tf.data.Dataset of (images, labels) of the batches of `stream.batches`.

    Images are uint8 [n, tile_size, tile_size, 3], labels int32 [n] indices into `classes`.
    """
    records = tf.TensorSpec([None], tf.string)
    draws = tf.TensorSpec([None, 8], tf.float32)
    found = tf.data.Dataset.from_generator(
        lambda: shard_stream.ahead(batches), output_signature=(records, draws)
    )

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def prepare(records: Any, draws: Any) -> Any:
        images, labels = _decode(records, classes, tile_size)
        return augment(images, draws), labels

    return _prefetched(found.map(prepare, num_parallel_calls=threads, deterministic=True), threads)


def validation(
    found: Callable[[], Iterator[bytes]], classes: tuple[str, ...], tile_size: int, size: int, threads: int
) -> Any:
    """Return a tf.data.Dataset of (images, labels) as `training` does, of records as they come.

    `found` is called at the start of each pass over the dataset.
    """
    records = tf.data.Dataset.from_generator(
        lambda: shard_stream.ahead(found(), 2 * size), output_signature=tf.TensorSpec([], tf.string)
    )

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def prepare(records: Any) -> Any:
        return _decode(records, classes, tile_size)

    made = records.batch(size).map(prepare, num_parallel_calls=threads, deterministic=True)
    return _prefetched(made, threads)


def _prefetched(dataset: Any, threads: int) -> Any:
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads + 1  # one of them waits in the generator
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)


def _decode(records: Any, classes: tuple[str, ...], tile_size: int) -> Any:
    """Decode serialised tf.train.Examples [n] to images uint8 [n, tile_size, tile_size, 3] and labels [n]."""
    features = {
        "image/encoded": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.string),
    }
    parsed = tf.io.parse_example(records, features)
    images = tf.map_fn(
        lambda image: tf.ensure_shape(tf.io.decode_jpeg(image, channels=3), [tile_size, tile_size, 3]),
        parsed["image/encoded"],
        fn_output_signature=tf.TensorSpec([tile_size, tile_size, 3], tf.uint8),
    )
    matches = parsed["label"][:, tf.newaxis] == tf.constant(classes)
    known = tf.debugging.Assert(
        tf.reduce_all(tf.reduce_any(matches, 1)),
        ["a tile has a label that shards.json does not list", parsed["label"]],
    )
    with tf.control_dependencies([known]):
        return images, tf.argmax(matches, 1, output_type=tf.int32)


def augment(images: Any, draws: Any) -> Any:
    """Turn, mirror and tint tiles uint8 [n, s, s, 3], each by its own row of `draws` [n, 8], 0 to 1.

    A tile of tissue has no up and no left: all eight symmetries of the square are as likely. The tint scales
    what the stain absorbs (255 less the value) by up to 20 % in all channels and 20 % in each.
    """
    count, size = tf.shape(images)[0], images.shape[1]
    chosen = draws[:, :3] < 0.5
    ahead, back = tf.range(size), tf.range(size - 1, -1, -1)
    rows = tf.where(chosen[:, 0:1], back, ahead)[:, :, tf.newaxis]
    columns = tf.where(chosen[:, 1:2], back, ahead)[:, tf.newaxis, :]
    turned = chosen[:, 2, tf.newaxis, tf.newaxis]
    # The source of each pixel: one gather is several times faster than a transpose and two mirrorings.
    source = tf.where(turned, columns * size + rows, rows * size + columns)
    pixels = tf.reshape(images, [count, size * size, 3])
    moved = tf.gather(pixels, tf.reshape(source, [count, size * size]), batch_dims=1)
    strength = 1 + _STAIN * (2 * draws[:, 3:7] - 1)
    gain = (strength[:, :1] * strength[:, 1:])[:, tf.newaxis, :]
    tinted = tf.cast(moved, tf.float32) * gain + (255.5 - 255 * gain)
    return tf.reshape(tf.saturate_cast(tinted, tf.uint8), [count, size, size, 3])
