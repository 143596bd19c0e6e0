"""Every detector: TensorFlow and LiteRT agree, and each finds what it is made for."""

from pathlib import Path

import numpy as np
import pytest

from brume.inspection.model import cross_validation, export
from brume.inspection.model.detectors import (
    Detector,
    Labels,
    alignment,
    global_features,
    padim,
    pixel_classifier,
    pose_residual,
)
from brume.inspection.model.metrics import auroc
from brume.inspection.model.scoring_head import fit_head
from tests.components.inspection.pictures import SIDE, part

NORMAL, DAMAGED = 16, 8


@pytest.fixture(scope="module")
def shown() -> tuple[np.ndarray, Labels]:
    pictures = [part(i, shift=2) for i in range(NORMAL)] + [
        part(100 + i, damaged=True, shift=2) for i in range(DAMAGED)
    ]
    anomalous = np.arange(NORMAL + DAMAGED) >= NORMAL
    masks = np.zeros((NORMAL + DAMAGED, SIDE // 4, SIDE // 4), np.uint8)
    stacked = np.stack(pictures)
    red = (stacked[..., 0] > 150) & (stacked[..., 1] < 110)
    masks[red.reshape(-1, SIDE // 4, 4, SIDE // 4, 4).mean(axis=(2, 4)) > 0.5] = 1
    return stacked, Labels(anomalous, masks, np.ones(len(pictures), bool), 1)


TOGETHER: list[Detector] = [padim, pose_residual, global_features, pixel_classifier]


def agree(detectors: list[Detector], pictures: np.ndarray, labels: Labels) -> None:
    """Make a graph of detectors; compare TensorFlow's and LiteRT's outputs on a sound and a damaged part."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    parts, statistics = [], []
    for detector in detectors:
        prepared = cross_validation.prepare(detector, pictures)
        model = detector.fit(prepared, labels, 0)
        found, maps = cross_validation.predict(model, prepared)
        assert (
            auroc(labels.anomalous, found[:, 0]) == 1.0
        )  # the easiest of sets, and seen: a sign error shows
        statistics.append(found)
        first = maps is not None and not any(part.shown for part in parts)
        parts.append(
            export.FittedDetector(detector, model, True, first, 0.0 if detector is pixel_classifier else 1.0)
        )
    head = fit_head(np.concatenate(statistics, axis=1), labels.anomalous)
    whole = export.Graph(parts, head, np.zeros(36, np.float32), (SIDE, SIDE))
    interpreter = Interpreter(model_content=whole.to_litert(), num_threads=1)
    runner = interpreter.get_signature_runner("serving_default")
    assert {detail["dtype"] for detail in interpreter.get_tensor_details()} <= {
        np.float32,
        np.int32,
        np.int64,
        np.uint8,
        np.bool_,
    }
    for index in (0, NORMAL):
        expected = whole(tf.constant(pictures[index][None]))
        outputs = runner(image=pictures[index][None])
        for name in ("score", "map", "drift"):
            assert outputs[name] == pytest.approx(expected[name].numpy(), abs=1e-3)
        assert outputs["map"].shape == (1, SIDE // 4, SIDE // 4, 1)
        assert 0 <= outputs["map"].min() <= outputs["map"].max() <= 1


def test_litert_gives_tensorflows_outputs(shown: tuple[np.ndarray, Labels]) -> None:
    agree(TOGETHER, *shown)


@pytest.mark.long
@pytest.mark.parametrize(
    "detector", [padim, alignment, pose_residual, pixel_classifier], ids=lambda module: module.NAME
)
def test_so_does_each_detector_alone(detector: Detector, shown: tuple[np.ndarray, Labels]) -> None:
    agree([detector], *shown)


def test_an_alignment_undoes_a_shift() -> None:
    import tensorflow as tf

    from brume.inspection.model import warp

    still = part(0)
    moved = np.roll(still, (3, -4), axis=(0, 1))
    luma = alignment.prepare(tf.constant(np.stack([still, moved])))[0]
    aligned, quality = warp.Aligner(luma[0, ..., 0].numpy())(luma)
    assert quality.numpy().min() > 0.99
    assert np.abs(aligned[1, 10:-10, 10:-10, 0] - luma[0, 10:-10, 10:-10, 0]).mean() < 0.01


def test_pixels_point_at_the_damage(shown: tuple[np.ndarray, Labels]) -> None:
    pictures, labels = shown
    prepared = cross_validation.prepare(pixel_classifier, pictures)
    seen = np.arange(len(pictures)) % 2 == 0
    model = pixel_classifier.fit(tuple(p[seen] for p in prepared), labels.take(np.nonzero(seen)[0]), 0)
    _, maps = cross_validation.predict(model, tuple(p[~seen] for p in prepared))
    assert maps is not None
    assert labels.masks is not None
    assert (auroc(labels.masks[~seen].ravel() > 0, maps[..., 0].ravel()) or 0) > 0.95


def test_a_given_network_is_used_and_converted(shown: tuple[np.ndarray, Labels], tmp_path: Path) -> None:
    """The network's weights are random: the file is read and becomes part of the graph."""
    import keras

    from brume.inspection.model.detectors.backbone import Backbone

    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((64, 64, 3)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(16, 3, 4, "same", activation="relu"),
        keras.layers.Conv2D(60, 3, 2, "same", activation="relu"),
    ]
    keras.Sequential(layers).save(tmp_path / "network.keras")
    agree([Backbone(str(tmp_path / "network.keras"))], *shown)


def test_a_network_with_its_top_is_refused(tmp_path: Path) -> None:
    import keras

    from brume.inspection.model.detectors.backbone import Backbone

    flat = [keras.Input((64, 64, 3)), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential(flat).save(tmp_path / "network.keras")
    with pytest.raises(ValueError, match="save it without its top"):
        Backbone(str(tmp_path / "network.keras"))
