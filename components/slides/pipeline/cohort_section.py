"""The section of a slides report on its cohort: splits, what was set aside, remarks, resolutions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from brume.report.page import Block, Cell, Note, Section, Share, Table
from brume.slides.model.remarks import FILE, Remark
from brume.slides.model.resolution import Scan
from brume.slides.model.scores import SlideScore
from brume.slides.model.slide_tiles import STEP
from brume.slides.model.splits import SPLITS


def cohort_section(
    classes: Sequence[str],
    scores: Sequence[SlideScore],
    rejects: Sequence[Mapping[str, str]],
    remarks: Sequence[Remark],
    scans: Sequence[Scan],
    training: Mapping[str, Any],
) -> Section:
    """Return the section of the cohort; the arguments are those of `report.build`."""
    blocks: list[Block] = []
    if any(score.label for score in scores):
        slides = Counter((score.label, score.split) for score in scores)
        rows: list[list[Cell]] = []
        for name in classes:
            own = [score for score in scores if score.label == name]
            counts = [slides[name, split] for split in SPLITS]
            patients = len({score.patient for score in own})
            rows.append([name, *counts, len(own), patients, sum(score.tiles for score in own)])
        columns = ["Class", *(split.capitalize() for split in SPLITS), "Slides", "Patients", "Tiles"]
        blocks.append(Table("Slides by class and split", columns, rows, frozenset(range(1, 7))))
    else:
        predicted = Counter(score.mean_prediction for score in scores)
        shares: list[list[Cell]] = [
            [name, predicted[name], Share(predicted[name] / max(1, len(scores)), colour=index)]
            for index, name in enumerate(classes)
        ]
        blocks.append(
            Table("Slides by predicted class", ["Class", "Slides", "Share"], shares, frozenset({1}))
        )
    refused: list[list[Cell]] = [[row["item"], row["step"], row["reason"]] for row in rejects]
    blocks.append(
        Table(
            "Set aside",
            ["Slide", "Step", "Reason"],
            refused,
            whole="rejects.csv",
            empty="Every slide could be used.",
        )
    )
    if remarks:
        tiled = len({remark.slide for remark in remarks if remark.step == STEP})
        if tiled:
            of = "1 slide" if tiled == 1 else f"{tiled} slides"
            text = f"Damaged places or much ink on {of}: see the remarks, and the heatmaps."
            blocks.append(Note(text, "warn"))
        noted: list[list[Cell]] = [list(remark) for remark in remarks]
        blocks.append(Table("Remarks", ["Slide", "Step", "Remark"], noted, whole=FILE))
    return Section("Cohort", [*blocks, *_resolution(scans, training)])


def _resolution(scans: Sequence[Scan], training: Mapping[str, Any]) -> list[Block]:
    """Return the table of resolutions, objectives and vendors, and what the tiles were cut at."""
    if not scans:
        return []
    kinds = Counter((round(scan.mpp, 3), *scan[2:]) for scan in scans)
    rows: list[list[Cell]] = [
        [
            f"{mpp:g}" if mpp else "not known",
            source,
            f"{objective:g}x" if objective else None,
            vendor or None,
            count,
        ]
        for (mpp, source, objective, vendor), count in sorted(kinds.items())
    ]
    columns = ["Microns per pixel", "From", "Objective", "Vendor", "Slides"]
    blocks: list[Block] = [Table("Resolution", columns, rows, frozenset({0, 4}))]
    if any(scan.mpp_from == "objective" for scan in scans):
        blocks.append(
            Note("From the objective: 10 / magnification, a guess for slides that do not say their own.")
        )
    if mpp := training.get("mpp"):
        blocks.append(Note(f"The model was trained on tiles of {mpp:g} microns per pixel."))
    else:
        blocks.append(
            Note(
                "The resolution of the model's tiles is not known: slides of another scale get other "
                "predictions, and nothing here shows it."
            )
        )
    return blocks
