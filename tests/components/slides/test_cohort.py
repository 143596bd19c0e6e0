"""Labels, classes and the split: complete, by patient, and the same everywhere."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.slides.model.cohort import LabelledSlide, LabelsError, match, read_labels, split_by_patient
from brume.storage import Entry

rows_of_patients = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["luad", "lusc", "normal"])), min_size=1, max_size=120
).map(
    lambda pairs: [
        LabelledSlide(f"slide-{number}", f"patient-{patient}", label)
        for number, (patient, label) in enumerate(pairs)
    ]
)


@given(rows_of_patients, st.integers(0, 2**32))
def test_no_patient_is_in_two_splits_and_every_slide_in_one(rows: list[LabelledSlide], seed: int) -> None:
    splits = split_by_patient(rows, seed)
    assert set(splits) == {row.slide for row in rows}
    assert set(splits.values()) <= {"train", "valid", "test"}
    by_patient = defaultdict(set)
    for row in rows:
        by_patient[row.patient].add(splits[row.slide])
    assert all(len(found) == 1 for found in by_patient.values())


@given(rows_of_patients, st.integers(0, 2**32), st.randoms())
def test_the_split_does_not_depend_on_the_order_of_files(
    rows: list[LabelledSlide], seed: int, chance: random.Random
) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert split_by_patient(shuffled, seed) == split_by_patient(rows, seed)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(10, 200))
def test_each_class_is_split_in_the_given_proportions(seed: int, patients: int) -> None:
    rows = [
        LabelledSlide(f"{label}-{number}", f"{label}-{number}", label)
        for label in ("a", "b", "c")
        for number in range(patients)
    ]
    splits = split_by_patient(rows, seed)
    for label in ("a", "b", "c"):
        counts = Counter(splits[row.slide] for row in rows if row.label == label)
        for split, share in (("train", 0.7), ("valid", 0.2), ("test", 0.1)):
            assert abs(counts[split] - share * patients) <= 1.5


@given(st.integers(0, 2**32), st.integers(3, 9))
def test_a_class_of_three_patients_is_in_every_split(seed: int, patients: int) -> None:
    rows = [LabelledSlide(f"s{n}", f"p{n}", "rare") for n in range(patients)]
    rows += [LabelledSlide(f"t{n}", f"q{n}", "common") for n in range(50)]
    splits = split_by_patient(rows, seed)
    assert {splits[f"s{n}"] for n in range(patients)} == {"train", "valid", "test"}


def test_the_split_does_not_depend_on_the_hash_seed_of_the_interpreter() -> None:
    """The original iterated over sets of strings, whose order changes from process to process."""
    code = (
        "import json; from brume.slides.model.cohort import split_by_patient as s;"
        "print(json.dumps(s([(f's{n}', f'p{n % 30}', 'abc'[n % 3]) for n in range(90)], 7), sort_keys=True))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "12345")
    }
    assert len(printed) == 1
    assert len(json.loads(printed.pop())) == 90


def test_the_original_list_leaks_no_patient(real_data: Callable[[str], Path]) -> None:
    """The original split each class alone: 192 of its 1,009 patients were in more than one split."""
    rows = read_labels(str(real_data("slides")))
    assert len(rows) == 2167
    assert len({row.patient for row in rows}) == 1009
    assert {row.label for row in rows} == {"luad", "lusc", "normal"}
    splits = split_by_patient(rows, 0)
    by_patient = defaultdict(set)
    for row in rows:
        by_patient[row.patient].add(splits[row.slide])
    assert sum(len(found) > 1 for found in by_patient.values()) == 0
    shares = Counter(next(iter(found)) for found in by_patient.values())
    assert shares["train"] / 1009 == pytest.approx(0.7, abs=0.02)
    assert shares["valid"] / 1009 == pytest.approx(0.2, abs=0.02)
    for label in ("luad", "lusc", "normal"):
        counts = Counter(splits[row.slide] for row in rows if row.label == label)
        assert counts["test"] / counts.total() == pytest.approx(0.1, abs=0.03)


def test_labels_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("\ufefflabel, Slide ,note,PATIENT\nlusc,b.svs,x,p2\n\nluad,a.svs,,p1\nluad,a.svs,,p1\n")
    assert read_labels(str(path)) == [("a.svs", "p1", "luad"), ("b.svs", "p2", "lusc")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("slide,label\na,b\n", "lacks the column patient"),
        ("", "lacks the column slide and patient and label"),
        ("slide,patient,label\n", "names no slide"),
        ("slide,patient,label\na,p,x\n,p,x\n", "line 3 names no slide"),
        ('slide,patient,label\n"a,p,x\n', "line 2"),
    ],
)
def test_a_bad_csv_is_named_with_its_line_and_remedy(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(LabelsError, match=message) as error:
        read_labels(str(path))
    assert str(path) in str(error.value)


def test_labels_as_lists_of_tcga_names(tmp_path: Path) -> None:
    (tmp_path / "tcga-lung-luad.txt").write_text("TCGA-67-3772-01A-01-TS1.4e9a.svs\r\n\n")
    (tmp_path / "tcga-lung-normal.txt").write_text("TCGA-67-3772-11A-01-TS1.aaaa.svs\n")
    (tmp_path / "notes.txt").write_text("nothing\n")
    assert read_labels(str(tmp_path)) == [
        ("TCGA-67-3772-01A-01-TS1.4e9a.svs", "TCGA-67-3772", "luad"),
        ("TCGA-67-3772-11A-01-TS1.aaaa.svs", "TCGA-67-3772", "normal"),
    ]
    (tmp_path / "tcga-lung-luad.txt").write_text("TCGA-67\n")
    with pytest.raises(LabelsError, match="line 1: 'TCGA-67' is no TCGA slide name"):
        read_labels(str(tmp_path))


def test_labels_of_neither_form(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="neither"):
        read_labels(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        read_labels(str(tmp_path / "absent.csv"))


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
    ]
    matched = match(labels, files)
    assert [(row.slide, entry.uri) for row, entry in matched.rows] == [
        ("a.svs", "/in/a.svs"),
        ("c.ndpi", "/in/c.ndpi"),
        ("b.svs", "/in/sub/b.svs"),
    ]
    reasons = {reject.item: reject.reason for reject in matched.rejects}
    assert set(reasons) == {"twin.svs", "gone.svs", "d.svs", "e.svs", "extra.svs"}
    assert "fits several files: x/twin.svs, y/twin.svs" in reasons["twin.svs"]
    assert "no such slide" in reasons["gone.svs"]
    assert "label lusc" in reasons["d.svs"]
    assert "no label" in reasons["extra.svs"]
