"""The photographs of the toy: equal seeds, exact masks, and no clue but the defect."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from brume.inspection import demo
from brume.inspection.demo import files
from brume.inspection.demo.__main__ import main
from brume.inspection.model import manifest, masks
from brume.inspection.model.images import decode

SMALL = (128, 128)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def change(seed: int, kind: str, severity: float | None = None) -> tuple[demo.Scene, np.ndarray]:
    """Return a spoiled scene, and how much it differs from the sound one of the same seed, [H, W]."""
    size = (256, 256)
    spoiled = demo.render(seed, kind, severity=severity, size=size)
    sound = demo.render(seed, size=size)
    assert not sound.mask.any()
    return spoiled, np.abs(sound.image.astype(int) - spoiled.image).max(axis=2)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty sound and forty spoiled pictures, written by two processes."""
    folder = tmp_path_factory.mktemp("bricks") / "set"
    demo.write(folder, normal=40, anomalous=40, seed=5, size=SMALL, workers=2)
    return folder


def test_equal_arguments_give_equal_bytes_whatever_the_number_of_processes(
    photographs: Path, tmp_path: Path
) -> None:
    two = contents(photographs)
    scene = demo.render(5_000_000, size=SMALL)
    done, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, scene.quality]
    )
    assert done
    assert jpeg.tobytes() == two["normal/normal-01.jpg"]
    for name in ("a", "b"):
        demo.write(tmp_path / name, normal=2, anomalous=3, seed=1, size=SMALL, workers=1)
    demo.write(tmp_path / "c", normal=2, anomalous=3, seed=2, size=SMALL, workers=1)
    one, same, other = (contents(tmp_path / name) for name in "abc")
    assert one == same
    assert all(one[name] != other[name] for name in one if name.endswith(".jpg"))


@pytest.mark.parametrize("kind", demo.KINDS)
@pytest.mark.parametrize(("seed", "severity"), [(31, 0.0), (32, 0.5), (33, None)])
def test_the_mask_is_where_the_picture_changed_and_a_human_can_see_it(
    kind: str, seed: int, severity: float | None
) -> None:
    scene, differs = change(seed, kind, severity)
    assert scene.kind == kind
    share = scene.mask.mean()
    assert 1e-4 < share < 0.06
    assert set(np.unique(scene.mask)) == {0, 1}
    assert differs[scene.mask == 1].mean() > 20
    away = cv2.dilate(scene.mask, np.ones((7, 7), np.uint8)) == 0
    changed = (differs[away] > 14).mean()
    # Nothing else changes, but for shadows of what came or went.
    assert changed < (0.03 if kind in ("extra", "missing") else 1e-4)


@pytest.mark.parametrize("kind", demo.KINDS)
def test_a_severe_defect_changes_more_than_a_mild_one(kind: str) -> None:
    mild, severe = (
        np.mean([np.log(demo.render(seed, kind, severity=s, size=SMALL).mask.sum()) for seed in range(3)])
        for s in (0.0, 1.0)
    )
    assert severe > mild


def test_sound_pictures_vary_in_camera_light_and_table(photographs: Path) -> None:
    images = [decode(path.read_bytes()) for path in sorted((photographs / "normal").iterdir())]
    corner = np.array([image[:10, :10].mean(axis=(0, 1)) for image in images])
    assert corner.std(axis=0).min() > 15  # tables
    roof = np.array([image[48:60, 48:60].mean(axis=(0, 1)) for image in images])
    assert roof.std(axis=0).max() > 8  # light
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[32:112].astype(np.float32) for image in images]
    moved = [np.hypot(*cv2.phaseCorrelate(gray[0], other)[0]) for other in gray[1:]]
    assert np.median(moved) > 1  # camera


