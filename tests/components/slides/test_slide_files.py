"""Which slides a folder holds, and slides of several files that arrive with all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest

from brume import storage
from brume.slides.demo.painter import write_slide
from brume.slides.model.admission import build_unlabelled
from brume.slides.model.slide_files import fetch, find_slides
from tests.components.slides.dicom_files import write_dicom

PIXELS = np.random.default_rng(3).integers(0, 255, (200, 300, 3), dtype=np.uint8)
FIRST, SECOND = "1.2.826.1", "1.2.826.2"


def write_series(folder: Path, series: str, prefix: str = "", width: int = 300) -> None:
    """Write a pyramid of two levels with the other images that a scanner takes, names against the order."""
    write_dicom(folder / f"{prefix}3.dcm", PIXELS[:, :width], series, instance=1)
    write_dicom(folder / f"{prefix}4.dcm", PIXELS[:200:4, :width:4], series, mpp=2, instance=2)
    for number, kind in enumerate(("LABEL", "OVERVIEW", "THUMBNAIL"), start=5):
        name = f"{prefix}{1 if kind == 'LABEL' else number}.dcm"
        write_dicom(folder / name, PIXELS[:50, :60], series, kind=kind, instance=number)


def usable(folder: Path) -> list[tuple[str, int]]:
    """Return the name and the width of each slide that is admitted."""
    found = build_unlabelled(str(folder), assume_mpp=0, groups=1)
    assert found.rejects == []
    return [(slide.slide, slide.width) for slide in found.slides]


def problems(folder: Path) -> dict[str, str]:
    return {
        slide.item: slide.reason for slide in build_unlabelled(str(folder), assume_mpp=0, groups=1).rejects
    }


def test_a_dicom_series_is_one_slide_with_its_label_and_overview_beside_it(tmp_path: Path) -> None:
    write_series(tmp_path / "case-1", FIRST)
    assert usable(tmp_path) == [("case-1", 300)]
    found = find_slides(str(tmp_path))["case-1"]
    assert [storage.name_of(file.uri) for file in found.files] == ["3.dcm", "4.dcm"]
    write_dicom(tmp_path / "case-1" / "4.dcm", 255 - PIXELS[::4, ::4], FIRST, mpp=2, instance=2)
    os.utime(tmp_path / "case-1" / "4.dcm", ns=(1, 1))
    assert find_slides(str(tmp_path))["case-1"].entry.version != found.entry.version


def test_two_dicom_series_in_a_folder_are_two_slides(tmp_path: Path) -> None:
    """They were one: the second was lost."""
    write_series(tmp_path / "case", FIRST, "a")
    write_series(tmp_path / "case", SECOND, "b", width=200)
    assert usable(tmp_path) == [(f"case/{FIRST}", 300), (f"case/{SECOND}", 200)]


def test_dicom_files_of_many_slides_in_one_folder(tmp_path: Path) -> None:
    """Each level was a slide of its own, labels and overviews too."""
    write_series(tmp_path, FIRST, "a")
    write_dicom(tmp_path / "lone.dcm", PIXELS[:, :250], SECOND)
    write_dicom(tmp_path / "1.2.826.33", PIXELS[:, :150], "1.2.826.3")  # as archives name them
    assert usable(tmp_path) == [(FIRST, 300), ("1.2.826.33", 150), ("lone.dcm", 250)]


def test_dicom_files_that_are_no_slide_have_a_reason(tmp_path: Path) -> None:
    write_dicom(tmp_path / "x" / "label.dcm", PIXELS, FIRST, kind="LABEL")
    write_dicom(tmp_path / "ct.dcm", PIXELS, SECOND, sop="1.2.840.10008.5.1.4.1.1.2")
    (tmp_path / "text.dcm").write_text("no DICOM file")
    whole = (tmp_path / "x" / "label.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:450])
    (tmp_path / "endless.dcm").write_bytes(whole[:450] + b"\xff" * 4000)
    (tmp_path / "LICENSE").write_text("not a slide, and nothing to report")
    found = problems(tmp_path)
    assert sorted(found) == ["ct.dcm", "cut.dcm", "endless.dcm", "text.dcm", "x"]
    assert "no VOLUME image, only LABEL" in found["x"]
    assert "not of a whole-slide image" in found["ct.dcm"]
    assert "no DICOM file" in found["text.dcm"] and "ends in its header" in found["cut.dcm"]
    assert "damaged" in found["endless.dcm"]


def test_slides_that_are_not_read_are_named_with_the_reason(tmp_path: Path) -> None:
    """They were passed over without a word."""
    for name in (
        "a.jp2",
        "sub/b.vsi",
        ".c.svs",
        ".old/d.svs",
        ".old/e.svs",
        "._a.svs",
        "notes.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "gone.svs").symlink_to(tmp_path / "nowhere.svs")
    found = problems(tmp_path)
    assert sorted(found) == [".c.svs", ".old", "a.jp2", "gone.svs", "sub/b.vsi"]
    assert found["a.jp2"] == ".jp2 files are not read" and "starts with a dot" in found[".old"]
    assert "nowhere.svs, which is not there" in found["gone.svs"]


def test_a_link_to_a_disk_that_is_not_mounted_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.svs").symlink_to(tmp_path / "unmounted" / "a.svs")
    with pytest.raises(storage.StorageError, match="is the disk mounted"):
        find_slides(str(tmp_path))


@pytest.mark.parametrize("suffix", [".svs", ".qptiff", ".btf", ".ome.tif"])
def test_slides_in_linked_folders_are_read_and_links_in_a_circle_end(tmp_path: Path, suffix: str) -> None:
    write_slide(tmp_path / "disk" / f"a{suffix}", PIXELS, levels=())
    slides = tmp_path / "slides"
    (slides / "deep").mkdir(parents=True)
    (slides / "0-link").symlink_to(slides / "deep")  # a folder is known by its own name, not by a link's
    (slides / "deep" / "linked").symlink_to(tmp_path / "disk")
    (slides / "deep" / "back").symlink_to(slides)
    (slides / "self.svs").symlink_to(slides / "self.svs")
    assert [name for name, file in find_slides(str(slides)).items() if not file.problem] == [
        f"deep/linked/a{suffix}"
    ]
    (slides / "self.svs").unlink()
    assert usable(slides) == [(f"deep/linked/a{suffix}", 300)]


@pytest.fixture(scope="module")
def bucket(s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="files")
    names = ("a.mrxs", "a/Slidedat.ini", "a/Data0000.dat", "a.svs", "b.vms", "b_map2.jpg", "c.jpg")
    for name in names:
        storage.write_bytes(f"s3://files/{name}", name.encode())
    folder = tmp_path_factory.mktemp("series")
    write_series(folder, FIRST)
    write_series(folder / "x", FIRST)
    write_dicom(folder / "9.dcm", PIXELS, SECOND)
    storage.upload(folder, "s3://files/series")
    yield "s3://files"


@pytest.mark.parametrize(
    ("slide", "files"),
    [
        ("a.mrxs", {"a.mrxs", "a/Slidedat.ini", "a/Data0000.dat"}),
        ("a.svs", {"a.svs"}),
        ("b.vms", {"b.vms", "b_map2.jpg"}),
        ("series/3.dcm", {"3.dcm", "4.dcm"}),
        ("series/9.dcm", {"9.dcm"}),
    ],
)
def test_a_slide_is_fetched_with_its_files(bucket: str, tmp_path: Path, slide: str, files: set[str]) -> None:
    path = fetch(f"{bucket}/{slide}", tmp_path)
    assert path.read_bytes() == storage.read_bytes(f"{bucket}/{slide}")
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == files


def test_the_slides_of_an_object_store_are_those_of_a_disk(bucket: str) -> None:
    assert sorted(find_slides(bucket)) == [
        "a.mrxs",
        "a.svs",
        "b.vms",
        f"series/{FIRST}",
        "series/9.dcm",
        "series/x",
    ]


def test_a_local_slide_stays_where_it_is(tmp_path: Path) -> None:
    slide = tmp_path / "in" / "a.mrxs"
    slide.parent.mkdir()
    slide.touch()
    assert fetch(str(slide), tmp_path / "scratch") == slide
    assert not (tmp_path / "scratch").exists()
