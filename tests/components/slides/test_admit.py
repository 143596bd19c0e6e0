"""Admitting slides: everything usable is in, everything else is set aside with its reason."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.run.rejects import Reject
from brume.slides.demo.painter import write_slide
from brume.slides.model import admission
from brume.slides.model.admission import (
    CohortError,
    balance,
    build,
    build_unlabelled,
    check_rejects,
    files_of,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three usable slides, a truncated one, one that is no slide, and files that are not slides at all."""
    slides = tmp_path / "slides"
    slides.mkdir()
    for grey, name in enumerate(("a.svs", "b.svs", "sub/c.svs"), start=120):
        (slides / name).parent.mkdir(exist_ok=True)
        pixels = np.full((300, 400, 3), grey, np.uint8)
        write_slide(slides / name, pixels, levels=(4,), mpp=None if name == "b.svs" else 0.25)
    whole = (slides / "a.svs").read_bytes()
    (slides / "cut.svs").write_bytes(whole[: len(whole) // 2])
    (slides / "text.svs").write_text("no slide")
    (slides / "labels.csv").write_text(
        "slide,patient,label\na.svs,p1,luad\nb.svs,p2,lusc\nc.svs,p3,lusc\ncut.svs,p4,luad\ntext.svs,p5,luad\n"
    )
    (slides / "readme.txt").write_text("not a slide")
    return slides


def test_usable_slides_are_admitted_with_what_is_known_of_them(folder: Path) -> None:
    slides, rejects, *_ = build(str(folder), str(folder / "labels.csv"), assume_mpp=0.5, seed=1, groups=2)
    assert [slide.slide for slide in slides] == ["a.svs", "b.svs", "c.svs"]
    first, second, _ = slides
    assert (first.width, first.height, first.mpp, first.vendor) == (400, 300, 0.25, "aperio")
    assert second.mpp == 0.5  # it has no resolution, so one is assumed
    assert {slide.group for slide in slides} == {"0", "1"}
    reasons = {reject.item: reject.reason for reject in rejects}
    assert set(reasons) == {"cut.svs", "text.svs"}
    assert all(len(reason) > 10 for reason in reasons.values())


@pytest.mark.parametrize("closed", ["a.svs", "sub"])
def test_what_may_not_be_read_is_an_error_and_no_reject(folder: Path, closed: str) -> None:
    """A folder that may not be listed passed for an empty one, and such a file for no slide."""
    program = (
        "import sys; from brume.slides.model.admission import build_unlabelled; "
        "print(len(build_unlabelled(sys.argv[1], assume_mpp=0, groups=1)[0]))"
    )
    # The superuser may read everything until it gives the right up.
    rights = "-dac_override,-dac_read_search"
    before = ["setpriv", "--bounding-set", rights, "--inh-caps", rights] if os.getuid() == 0 else []
    command = [*before, sys.executable, "-c", program, str(folder)]
    (folder / closed).chmod(0)
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode and "PermissionError" in run.stderr and closed in run.stderr
    (folder / closed).chmod(0o700)
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.endswith("\n3\n")


def test_the_cohort_survives_its_way_through_a_file(folder: Path, tmp_path: Path) -> None:
    slides, *_ = build(str(folder), str(folder / "labels.csv"), assume_mpp=0.25, seed=1, groups=2)
    admission.write_slides(slides, str(tmp_path / "cohort.csv"))
    assert admission.read_slides(str(tmp_path / "cohort.csv")) == slides


def test_a_hidden_or_converted_twin_does_not_make_a_name_ambiguous(folder: Path) -> None:
    for name in (".a.svs", "a.jp2", "sub/b.jp2", "unlabelled.jp2"):
        (folder / name).touch()
    labels = folder / "labels.csv"
    labels.write_text(labels.read_text().replace("a.svs", "a").replace("b.svs", "b"))
    slides, _, remarks, _ = build(str(folder), str(labels), assume_mpp=0.25, seed=1, groups=1)
    assert [slide.slide for slide in slides] == ["a.svs", "b.svs", "c.svs"]
    passed_over = [remark.slide for remark in remarks if remark.remark.startswith("passed over")]
    assert passed_over == [".a.svs", "a.jp2", "sub/b.jp2", "unlabelled.jp2"]


def test_without_labels_every_slide_is_admitted(folder: Path) -> None:
    slides, rejects, *_ = build_unlabelled(str(folder), assume_mpp=0, groups=1)
    assert [(slide.slide, slide.label, slide.split) for slide in slides] == [
        ("a.svs", "", ""),
        ("b.svs", "", ""),
        ("sub/c.svs", "", ""),
    ]
    assert len(rejects) == 2


def test_the_real_slides(real_data: Callable[[str], Path]) -> None:
    slides, rejects, *_ = build_unlabelled(str(real_data("slides")), assume_mpp=0.5, groups=1)
    known = {slide.slide: slide for slide in slides}
    assert known["cmu-1-small-region.svs"].mpp == pytest.approx(0.499)
    assert known["cmu-1-small-region.svs"].objective == 20
    assert known["tcga-cr-7395-01a-01-ts1.svs"].mpp == 0.5
    assert [reject.item for reject in rejects] == ["broken.svs"]


def test_nothing_to_work_with_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="is not there"):
        files_of(str(tmp_path / "absent"))
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(CohortError, match="none of its 1 files ends in"):
        files_of(str(tmp_path))


def test_too_many_rejects_stop_the_run_with_their_table() -> None:
    rejects = [Reject(f"s{n}.svs", "cohort", "broken") for n in range(3)]
    check_rejects(rejects, 30, 0.1, "rejects.csv")
    with pytest.raises(CohortError, match="3 of 29 slides are set aside") as error:
        check_rejects(rejects, 29, 0.1, "OUT/rejects.csv")
    assert "s2.svs: broken" in str(error.value)
    assert "OUT/rejects.csv" in str(error.value)


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 10**10)), st.integers(1, 20))
def test_groups_are_balanced_and_none_is_empty(sizes: dict[str, int], groups: int) -> None:
    group_of = balance(sizes, groups)
    assert set(group_of) == set(sizes)
    loads = dict.fromkeys(group_of.values(), 0)
    for slide, group in group_of.items():
        loads[group] += max(1, sizes[slide])
    assert len(loads) == min(groups, len(sizes))
    if loads:
        assert max(loads.values()) - min(loads.values()) <= max(sizes.values()) + 1


def test_a_loop_over_groups_is_never_empty() -> None:
    """A loop over nothing, collected, fails in kfp's local runner."""
    assert admission.groups_of([]) == ["0"]
