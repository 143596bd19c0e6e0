"""Makes a bundle small enough for a test, in the format of the service's packaging job."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

SIDE = 32


def write(folder: Path, **changes: Any) -> Path:
    """Write a bundle that finds pictures anomalous whose mean brightness is above a half; return `folder`."""
    import tensorflow as tf

    class Brightness(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, SIDE, SIDE, 3], tf.uint8, name="image")])
        def serve(self, image: Any) -> dict[str, Any]:
            light = tf.cast(image, tf.float32) / 255.0
            score = 20.0 * (tf.reduce_mean(light, axis=[1, 2, 3]) - 0.5)
            return {
                "score": score[:, None],
                "map": tf.nn.avg_pool2d(light[..., :1], 8, 8, "VALID"),
                "drift": score[:, None],
            }

    module = Brightness()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    content = converter.convert()
    (folder / "model.tflite").write_bytes(content)
    facts = {
        "format": "brume-inspection-bundle",
        "version": 1,
        "model": "model.tflite",
        "sha256": hashlib.sha256(content).hexdigest(),
        "input": {"height": SIDE, "width": SIDE, "resize": "bilinear"},
        "outputs": {"score": "float32 [1,1]", "map": "float32 [1,h,w,K]", "drift": "float32 [1,D]"},
        "calibration": {"kind": "sigmoid", "a": 1.0, "b": 0.0},
        "threshold": 0.5,
        "map_threshold": 0.5,
        "labels": [{"name": "anomaly", "color": "#FFFFFF"}],
        "segmentation": False,
        "drift": {"names": ["score"], "mean": [0.0], "std": [1.0]},
        "project": "bricks",
        "model_version": "1",
        "created": "2026-01-01T00:00:00+00:00",
    }
    (folder / "bundle.json").write_text(json.dumps(facts | changes))
    return folder
