"""Labels and files: what belongs together, what is wrong, and what is not of the cohort."""

from __future__ import annotations

import pytest

from brume.slides.model.cohort import CohortError, check_classes, match
from brume.slides.model.labels import LabelledSlide
from brume.storage import Entry


def test_labels_and_files_are_brought_together_and_the_rest_set_aside() -> None:
    files = {
        path: Entry(f"/in/{path}", 1, "v")
        for path in (
            "a.svs",
            "sub/b.svs",
            "x/twin.svs",
            "y/twin.svs",
            "extra.svs",
            "c.ndpi",
            "d.svs",
            "e.svs",
            "f.svs",
        )
    }
    labels = [
        LabelledSlide("a.svs", "p1", "luad"),
        LabelledSlide("sub/b.svs", "p2", "luad"),
        LabelledSlide("twin.svs", "p3", "luad"),
        LabelledSlide("gone.svs", "p4", "luad"),
        LabelledSlide("c", "p5", "lusc"),
        LabelledSlide("d.svs", "p6", "lusc"),
        LabelledSlide("d.svs", "p6", "luad"),
        LabelledSlide("e.svs", "p7", ""),
        LabelledSlide("f.svs", "", "lusc"),
    ]
    matched = match(labels, files)
    assert [(row.slide, entry.uri) for row, entry in matched.rows] == [
        ("a.svs", "/in/a.svs"),
        ("c.ndpi", "/in/c.ndpi"),
        ("b.svs", "/in/sub/b.svs"),
    ]
    reasons = {reject.item: reject.reason for reject in matched.rejects}
    assert set(reasons) == {"twin.svs", "d.svs", "f.svs"}
    assert "fits several files: x/twin.svs, y/twin.svs" in reasons["twin.svs"]
    assert "label lusc" in reasons["d.svs"]
    assert "no patient" in reasons["f.svs"]
    remarks = {remark.slide: remark.remark for remark in matched.remarks}
    assert set(remarks) == {"gone.svs", "e.svs", "extra.svs"}
    assert "no such slide" in remarks["gone.svs"]
    assert "its row in the labels has no label" in remarks["e.svs"]
    assert "no row in the labels" in remarks["extra.svs"]


def test_one_class_is_an_error_and_a_class_of_one_patient_remarked_on() -> None:
    slides = [LabelledSlide(f"s{n}", f"p{n}", "luad") for n in range(4)]
    with pytest.raises(CohortError, match="all 4 slides are of the class 'luad'"):
        check_classes(slides)
    (remark,) = check_classes([*slides, LabelledSlide("t", "q", "lusc")])
    assert (remark.slide, remark.remark) == ("t", "class lusc has no other patient: it cannot be tested")
