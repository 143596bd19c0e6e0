"""Training from pictures to a bundle, and what training.json holds."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brume.inspection.model import images
from brume.inspection.model.bundle import Bundle, BundleError
from brume.inspection.model.metrics import model_metrics
from brume.inspection.model.samples import AnomalyClass, Sample, TrainingError, shrink_mask
from brume.inspection.model.training import TrainedModel, TrainingSettings, train_model
from tests.components.inspection.pictures import encoded, part


def sample(seed: int, damaged: bool = False) -> Sample:
    return Sample(f"{seed}.png", lambda: encoded(part(seed, damaged=damaged, shift=1)), damaged)


NORMALS = [sample(i) for i in range(14)]
DAMAGED = [sample(i, damaged=True) for i in range(50, 58)]


@pytest.fixture(scope="module")
def fitted() -> TrainedModel:
    return train_model(NORMALS + DAMAGED, settings=TrainingSettings(folds=3))


@pytest.fixture(scope="module")
def bundle(fitted: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "bundle"
    fitted.write(folder)
    return folder


def test_a_written_bundle_tells_unseen_pictures_apart(bundle: Path) -> None:
    model = Bundle.load(bundle)
    sound = [model.detect(part(i, shift=1)) for i in range(200, 206)]
    stained = [model.detect(part(i, damaged=True, shift=1)) for i in range(300, 306)]
    assert max(d.probability for d in sound) < min(d.probability for d in stained)
    for found in sound + stained:
        assert found.anomalous == (found.probability >= model.threshold)
        assert found.confidence == (found.probability if found.anomalous else 1 - found.probability)
        assert found.map.ndim == 3
        assert found.drift.shape == (len(model.drift.names),)


def test_training_json_says_what_was_tried(bundle: Path, fitted: TrainedModel) -> None:
    training = json.loads((bundle / "training.json").read_text())
    assert training["chosen"] == fitted.chosen == training["tried"][0]["name"]
    assert {"padim", "aligned", "posed", "overall"} < {way["name"] for way in training["tried"]}
    assert [way["loss"] for way in training["tried"]] == sorted(way["loss"] for way in training["tried"])
    evaluated = training["out_of_fold"]
    assert set(evaluated) == {one.key for one in NORMALS + DAMAGED}
    again = model_metrics(
        [one["anomalous"] for one in evaluated.values()],
        [one["probability"] for one in evaluated.values()],
        training["figures"]["threshold"],
    )
    assert again.to_json() == training["figures"]
    assert any("1 in 15" in note for note in training["notes"])


@pytest.mark.long
def test_the_same_seed_gives_the_same_model(fitted: TrainedModel) -> None:
    again = train_model(NORMALS + DAMAGED, settings=TrainingSettings(folds=3))
    assert again.about["sha256"] == fitted.about["sha256"]
    assert again.about["threshold"] == fitted.about["threshold"]


def test_the_threshold_changes_without_training(bundle: Path) -> None:
    model, picture = Bundle.load(bundle), part(1)
    assert model.with_threshold(0).detect(picture).anomalous
    assert not model.with_threshold(1).detect(picture).anomalous
    with pytest.raises(ValueError, match="from 0 to 1"):
        model.with_threshold(1.5)


def test_a_bundle_is_replaced_whole(fitted: TrainedModel, bundle: Path) -> None:
    fitted.write(bundle)
    assert sorted(path.name for path in bundle.iterdir()) == ["bundle.json", "model.tflite", "training.json"]


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "bundle.json").unlink(), "no bundle.json"),
        (lambda folder: (folder / "model.tflite").write_bytes(b"x"), "copy the whole bundle"),
        (lambda folder: (folder / "bundle.json").write_text("{}"), "format"),
        (lambda folder: (folder / "bundle.json").write_text("{"), "cannot be read"),
    ],
)
def test_a_broken_bundle_is_refused(
    fitted: TrainedModel, tmp_path: Path, break_it: Callable[[Path], None], message: str
) -> None:
    fitted.write(tmp_path / "bundle")
    break_it(tmp_path / "bundle")
    with pytest.raises(BundleError, match=message):
        Bundle.load(tmp_path / "bundle")


def test_too_few_normal_pictures() -> None:
    with pytest.raises(TrainingError, match=r"9 normal images are too few.* at least 10"):
        train_model(NORMALS[:9] + DAMAGED)
    with pytest.raises(TrainingError, match="all images are labelled anomalous"):
        train_model(DAMAGED)


def test_too_few_folds() -> None:
    with pytest.raises(TrainingError, match="at least 3 folds"):
        train_model(NORMALS + DAMAGED, settings=TrainingSettings(folds=2))


def test_an_unreadable_picture_is_named() -> None:
    with pytest.raises(TrainingError, match=r"bad\.png: the image is neither"):
        train_model([*NORMALS, Sample("bad.png", lambda: b"text", anomalous=False)])


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "network.keras"
    path.write_text("no network")
    with pytest.raises(TrainingError, match=r"pretrained network cannot be used: .*network\.keras"):
        train_model(NORMALS, settings=TrainingSettings(backbone=str(path)))


def test_classes_need_masks() -> None:
    with pytest.raises(TrainingError, match="0 anomalous images with a mask are too few"):
        train_model(NORMALS + DAMAGED, classes=[AnomalyClass("stain", "#FF0000")])


def test_a_mask_of_an_unknown_class_is_named() -> None:
    wrong = Sample("x.png", DAMAGED[0].load, anomalous=True, mask=lambda: np.full((96, 96), 7, np.uint8))
    with pytest.raises(TrainingError, match=r"x\.png: a mask is .* values from 0 to 1"):
        train_model([*NORMALS, wrong], classes=[AnomalyClass("stain", "#FF0000")])


def test_a_mask_is_shrunk_to_the_most_frequent_class() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[:4, :4] = 2
    mask[4:, 4:6] = 1
    mask[4:5, 0:4] = 1
    assert shrink_mask(mask, 2, 2, 2).tolist() == [[2, 0], [0, 1]]


@pytest.mark.long
def test_normal_pictures_alone_are_enough(tmp_path: Path) -> None:
    trained = train_model([sample(i) for i in range(20)], settings=TrainingSettings(folds=3))
    assert [(way["auroc"], way["loss"]) for way in trained.tried] == [(None, None)]
    assert any("false alarms on about 5%" in note for note in trained.training["notes"])
    trained.write(tmp_path / "bundle")
    model = Bundle.load(tmp_path / "bundle")
    sound = [model.detect(part(i, shift=1)).anomalous for i in range(200, 220)]
    stained = [model.detect(part(i, damaged=True, shift=1)).anomalous for i in range(300, 310)]
    assert sum(sound) <= 4
    assert sum(stained) >= 9


@pytest.mark.long
def test_masks_give_a_map_for_each_class(tmp_path: Path) -> None:
    def stained(seed: int) -> Sample:
        picture = part(seed, damaged=True, shift=1)
        mask = ((picture[..., 0] > 150) & (picture[..., 1] < 110)).astype(np.uint8)
        return Sample(f"{seed}", lambda: encoded(picture), anomalous=True, mask=lambda: mask * (1 + seed % 2))

    classes = [AnomalyClass("odd", "#FF0000"), AnomalyClass("even", "#00FF00")]
    trained = train_model(
        NORMALS + [stained(i) for i in range(50, 62)], classes=classes, settings=TrainingSettings(folds=3)
    )
    trained.write(tmp_path / "bundle")
    model = Bundle.load(tmp_path / "bundle")
    assert model.segmentation
    assert [label.name for label in model.labels] == ["odd", "even"]
    found = model.detect(part(300, damaged=True, shift=1)).map
    assert found.shape[2] == 2
    assert (found.sum(axis=2) >= model.map_threshold).mean() > 0.005
    assert (model.detect(part(200, shift=1)).map.sum(axis=2) >= model.map_threshold).mean() < 0.005


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "pattern", "least"), [("aliens", "*/*.png", 0.95), ("cookie", "**/*-*.jpg", 0.97)]
)
def test_real_pictures(
    real_data: Callable[[str], Path], tmp_path: Path, name: str, pattern: str, least: float
) -> None:
    paths = sorted(real_data(f"inspection/{name}").glob(pattern))
    samples = [
        Sample(str(path), path.read_bytes, "anomaly" in f"{path.parent.name}/{path.name}") for path in paths
    ]
    train_model(samples[::2]).write(tmp_path / "bundle")
    model = Bundle.load(tmp_path / "bundle")
    found = [model.detect(images.decode(one.load())).probability for one in samples[1::2]]
    evaluated = model_metrics([one.anomalous for one in samples[1::2]], found, model.threshold)
    assert (evaluated.auroc or 0) >= least
    assert (evaluated.f1 or 0) >= 0.9
