"""Labels as people keep them: columns, codings, words for what is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from brume.slides.model.labels import UNLABELLED, LabelledSlide, LabelsError, read_labels, read_splits


def test_labels_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("\ufefflabel, Slide ,note,PATIENT\nlusc,b.svs,x,p2\n\nluad,a.svs,,p1\nluad,a.svs,,p1\n")
    assert [row[:3] for row in read_labels(str(path))] == [("a.svs", "p1", "luad"), ("b.svs", "p2", "lusc")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("slide,label\na,b\n", "lacks the column patient"),
        ("", "lacks the column slide and patient and label"),
        ("slide,patient,label\n", "names no slide"),
        ("slide,patient,label\na,p,x\n,p,x\n", "line 3 names no slide"),
        ('slide,patient,label\n"a,p,x\n', "line 2"),
        ("slide,patient,label,category\na,p,x,y\n", "two columns of the label, label and category"),
        ("slide,patient,label\na,p,LUAD\nb,q,luad \n", r"'LUAD' \(.*line 2\) and 'luad' \(.*line 3\)"),
        ("slide,patient,label\na,p,lung adeno\nb,q,LungAdeno\n", "differ in case or spaces alone"),
        ("slide,patient,label,split\na,p,x,holdout\n", "line 2: split is 'holdout'"),
        ("slide,patient,label,split\na,p,x,train\nb,p,x,test\n", "line 3: patient p is in the split test"),
        ("slide,patient,label,mpp\na,p,x,-1\n", "line 2: mpp is '-1'"),
        ("slide,patient,label,mpp\na,p,x,20x\n", "line 2: mpp is '20x'"),
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
    found = read_labels(str(tmp_path))
    assert [(row.slide, row.patient, row.label, row.site) for row in found] == [
        ("TCGA-67-3772-01A-01-TS1.4e9a.svs", "TCGA-67-3772", "luad", "67"),
        ("TCGA-67-3772-11A-01-TS1.aaaa.svs", "TCGA-67-3772", "normal", "67"),
    ]
    (tmp_path / "tcga-lung-luad.txt").write_text("TCGA-67\n")
    with pytest.raises(LabelsError, match="line 1: 'TCGA-67' is no TCGA slide name"):
        read_labels(str(tmp_path))


def test_labels_of_neither_form(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="neither"):
        read_labels(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        read_labels(str(tmp_path / "absent.csv"))


@pytest.mark.parametrize("word", sorted(UNLABELLED | {"NA", "N/A", "Unknown", "None", "NaN"}))
def test_words_for_what_is_not_known_are_no_class(tmp_path: Path, word: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"slide,patient,label,split,mpp\na,p1,luad,{word},{word}\nb,p2,{word},,\n")
    assert read_labels(str(path)) == [LabelledSlide("a", "p1", "luad"), LabelledSlide("b", "p2", "")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt"])
def test_any_delimiter_and_coding_is_read(tmp_path: Path, delimiter: str, coding: str, suffix: str) -> None:
    path = tmp_path / f"labels{suffix}"
    lines = ["slide", "patient", "label"], ["a.svs", "Müller", "größer"], ["b.svs", "Łódź"[2:3], "x"]
    path.write_bytes("\r\n".join(delimiter.join(line) for line in lines).encode(coding))
    assert [row[:3] for row in read_labels(str(path))] == [("a.svs", "Müller", "größer"), ("b.svs", "d", "x")]


@pytest.mark.parametrize(
    "header", ["case_id,slide_id,label", "patient,slide,category", "patient_id,filename,class"]
)
def test_the_columns_of_clam_and_slideflow_are_read(tmp_path: Path, header: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"{header},age\npatient_0,slide_1,tumor_tissue,61\n")
    assert read_labels(str(path)) == [LabelledSlide("slide_1", "patient_0", "tumor_tissue")]


def test_split_resolution_and_site_are_columns_too(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("slide;patient;label;split;mpp;site\na;p;x;Training;0,25;3\nb;q;y;val;;\nc;r;y;;1;4\n")
    assert read_labels(str(path)) == [
        LabelledSlide("a", "p", "x", "train", 0.25, "3"),
        LabelledSlide("b", "q", "y", "valid"),
        LabelledSlide("c", "r", "y", "", 1.0, "4"),
    ]


def test_the_splits_of_an_earlier_run_are_read(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_text("slide,patient,label,split\na,p,x,train\nb,p,y,train\nc,q,y,test\n")
    assert read_splits(str(path)) == {"p": "train", "q": "test"}
    path.write_text("slide,patient,label,split\na,p,x,\n")
    with pytest.raises(LabelsError, match="line 2 names no split of patient p"):
        read_splits(str(path))
    with pytest.raises(FileNotFoundError):
        read_splits(str(tmp_path / "absent.csv"))


def test_a_spreadsheet_is_no_text_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"PK\x03\x04\0\0\0\0slide")
    with pytest.raises(LabelsError, match="no text file: save the table as CSV"):
        read_labels(str(path))