def test_no_trivial_cue_tells_the_classes_apart(photographs: Path) -> None:
    with (photographs / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    anomalous = np.array([row["label"] == "anomaly" for row in rows])
    cues = []
    for row in rows:
        data = (photographs / row["file"]).read_bytes()
        image = decode(data).astype(float)
        sharp = cv2.Laplacian(image.mean(axis=2), cv2.CV_64F).std()
        cues.append([len(data), image.mean(), image.std(), sharp, *image.mean(axis=(0, 1))])
    table = np.array(cues)
    alone = [roc_auc_score(anomalous, column) for column in table.T]
    assert max(abs(value - 0.5) for value in alone) < 0.16
    model = make_pipeline(StandardScaler(), LogisticRegression())
    together = cross_val_predict(model, table, anomalous, cv=5, method="predict_proba")[:, 1]
    assert roc_auc_score(anomalous, together) < 0.66


def test_labels_masks_and_manifests_say_the_same(photographs: Path) -> None:
    with (photographs / "labels.csv").open(newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    assert {row["kind"] for row in rows.values()} == {"", *demo.KINDS}
    plain = manifest.parse((photographs / files.CLASSIFICATION).read_bytes())
    detailed = manifest.parse((photographs / files.SEGMENTATION).read_bytes())
    assert [line.source_ref for line in plain] == [line.source_ref for line in detailed] == list(rows)
    assert sum(bool(line.anomalous) for line in plain) == 40
    assert not any(line.mask_ref for line in plain)
    for line in detailed:
        row = rows[line.source_ref]
        assert decode((photographs / line.source_ref).read_bytes()).shape == (*SMALL, 3)
        assert line.anomalous == (row["label"] == "anomaly") == bool(line.mask_ref)
        if line.anomalous:
            assert line.colors == ((row["kind"], demo.COLORS[row["kind"]]),)
            drawn = masks.read((photographs / line.mask_ref).read_bytes(), line.colors, [row["kind"]], SMALL)
            assert 1e-4 < (drawn == 1).mean() < 0.08
            assert 0 <= float(row["severity"]) <= 1


def test_addresses_begin_with_the_prefix(tmp_path: Path) -> None:
    demo.write(tmp_path / "set", normal=1, anomalous=1, size=(96, 96), prefix="s3://line/bricks/")
    lines = manifest.parse((tmp_path / "set" / files.SEGMENTATION).read_bytes())
    assert [line.source_ref for line in lines] == [
        "s3://line/bricks/normal/normal-1.jpg",
        "s3://line/bricks/anomaly/anomaly-1.jpg",
    ]
    assert lines[1].mask_ref == "s3://line/bricks/masks/anomaly-1.png"


def test_the_story_has_new_pictures_in_each_part(tmp_path: Path) -> None:
    demo.write_story(tmp_path, normal=4, anomalous=3, test=4, trial=3, size=(96, 96))
    found = contents(tmp_path)
    pictures = {name: data for name, data in found.items() if name.endswith(".jpg")}
    assert len(pictures) == len({hashlib.sha256(data).digest() for data in pictures.values()}) == 14
    assert len(list((tmp_path / "train" / "masks").iterdir())) == 3
    assert len(list((tmp_path / "test" / "anomaly").iterdir())) == 2
    # Nothing about the new pictures reveals their label, except the table for checks.
    assert sorted(path.name for path in (tmp_path / "trial").iterdir()) == [
        "bricks.json", "labels.csv", "new-1.jpg", "new-2.jpg", "new-3.jpg",
    ]  # fmt: skip
    assert (tmp_path / "trial" / "labels.csv").read_text().count("anomaly") == 1


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "set"
    render = files.render

    def failing(seed: int, kind: str | None, *, size: tuple[int, int]) -> demo.Scene:
        if kind:
            raise OSError("no space left")
        return render(seed, kind, size=size)

    monkeypatch.setattr(files, "render", failing)
    with pytest.raises(OSError, match="no space left"):
        demo.write(folder, normal=1, anomalous=1, size=(96, 96))
    assert list(tmp_path.iterdir()) == []

    monkeypatch.setattr(files, "render", render)
    demo.write(folder, normal=1, anomalous=1, size=(96, 96))
    before = (folder / "labels.csv").stat().st_mtime_ns
    demo.write(folder, normal=1, anomalous=1, size=(96, 96))
    assert (folder / "labels.csv").stat().st_mtime_ns == before
    with pytest.raises(FileExistsError, match="holds other files"):
        demo.write(folder, normal=2, anomalous=1, size=(96, 96))


def test_what_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no defect 'dent': it is one of scratch, drawing"):
        demo.render(0, "dent")
    (tmp_path / "notes.txt").write_text("mine")
    assert main([str(tmp_path), "--normal", "1", "--anomalous", "0"]) == 1
    assert "holds other files" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--normal", "-1"])
