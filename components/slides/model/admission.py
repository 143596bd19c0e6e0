"""Admission of slides to a cohort: find the files, open each, reject what cannot be used."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from brume import storage
from brume.run import progress
from brume.run import rejects as reject_tables
from brume.run.rejects import Reject
from brume.slides.model.cohort import CohortError, Match, check_classes, match
from brume.slides.model.copies import find_copies
from brume.slides.model.labels import LabelledSlide, read_labels
from brume.slides.model.reader import SlideError, check_slide
from brume.slides.model.remarks import Remark
from brume.slides.model.resolution import are_alike, common_mpp
from brume.slides.model.slide_files import SUFFIXES, SlideFile, find_slides
from brume.slides.model.splits import split_cohort

UNKNOWN_MPP = "its microns per pixel are not known, those of other slides are"
UNKNOWN_MPP_REMEDY = "give them in a column mpp of the labels, or for all such slides as assume_mpp"


@dataclass(frozen=True)
class CohortSlide:
    """One admitted slide: level-0 sizes in pixels, `mpp` in microns per pixel (0.0: unknown).

    `group` is the group of slides it is tiled with. Of a slide in an object store width, height, objective
    and vendor are 0 or empty, as is `mpp`: it is opened when it is tiled, so that it travels once.
    `given_mpp` is that of its labels.
    """

    slide: str
    patient: str
    label: str
    split: str
    group: str
    uri: str
    bytes: int
    version: str
    given_mpp: float = 0.0
    width: int = 0
    height: int = 0
    mpp: float = 0.0
    objective: float = 0.0
    vendor: str = ""


class Admission(NamedTuple):
    """The admitted slides, sorted by name, what was set aside, and remarks on single slides.

    `mpp` is what to cut at, in microns per pixel: 0.0 for slides as they are.
    """

    slides: list[CohortSlide]
    rejects: list[Reject]
    remarks: list[Remark]
    mpp: float = 0.0


def files_of(folder: str) -> dict[str, SlideFile]:
    """Return the slides below `folder`, as `find_slides` does.

    Raises `CohortError` when the folder is absent or holds no slide.
    """
    try:
        found = find_slides(folder)
    except FileNotFoundError:
        raise CohortError(
            f"slides={folder} is not there: name a folder, or an s3:// prefix, of slides"
        ) from None
    if not found:
        raise CohortError(
            f"slides={folder} holds no slide: none of its {len(storage.list_files(folder))} files ends in "
            + ", ".join(sorted(SUFFIXES))
        )
    return found


def build(
    slides: str,
    labels: str,
    *,
    assume_mpp: float,
    seed: int,
    groups: int,
    mpp: float = 0.0,
    split_by: str = "patient",
    placed: Mapping[str, str] | None = None,
) -> Admission:
    """Build the cohort of a training run, from labelled slides.

    They are split by patient or by site; `placed` has the splits of patients of an earlier run. Without an
    `mpp` to cut at, slides of unlike resolution are cut at the coarsest. Raises `CohortError` or
    `LabelsError` when there is nothing to work with.
    """
    files, remarks = _without_twins(files_of(slides))
    rows = read_labels(labels)
    matched = match(rows, {path: file.entry for path, file in files.items()})
    if not matched.rows and not matched.rejects:
        raise CohortError(
            f"no slide of {slides} has a label in {labels}: it has {next(iter(files))} for one, and the "
            f"labels are of {rows[0].slide}"
        )
    # By all that are labelled and here: one that turns out to be broken moves no other.
    splits = split_cohort([label for label, _ in matched.rows], seed, by=split_by, placed=placed)
    found = _admit(matched, files, assume_mpp=assume_mpp, splits=splits, groups=groups)
    found = _alike(found, mpp)
    of_classes = check_classes([LabelledSlide(one.slide, one.patient, one.label) for one in found.slides])
    remarks += [_with_problem(remark, files) for remark in matched.remarks]
    return found._replace(remarks=[*remarks, *found.remarks, *of_classes])


def _alike(found: Admission, mpp: float) -> Admission:
    """Choose what to cut at, and set slides of unknown resolution aside where that of others is known.

    Slides in an object store show theirs when they are cut: among them nothing is chosen before.
    """
    here = [slide for slide in found.slides if slide.width]
    chosen, remarks = mpp, []
    if not mpp and len(here) == len(found.slides):
        known = [slide.mpp for slide in here if slide.mpp]
        chosen = common_mpp(known)
        if not are_alike(known):
            coarsest = max(here, key=lambda slide: slide.mpp)
            text = (
                f"the coarsest slide: all are cut at its {coarsest.mpp:g} microns per pixel, and the finest "
                f"has {min(known):g}; give a smaller mpp to set coarse slides aside"
            )
            remarks = [Remark(coarsest.slide, "cohort", text)]
    unknown = [slide for slide in here if not slide.mpp] if chosen else []
    rejects = [Reject(slide.slide, "cohort", UNKNOWN_MPP, UNKNOWN_MPP_REMEDY) for slide in unknown]
    return found._replace(
        slides=[slide for slide in found.slides if slide not in unknown],
        rejects=sorted([*found.rejects, *rejects]),
        remarks=[*found.remarks, *remarks],
        mpp=chosen,
    )


def build_unlabelled(
    slides: str, *, assume_mpp: float, groups: int, resolutions: Mapping[str, float] | None = None
) -> Admission:
    """Build the cohort of a prediction run: every slide below the folder, without label or split.

    `resolutions` has microns per pixel by a slide's path, or its name with or without suffix. Raises
    `CohortError` when there is no slide, or none that they name.
    """
    files, given = files_of(slides), resolutions or {}

    def mpp(path: str) -> float:
        pure = PurePosixPath(path)
        return next((given[name] for name in (path, pure.name, pure.stem) if name in given), 0.0)

    rows = [(LabelledSlide(path, "", "", mpp=mpp(path)), file.entry) for path, file in sorted(files.items())]
    if given and not any(row.mpp for row, _ in rows):
        raise CohortError(
            f"no slide of {slides} is in the table of resolutions: it names {next(iter(given))} for one, and "
            f"the slides have {rows[0][0].slide}"
        )
    return _admit(Match(rows, [], []), files, assume_mpp=assume_mpp, splits={}, groups=groups)


def _without_twins(files: Mapping[str, SlideFile]) -> tuple[dict[str, SlideFile], list[Remark]]:
    """Return the files without those that cannot be used and have the name of one that can.

    Labels name slides without their folders and suffixes: a hidden copy or another format of a slide is not
    what they mean.
    """
    good = {_bare(path) for path, file in files.items() if not file.problem}
    twins = [path for path, file in files.items() if file.problem and _bare(path) in good]
    remarks = [Remark(path, "cohort", f"passed over: {files[path].problem}") for path in twins]
    return {path: file for path, file in files.items() if path not in twins}, remarks


def _with_problem(remark: Remark, files: Mapping[str, SlideFile]) -> Remark:
    """Return the remark on a file without a label; what is known against the file says more."""
    file = files.get(remark.slide)
    return remark._replace(remark=f"passed over: {file.problem}") if file and file.problem else remark


def _bare(path: str) -> str:
    return PurePosixPath(path).stem.lstrip(".")


def _admit(
    matched: Match,
    files: Mapping[str, SlideFile],
    *,
    assume_mpp: float,
    splits: Mapping[str, str],
    groups: int,
) -> Admission:
    file_of = {file.entry.uri: file for file in files.values()}
    rejects = list(matched.rejects)
    facts: dict[str, Any] = {}
    total = len(matched.rows)

    def check(row: tuple[LabelledSlide, storage.Entry]) -> tuple[str, Any]:
        label, entry = row
        file = file_of[entry.uri]
        if file.problem:
            return label.slide, Reject(label.slide, "cohort", file.problem, file.remedy)
        if storage.is_remote(entry.uri):
            return label.slide, None
        try:
            return label.slide, check_slide(Path(entry.uri), assume_mpp or None, label.mpp or None)
        except SlideError as error:
            return label.slide, Reject(label.slide, "cohort", str(error))

    with ThreadPoolExecutor(8) as pool:
        for done, (slide, fact) in enumerate(pool.map(check, matched.rows), start=1):
            facts[slide] = fact
            progress.report("cohort", done, total)
    rejects += [fact for fact in facts.values() if isinstance(fact, Reject)]
    good = [row for row in matched.rows if not isinstance(facts[row[0].slide], Reject)]
    copies = find_copies({label: file_of[entry.uri] for label, entry in good})
    left_out = {remark.slide for remark in copies.remarks} | {reject.item for reject in copies.rejects}
    good = [row for row in good if row[0].slide not in left_out]
    rejects += copies.rejects
    group_of = balance({label.slide: entry.size for label, entry in good}, groups)
    admitted = []
    for label, entry in good:
        fact = facts[label.slide]
        known = (
            {}
            if fact is None
            else {
                "width": fact.width,
                "height": fact.height,
                "mpp": fact.mpp or 0.0,
                "objective": fact.objective or 0.0,
                "vendor": fact.vendor,
            }
        )
        admitted.append(
            CohortSlide(
                label.slide,
                label.patient,
                label.label,
                splits.get(label.slide, ""),
                group_of[label.slide],
                entry.uri,
                entry.size,
                entry.version,
                label.mpp,
                **known,
            )
        )
    return Admission(admitted, sorted(rejects), copies.remarks)


def balance(sizes: dict[str, int], groups: int) -> dict[str, str]:
    """Deal slides into at most `groups` groups of nearly equal size in bytes (largest first, to the least).

    There is always at least one group, and no group is empty unless there is no slide at all.
    """
    count = max(1, min(groups, len(sizes)))
    load = [0] * count
    group_of = {}
    for slide in sorted(sizes, key=lambda name: (-sizes[name], name)):
        group = load.index(min(load))
        group_of[slide] = str(group)
        load[group] += max(1, sizes[slide])
    return group_of


def groups_of(slides: Sequence[CohortSlide]) -> list[str]:
    """Return the names of the groups; at least one, since a loop over nothing has no result to collect."""
    return sorted({slide.group for slide in slides}, key=int) or ["0"]


def check_rejects(rejects: Sequence[Reject], total: int, max_rejected: float, where: str) -> None:
    """Raise `CohortError` with the table when more than `max_rejected` of `total` slides are set aside."""
    try:
        reject_tables.check_share(
            rejects, total, max_rejected, of="slides", parameter="max_rejected", where=where
        )
    except reject_tables.TooManyRejectsError as error:
        raise CohortError(str(error)) from None


def write_slides(slides: Sequence[CohortSlide], uri: str) -> None:
    """Write the cohort as CSV with one column for each field of `CohortSlide`."""
    _write_csv(uri, [field.name for field in fields(CohortSlide)], (asdict(s).values() for s in slides))


def read_slides(uri: str) -> list[CohortSlide]:
    """Read what `write_slides` wrote."""
    casts: dict[str, type] = {"bytes": int, "width": int, "height": int}
    casts |= dict.fromkeys(["given_mpp", "mpp", "objective"], float)
    reader = csv.DictReader(io.StringIO(storage.read_bytes(uri).decode()))
    return [
        CohortSlide(**{name: casts.get(name, str)(value) for name, value in row.items()}) for row in reader
    ]


def write_splits(slides: Sequence[CohortSlide], uri: str) -> None:
    """Write splits.csv: slide, patient, label, split."""
    rows = ((slide.slide, slide.patient, slide.label, slide.split) for slide in slides)
    _write_csv(uri, ["slide", "patient", "label", "split"], rows)


def write_rejects(rejects: Sequence[Reject], uri: str) -> None:
    """Write rejects.csv: slide, step, reason, remedy."""
    reject_tables.write_rejects(rejects, uri, item="slide")


def read_rejects(uri: str) -> list[Reject]:
    """Read what `write_rejects` wrote."""
    return reject_tables.read_rejects(uri)


def write_json(content: Any, uri: str) -> None:
    """Write a JSON document."""
    storage.write_bytes(uri, json.dumps(content, indent=1, sort_keys=True).encode() + b"\n")


def _write_csv(uri: str, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    storage.write_bytes(uri, text.getvalue().encode())
