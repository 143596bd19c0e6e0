"""Labels of slides: tables as people keep them, and lists of TCGA's slide names.

A table is a text file with a header line, in UTF-8, UTF-16 or Latin-1, its columns parted by commas,
semicolons or tabs. The names that CLAM and slideflow give the columns are read too.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from brume import storage

TABLES = (".csv", ".tsv", ".txt")
_COLUMNS = {
    "slide": ("slide", "slide_id", "slide_name", "filename"),
    "patient": ("patient", "patient_id", "case_id"),
    "label": ("label", "category", "class"),
    "split": ("split",),
    "mpp": ("mpp", "microns_per_pixel"),
    "site": ("site", "center", "centre"),
}
_REQUIRED = ("slide", "patient", "label")
# What people write where a label is not known; compared without case.
UNLABELLED = frozenset(
    ["", "na", "n/a", "nan", "none", "null", "unknown", "unlabelled", "unlabeled", "missing", "-", "?"]
)
_SPLITS = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val"),
    "test": ("test", "testing"),
}
_TCGA_LISTS = "tcga-lung-"
_BARCODE = 12  # characters of a TCGA barcode that name the patient: TCGA-67-3772


class LabelsError(ValueError):
    """A labels file that cannot be used; the message names the file, the line and the remedy."""


class LabelledSlide(NamedTuple):
    """One row of the labels: a slide's name, its patient and its label, "" when it is not known.

    What may be empty: `split` (train, valid or test), `mpp` (microns per level-0 pixel, 0.0), and the `site`
    that the slide comes from.
    """

    slide: str
    patient: str
    label: str
    split: str = ""
    mpp: float = 0.0
    site: str = ""


def read_labels(path: str) -> list[LabelledSlide]:
    """Read the labels of a cohort, in the order of slide, patient and label; equal rows once.

    `path` (local or s3://) is a table with the columns slide, patient and label, and perhaps split, mpp and
    site; or a folder of text files `tcga-lung-LABEL.txt` with one slide name a line, where the patient is
    the first 12 characters of the TCGA barcode, and the site its second field. Cells that are empty, or have
    a word such as N/A, are "". Raises `LabelsError` for a file of neither form, a cell that makes no sense,
    classes that differ in case or spaces alone, and a patient in two splits; `FileNotFoundError` when nothing
    is there.
    """
    uri = str(path)
    if not uri:
        raise LabelsError("labels= is empty: name a CSV file with the columns slide, patient, label")
    found = list(_read_table(uri) if uri.lower().endswith(TABLES) else _read_lists(uri))
    if not found:
        raise LabelsError(f"{uri} names no slide")
    _check_classes(found)
    _check_splits(found)
    return sorted({row for _, row in found})


def read_splits(path: str) -> dict[str, str]:
    """Return the split of each patient of an earlier run, by its splits.csv.

    Raises `LabelsError` when a patient has none or two, and `FileNotFoundError` when nothing is there.
    """
    found = list(_read_table(path))
    _check_splits(found)
    for place, row in found:
        if not row.split:
            raise LabelsError(f"{place} names no split of patient {row.patient}")
    return {row.patient: row.split for _, row in found}


def tcga_site(slide: str) -> str:
    """Return the tissue source site of a TCGA slide's name, its second field; "" for another name."""
    fields = slide.split("-")
    return fields[1] if len(fields) > 2 and fields[0] == "TCGA" else ""


def read_resolutions(path: str) -> dict[str, float]:
    """Return the microns per level-0 pixel of slides, from a table with the columns slide and mpp.

    Raises `LabelsError` for a cell that makes no sense, a slide with two values, and a table without any;
    `FileNotFoundError` when nothing is there.
    """
    found: dict[str, float] = {}
    for place, row in _read_table(path, ("slide", "mpp")):
        if row.mpp and found.setdefault(row.slide, row.mpp) != row.mpp:
            raise LabelsError(
                f"{place}: mpp of {row.slide} is {row.mpp:g}, and {found[row.slide]:g} on a line "
                "before: keep one"
            )
    if not found:
        raise LabelsError(f"{path} gives no slide's mpp")
    return found


# A row with its place, "FILE: line N".
_Placed = tuple[str, LabelledSlide]


def _text(uri: str) -> str:
    """Return a text file's content: UTF-8 or UTF-16, with or without byte-order mark, or else Latin-1."""
    data = storage.read_bytes(uri)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        coding = "utf-16"
    elif data[1:2] == b"\0":
        coding = "utf-16-le"
    elif data[:1] == b"\0":
        coding = "utf-16-be"
    else:
        coding = "utf-8-sig"
    try:
        text = data.decode(coding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\0" in text:
        raise LabelsError(f"{uri} is no text file: save the table as CSV")
    return text


def _read_table(uri: str, required: Sequence[str] = _REQUIRED) -> Iterator[_Placed]:
    text = _text(uri)
    lines = text.splitlines()
    header = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    places: dict[str, int] = {}
    begins = 1  # the line of the next row, whose cells may hold line breaks
    try:
        for cells in reader:
            begins = reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not places:
                places = _columns(uri, cells, required)
                continue
            place = f"{uri}: line {reader.line_num}"
            yield place, _row(place, {name: _cell(cells, at) for name, at in places.items()})
    except csv.Error as error:
        raise LabelsError(f"{uri}: line {begins}: {error}") from error
    if not places:
        _columns(uri, [], required)


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at].strip() if at < len(cells) else ""


def _columns(uri: str, header: Sequence[str], required: Sequence[str]) -> dict[str, int]:
    """Return the place of each column that is known, by its name."""
    names = [name.strip().lower() for name in header]
    places = {}
    for column, aliases in _COLUMNS.items():
        found = [place for place, name in enumerate(names) if name in aliases]
        if len(found) > 1:
            both = " and ".join(header[place].strip() for place in found)
            raise LabelsError(f"{uri}: the first line has two columns of the {column}, {both}: keep one")
        if found:
            places[column] = found[0]
    if missing := [column for column in required if column not in places]:
        found_names = ", ".join(filter(None, names)) or "none"
        raise LabelsError(
            f"{uri}: the first line lacks the column {' and '.join(missing)} (found: {found_names}); "
            f"it must name {', '.join(required)}"
        )
    return places


def _row(place: str, cells: Mapping[str, str]) -> LabelledSlide:
    if not cells["slide"]:
        raise LabelsError(f"{place} names no slide")
    given = cells.get("split", "").lower()
    split = next((name for name, words in _SPLITS.items() if given in words), "")
    if given not in UNLABELLED and not split:
        raise LabelsError(f"{place}: split is {cells['split']!r}; it must be train, valid or test")
    given_label = cells.get("label", "")
    label = "" if given_label.lower() in UNLABELLED else given_label
    site = cells.get("site", "") or tcga_site(cells["slide"])
    return LabelledSlide(
        cells["slide"], cells.get("patient", ""), label, split, _mpp(place, cells.get("mpp", "")), site
    )


def _mpp(place: str, text: str) -> float:
    if text.lower() in UNLABELLED:
        return 0.0
    try:
        value = float(text.replace(",", "."))  # a table parted by semicolons has decimal commas
    except ValueError:
        value = 0.0
    if not 0 < value < 1000:
        raise LabelsError(f"{place}: mpp is {text!r}; it must be microns per pixel, above 0, or empty")
    return value


def _read_lists(uri: str) -> Iterator[_Placed]:
    files = [
        entry.uri
        for entry in storage.list_files(uri)
        if storage.name_of(entry.uri).lower().startswith(_TCGA_LISTS) and entry.uri.lower().endswith(".txt")
    ]
    if not files:
        if not storage.exists(uri):
            raise FileNotFoundError(f"labels={uri} is not there")
        raise LabelsError(
            f"{uri} is neither a .csv file with the columns slide, patient, label "
            f"nor a folder of text files {_TCGA_LISTS}LABEL.txt"
        )
    for file in files:
        label = storage.name_of(file)[len(_TCGA_LISTS) : -len(".txt")]
        for number, line in enumerate(_text(file).splitlines(), start=1):
            name = line.strip()
            if not name:
                continue
            place = f"{file}: line {number}"
            if len(name) < _BARCODE:
                raise LabelsError(f"{place}: {name!r} is no TCGA slide name (at least {_BARCODE} characters)")
            yield place, LabelledSlide(name, name[:_BARCODE], label, site=tcga_site(name))


def _check_classes(found: Sequence[_Placed]) -> None:
    """Raise `LabelsError` for classes that are equal but for case or spaces: one of them is a slip."""
    spellings: dict[str, dict[str, str]] = defaultdict(dict)
    for place, row in found:
        spellings["".join(row.label.split()).casefold()].setdefault(row.label, place)
    for same in spellings.values():
        if len(same) > 1:
            (first, at), (second, there) = list(same.items())[:2]
            raise LabelsError(
                f"the classes {first!r} ({at}) and {second!r} ({there}) differ in case or spaces alone: "
                "write them alike"
            )


def _check_splits(found: Sequence[_Placed]) -> None:
    """Raise `LabelsError` for a patient whose slides are in two splits."""
    placed: dict[str, tuple[str, str]] = {}
    for place, row in found:
        if row.split and row.patient:
            split, before = placed.setdefault(row.patient, (row.split, place))
            if split != row.split:
                raise LabelsError(
                    f"{place}: patient {row.patient} is in the split {row.split}, and in {split} "
                    f"({before}): a patient's slides belong in one"
                )
