"""A model of the tests: its probabilities are the fractions of three colours."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3
from PIL import Image

PREDICTOR = "brume.slides.model.predictor"

CLASSES = ["blue", "green", "red"]


def picture(red: int, green: int, blue: int, kind: str = "PNG", size: int = 32) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (size, size), (red, green, blue)).save(data, kind)
    return data.getvalue()


RED, GREEN, BLUE = picture(255, 0, 0), picture(0, 255, 0, "JPEG", 48), picture(0, 0, 255)


def save_model(folder: Path, seconds: float = 0.0, hold: str = "") -> str:
    """A model whose probabilities are the fractions of the three colours, after `seconds`.

    It does not answer while a file `hold` exists.
    """
    import tensorflow as tf

    class Colours(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])  # type: ignore[untyped-decorator]
        def serve(self, image_bytes: Any) -> dict[str, Any]:
            def one(data: Any) -> Any:
                image = tf.io.decode_image(data, channels=3, expand_animations=False)
                mean = tf.reduce_mean(tf.cast(image, tf.float32), [0, 1]) + 1e-3
                return tf.reverse(mean / tf.reduce_sum(mean), [0])

            end = tf.timestamp() + seconds
            tf.while_loop(
                lambda: tf.timestamp() < end or tf.size(tf.io.matching_files(hold)) > 0, lambda: (), ()
            )
            return {"probabilities": tf.map_fn(one, image_bytes, fn_output_signature=tf.float32)}

    module = Colours()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    (folder / "labels.json").write_text(json.dumps({"classes": CLASSES}))
    (folder / "training.json").write_text(json.dumps({"tile_size": 32, "mpp": 0.5, "epochs": 3}))
    return str(folder)


def ask(
    url: str, body: Any, method: str = "POST", headers: Mapping[str, str] | None = None
) -> tuple[int, Any, Any]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    with urllib3.PoolManager(retries=False, timeout=30) as pool:
        answer = pool.request(method, url, body=data, headers=headers)
    return answer.status, answer.json(), answer.headers


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}
