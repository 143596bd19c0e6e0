"""Resolution: a cohort is cut at one, a model knows its own, and no slide is silently of another scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brume.slides.demo.painter import write_slide
from brume.slides.model import reader
from brume.slides.model.admission import build, build_unlabelled
from brume.slides.model.cohort import CohortError
from brume.slides.model.grid import Tiling
from brume.slides.model.labels import LabelsError, read_resolutions
from brume.slides.model.reader import SlideError, check_slide
from brume.slides.model.resolution import Scan, check_tiles, common_mpp
from tests.components.slides.tiled import cut


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "slides"


def cohort(folder: Path, *mpps: float | None, column: dict[int, float] | None = None) -> Path:
    """Write a slide of each resolution, of two classes; `column` gives some in the labels."""
    folder.mkdir()
    lines = ["slide,patient,label,mpp"]
    for number, mpp in enumerate(mpps):
        pixels = np.full((300, 400, 3), 100 + 9 * number, np.uint8)
        write_slide(folder / f"s{number}.svs", pixels, mpp=mpp, levels=(4,))
        lines.append(f"s{number},p{number},{'ab'[number % 2]},{(column or {}).get(number, '')}")
    labels = folder / "labels.csv"
    labels.write_text("\n".join(lines))
    return labels


def test_slides_of_unlike_resolution_are_cut_at_the_coarsest(folder: Path) -> None:
    """mpp=0 mixed slides of 20x and 40x."""
    found = build(str(folder), str(cohort(folder, 0.25, 0.5, 0.252, 0.499)), assume_mpp=0, seed=0, groups=1)
    assert found.mpp == 0.5
    assert len(found.slides) == 4
    remarks = {remark.slide: remark.remark for remark in found.remarks}
    assert "cut at its 0.5 microns per pixel, and the finest has 0.25" in remarks["s1.svs"]


def test_slides_that_are_alike_keep_their_own(folder: Path) -> None:
    found = build(str(folder), str(cohort(folder, 0.2462, 0.25, 0.2525)), assume_mpp=0, seed=0, groups=1)
    assert found.mpp == 0.25
    assert not any("coarsest" in remark.remark for remark in found.remarks)
    tiling = Tiling(100, mpp=found.mpp, native_within=0.1, max_background=1)
    tiles = cut(folder / "s0.svs", folder / "t", tiling)
    assert {(tile.span, tile.mpp) for tile in tiles} == {(100, 0.2462)}


def test_an_unknown_resolution_among_known_ones_is_set_aside(folder: Path) -> None:
    labels = cohort(folder, 0.5, None, 0.5, 0.5)
    found = build(str(folder), str(labels), assume_mpp=0, seed=0, groups=1)
    (reject,) = found.rejects
    assert reject.item == "s1.svs" and "column mpp" in reject.remedy and "assume_mpp" in reject.remedy
    found = build(str(folder), str(labels), assume_mpp=0.25, seed=0, groups=1)
    assert (found.mpp, found.rejects) == (0.5, [])


def test_without_any_resolution_slides_are_cut_as_they_are(folder: Path) -> None:
    found = build(str(folder), str(cohort(folder, None, None)), assume_mpp=0, seed=0, groups=1)
    assert (found.mpp, len(found.slides), found.rejects) == (0.0, 2, [])


def test_the_labels_give_a_resolution_and_the_slide_its_own_before_them(folder: Path) -> None:
    labels = cohort(folder, 0.5, None, column={0: 0.1, 1: 0.25})
    found = build(str(folder), str(labels), assume_mpp=1.0, seed=0, groups=1)
    assert [slide.mpp for slide in found.slides] == [0.5, 0.25]
    assert found.mpp == 0.5


def test_a_table_gives_the_resolution_of_slides_to_predict(folder: Path, tmp_path: Path) -> None:
    cohort(folder, None, None, None)
    table = tmp_path / "mpp.csv"
    table.write_text("slide;mpp\ns0;0,25\ns1.svs;0,5\n")
    found = build_unlabelled(str(folder), assume_mpp=0, groups=1, resolutions=read_resolutions(str(table)))
    assert [slide.mpp for slide in found.slides] == [0.25, 0.5, 0.0]
    table.write_text("slide,patient\ns0,p\n")
    with pytest.raises(LabelsError, match="lacks the column mpp"):
        read_resolutions(str(table))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("s0,0.25\ns0,0.5\n", r"line 3: mpp of s0 is 0.5, and 0.25 on a line before"),
        ("s0,N/A\n", "gives no slide's mpp"),
        ("s0,20x\n", "line 2: mpp is '20x'"),
    ],
)
def test_a_table_of_resolutions_that_makes_no_sense(tmp_path: Path, content: str, reason: str) -> None:
    table = tmp_path / "mpp.csv"
    table.write_text("slide,mpp\n" + content)
    with pytest.raises(LabelsError, match=reason):
        read_resolutions(str(table))


def test_a_table_that_names_no_slide_at_hand_is_not_passed_over(folder: Path) -> None:
    cohort(folder, None)
    with pytest.raises(CohortError, match=r"it names case-1 for one, and the slides have s0\.svs"):
        build_unlabelled(str(folder), assume_mpp=0, groups=1, resolutions={"case-1": 0.25})


def patched(path: Path, before: str, after: str) -> Path:
    """Change a slide's description, which keeps its length."""
    path.write_bytes(path.read_bytes().replace(before.encode(), after.ljust(len(before)).encode()))
    return path


