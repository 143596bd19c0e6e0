"""Pictures of a user become manifest lines, or rejects with their reason."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from brume import storage
from brume.aws import addresses
from brume.inspection.pipeline import sources


def picture(path: Path, size: int = 80) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    Image.new("RGB", (size, size), (90, 120, 30)).save(data, "JPEG" if path.suffix == ".jpg" else "PNG")
    path.write_bytes(data.getvalue())
    return path


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "photos"
    monkeypatch.setenv(addresses.FOLDERS, json.dumps({"s3://photos/": f"{folder}/"}))
    return folder


def test_a_folder_is_labelled_by_its_folders_names(photos: Path) -> None:
    picture(photos / "normal" / "a.jpg")
    picture(photos / "Anomaly" / "scratch" / "b.png")
    picture(photos / "c.png")
    (photos / "normal" / "notes.txt").write_text("not a picture")
    found = sources.read(str(photos), labelled=True)
    assert [(item.name, item.anomalous) for item in found.pictures] == [
        ("Anomaly/scratch/b.png", True),
        ("normal/a.jpg", False),
    ]
    lines = [json.loads(line) for line in found.lines]
    assert [line["source-ref"] for line in lines] == [
        "s3://photos/Anomaly/scratch/b.png",
        "s3://photos/normal/a.jpg",
    ]
    assert [line["anomaly-label-metadata"]["class-name"] for line in lines] == ["anomaly", "normal"]
    assert [line["anomaly-label"] for line in lines] == [1, 0]
    assert [(item.item, item.reason) for item in found.rejects] == [
        ("c.png", "it lies in no folder called normal or anomaly")
    ]


def test_a_folder_to_look_at_needs_no_labels(photos: Path) -> None:
    picture(photos / "new" / "c.png")
    found = sources.read(str(photos), labelled=False)
    assert [item.anomalous for item in found.pictures] == [None]
    assert json.loads(found.lines[0]) == {"source-ref": "s3://photos/new/c.png"}


def test_pictures_that_cannot_be_used_are_set_aside(photos: Path) -> None:
    picture(photos / "normal" / "good.png")
    picture(photos / "normal" / "small.png", size=63)
    (photos / "anomaly").mkdir()
    (photos / "anomaly" / "text.jpg").write_text("hello")
    found = sources.read(str(photos), labelled=True)
    assert [item.name for item in found.pictures] == ["normal/good.png"]
    reasons = {item.item: item.reason for item in found.rejects}
    assert "64" in reasons["normal/small.png"] and "63" in reasons["normal/small.png"]
    assert "JPEG" in reasons["anomaly/text.jpg"]


def test_a_folder_without_a_usable_picture_is_an_error(photos: Path) -> None:
    picture(photos / "good.png")
    with pytest.raises(sources.SourceError, match="folders called normal and anomaly"):
        sources.read(str(photos), labelled=True)


def test_a_manifest_is_taken_as_it_stands(photos: Path) -> None:
    picture(photos / "training-images" / "a.jpg")
    about = {"class-name": "anomaly", "type": "groundtruth/image-classification"}
    line = {"source-ref": "s3://photos/training-images/a.jpg", "my-label": 0, "my-label-metadata": about}
    relative = {"source-ref": "training-images/a.jpg"}
    manifest = photos / "train.manifest"
    manifest.write_text("\n".join([json.dumps(line), "", "{broken", json.dumps(relative), "[]"]))
    found = sources.read(str(manifest), labelled=True)
    # The class name decides, not the number; an address without scheme is read from the manifest's folder.
    assert [item.anomalous for item in found.pictures] == [True, None]
    assert json.loads(found.lines[0]) == line
    assert json.loads(found.lines[1])["source-ref"] == "s3://photos/training-images/a.jpg"
    assert [item.item for item in found.rejects] == ["train.manifest, line 3", "train.manifest, line 5"]


def test_a_file_outside_the_folders_has_no_address(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(addresses.AddressError, match="--folder"):
        addresses.for_service(str(tmp_path / "elsewhere.png"))


def test_addresses_there_and_back(photos: Path) -> None:
    path = str(photos / "x" / "a b.png")
    assert addresses.for_service(path) == "s3://photos/x/a b.png"
    assert addresses.for_step("s3://photos/x/a b.png") == path
    assert addresses.for_step("s3://elsewhere/a.png") == "s3://elsewhere/a.png"
    assert addresses.for_service("minio://pipelines/run/a.png") == "s3://pipelines/run/a.png"
    assert addresses.location(str(photos / "out")) == {"Bucket": "photos", "Prefix": "out/"}


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), storage.StorageError("no S3")])
@pytest.mark.parametrize("unreadable", ["b.png", "train.manifest"])
def test_what_cannot_be_reached_is_an_error_and_no_reject(
    photos: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, unreadable: str
) -> None:
    lines = [json.dumps({"source-ref": name}) for name in ("a.png", "b.png", "missing.png", "folder.png")]
    (photos / "folder.png").mkdir(parents=True)
    picture(photos / "a.png")
    picture(photos / "b.png")
    manifest = photos / "train.manifest"
    manifest.write_text("\n".join(lines))
    rejects = sources.read(str(manifest), labelled=True).rejects
    assert sorted(reject.item.rpartition("/")[2] for reject in rejects) == ["folder.png", "missing.png"]
    read_bytes = storage.read_bytes

    def failing(uri: str) -> bytes:
        if uri.endswith(unreadable):
            raise error
        return read_bytes(uri)

    monkeypatch.setattr(storage, "read_bytes", failing)
    with pytest.raises(type(error)):
        sources.read(str(manifest), labelled=True)


def test_a_folder_that_cannot_be_listed_is_an_error(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even root is refused here as a user would be: by the system call."""
    picture(photos / "normal" / "a.png")
    picture(photos / "anomaly" / "b.png")
    scandir = os.scandir

    def refusing(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("anomaly"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(PermissionError):
        sources.read(str(photos), labelled=True)
