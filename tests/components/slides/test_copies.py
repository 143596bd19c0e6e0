"""The same slide twice in a cohort, by content."""

from __future__ import annotations

import shutil
from pathlib import Path

import boto3
import numpy as np
import pytest

from brume import storage
from brume.slides.demo.painter import write_slide
from brume.slides.model.admission import Admission, CohortError, build, build_unlabelled
from brume.slides.model.remarks import Remark
from tests.components.slides.dicom_files import write_dicom

PIXELS = np.random.default_rng(4).integers(0, 255, (200, 300, 3), dtype=np.uint8)


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    folder = tmp_path / "slides"
    write_slide(folder / "a.svs", PIXELS, levels=())
    write_slide(folder / "b.svs", 255 - PIXELS, levels=())
    write_slide(folder / "d.svs", PIXELS[:, ::-1], levels=())
    (folder / "sub").mkdir()
    shutil.copy(folder / "a.svs", folder / "sub" / "copy.svs")
    return folder


def admit(slides: str | Path, **rows: str) -> Admission:
    """Build the cohort of these slides, and another; a row is PATIENT LABEL. Its remarks are on copies."""
    rows["d"] = "p4 luad"
    labels = Path.cwd() / "labels.csv"
    lines = [f"{name}.svs,{row.replace(' ', ',')}" for name, row in rows.items()]
    labels.write_text("\n".join(["slide,patient,label", *lines]))
    found = build(str(slides), str(labels), assume_mpp=0, seed=1, groups=1)
    return found._replace(remarks=[remark for remark in found.remarks if "copy" in remark.remark])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_copy_under_the_same_patient_is_used_once(slides: Path) -> None:
    found = admit(slides, a="p1 luad", copy="p1 luad", b="p2 lusc")
    assert [slide.slide for slide in found.slides] == ["a.svs", "b.svs", "d.svs"] and found.rejects == []
    assert found.remarks == [Remark("copy.svs", "cohort", "left out: it is a copy of a.svs, by content")]


def test_a_copy_under_another_patient_is_an_error_that_names_both(slides: Path) -> None:
    """One of the two can be trained on and the other tested on."""
    with pytest.raises(CohortError, match=r"a\.svs \(patient p1\) and .*sub/copy\.svs \(patient p3\)"):
        admit(slides, a="p1 luad", copy="p3 luad", b="p2 lusc")


def test_copies_with_several_labels_are_all_set_aside(slides: Path) -> None:
    found = admit(slides, a="p1 luad", copy="p1 lusc", b="p2 lusc")
    assert [slide.slide for slide in found.slides] == ["b.svs", "d.svs"]
    assert [reject.item for reject in found.rejects] == ["a.svs", "copy.svs"]
    assert "a.svs: luad, copy.svs: lusc" in found.rejects[0].reason


def test_slides_that_differ_in_a_byte_are_no_copies(slides: Path) -> None:
    """Of the same size, and the same at the start, in the middle and at the end."""
    with (slides / "sub" / "copy.svs").open("r+b") as stream:
        stream.seek(70_000)
        byte = stream.read(1)
        stream.seek(70_000)
        stream.write(bytes([byte[0] ^ 1]))
    found = admit(slides, a="p1 luad", copy="p3 luad", b="p2 lusc")
    assert len(found.slides) == 4 and found.remarks == []


def test_without_labels_a_copy_is_scored_once(slides: Path) -> None:
    found = build_unlabelled(str(slides), assume_mpp=0, groups=1)
    assert [slide.slide for slide in found.slides] == ["a.svs", "b.svs", "d.svs"]
    assert [remark.slide for remark in found.remarks] == ["sub/copy.svs"]


def test_a_copy_of_several_files_is_found(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write_dicom(tmp_path / "dicom" / name / "2.dcm", PIXELS, "1.2.3")
        write_dicom(tmp_path / "dicom" / name / "1.dcm", PIXELS[::4, ::4], "1.2.3", mpp=2, instance=2)
    found = build_unlabelled(str(tmp_path / "dicom"), assume_mpp=0, groups=1)
    assert [slide.slide for slide in found.slides] == ["x"]
    assert [remark.slide for remark in found.remarks] == ["y"]


def test_a_copy_in_an_object_store_is_found(slides: Path, s3_server: str) -> None:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="copies")
    storage.upload(slides, "s3://copies/slides")
    with pytest.raises(CohortError, match=r"a\.svs \(patient p1\) and .*sub/copy\.svs \(patient p3\)"):
        admit("s3://copies/slides", a="p1 luad", copy="p3 luad", b="p2 lusc")