def test_an_objective_is_a_guess_after_the_labels_and_before_what_is_assumed(folder: Path) -> None:
    cohort(folder, 0.25)
    path = patched(folder / "s0.svs", "|MPP = 0.2500", "")
    facts = check_slide(path, assume_mpp=1.0)
    assert (facts.mpp, facts.mpp_from, facts.objective) == (0.25, "objective", 40)
    facts = check_slide(path, assume_mpp=1.0, given_mpp=0.3)
    assert (facts.mpp, facts.mpp_from) == (0.3, "labels")
    patched(path, "AppMag = 40", "AppMag = .1")
    assert check_slide(path, assume_mpp=1.0).mpp_from == "assumed"
    assert check_slide(path).mpp is None


def test_a_slide_is_never_enlarged(folder: Path) -> None:
    """A model of 40x gave another class for the same tissue at 20x, without a word."""
    cohort(folder, 0.5)
    with pytest.raises(SlideError, match=r"too coarse: it has 0.5 microns per pixel"):
        cut(folder / "s0.svs", folder / "t", Tiling(100, mpp=0.25))
    assert cut(folder / "s0.svs", folder / "t", Tiling(100, mpp=0.48, max_background=1))


def test_pixels_that_are_not_square_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cohort(folder, 0.5)

    class Stretched(reader.openslide.OpenSlide):  # type: ignore[misc]
        @property
        def properties(self) -> dict[str, str]:
            return {**super().properties, "openslide.mpp-y": "0.52"}

    monkeypatch.setattr(reader.openslide, "OpenSlide", Stretched)
    with pytest.raises(SlideError, match=r"not square: 0.5 x 0.52 microns"):
        check_slide(folder / "s0.svs")


def test_what_an_object_store_hid_is_checked_once_the_slides_are_cut() -> None:
    """Slides in an object store travel once, to be cut: only then is their resolution known."""
    scans = [Scan("a", 0.25, "slide"), Scan("b", 0.26, "slide")]
    assert check_tiles(scans) == pytest.approx(0.255)
    with pytest.raises(CohortError, match=r"0.25 to 0.5 microns per pixel: give mpp=0.5"):
        check_tiles([*scans, Scan("c", 0.5, "slide")])
    with pytest.raises(CohortError, match="1 of 3 slides do not give"):
        check_tiles([*scans, Scan("c")])
    assert check_tiles([Scan("c")]) == common_mpp([]) == 0.0
