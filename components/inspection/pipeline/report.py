"""The report of an inspection run: metrics, choice of the detector, and the hardest images."""

from __future__ import annotations

import functools
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from brume import storage
from brume.inspection.model import heatmaps, images
from brume.inspection.model.bundle import Bundle
from brume.inspection.pipeline import evaluation
from brume.inspection.pipeline.sources import Picture as Source
from brume.report.charts import Line, lines
from brume.report.page import (
    Badge,
    Block,
    Cell,
    Figure,
    Gallery,
    Matrix,
    Note,
    Number,
    Numbers,
    Picture,
    Report,
    Row,
    Section,
    Share,
    Table,
    render,
)
from brume.report.run_section import percent, run_section
from brume.run.rejects import Reject

FEW_IMAGES = 30  # test images below which the metrics are uncertain
_HARDEST = 24  # pictures of the gallery


def build(
    *,
    project: str,
    model: Mapping[str, Any],
    bundle_uri: str,
    pictures: Sequence[tuple[str, Source]],
    detections: Sequence[Mapping[str, str]],
    rejects: Sequence[Reject],
    parameters: Mapping[str, object],
    timings: Mapping[str, float],
    versions: Mapping[str, str],
    facts: Sequence[str] = (),
) -> str:
    """Build the HTML report of a run.

    `model` is the service's description of the model, `bundle_uri` the folder of its device bundle, from
    which the heatmaps come; `pictures` are those of all datasets by kind; `detections` the rows of
    detections.csv.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = _local(bundle_uri, Path(scratch))
        bundle = Bundle.load(folder)
    evaluated = evaluation.evaluate(evaluation.predictions(model))
    draw = functools.partial(_overlay, bundle)
    sections = [
        Section("Results", _results(model, evaluated, detections)),
        _accuracy(evaluated),
        _choice(evaluation.result(model)),
        *_looked_at(detections, draw),
        _images(pictures, rejects),
        run_section(parameters, timings, versions),
    ]
    title = f"{project}, model {model['ModelVersion']}"
    page = Report(product="Inspection", title=title, facts=facts, sections=sections)
    return render(page)


def _local(uri: str, scratch: Path) -> Path:
    if not storage.is_remote(uri):
        return Path(uri)
    for found in storage.list_files(uri):
        storage.fetch(found.uri, scratch)
    return scratch


def _results(
    model: Mapping[str, Any], evaluated: evaluation.Evaluation, detections: Sequence[Mapping[str, str]]
) -> list[Block]:
    performance = model.get("Performance") or {}
    found, known = evaluated.metrics, evaluated.intervals

    def between(name: str, write: Callable[[float], str] = _three) -> str:
        bounds = known.get(name)
        return f"; 95 % interval {write(bounds.low)} to {write(bounds.high)}" if bounds else ""

    numbers = [
        Number("F1", _three(performance.get("F1Score")), f"on {found.images} test images{between('f1')}"),
        Number(
            "Precision",
            percent(performance.get("Precision")),
            f"of images called anomalous are anomalous{between('precision', percent)}",
        ),
        Number(
            "Recall",
            percent(performance.get("Recall")),
            f"of anomalous images are found{between('recall', percent)}",
        ),
        Number("AUROC", _three(found.auroc), f"independent of the threshold{between('auroc')}"),
    ]
    looked = [row for row in detections if row["set"] == "trial" and not row["error"]]
    if looked:
        anomalous = sum(row["anomalous"] == "yes" for row in looked)
        numbers.append(Number("Trial images", f"{len(looked):,}", f"{anomalous:,} called anomalous"))
    notes: list[Block] = []
    if found.images < FEW_IMAGES:
        text = f"Read these figures with care: they rest on {found.images} test images only."
        notes.append(Note(text, "warn"))
    return [Numbers(numbers), *notes]


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _accuracy(evaluated: evaluation.Evaluation) -> Section:
    blocks: list[Block] = [
        Matrix("Test images by true and predicted class", ["normal", "anomaly"], evaluated.confusion)
    ]
    if evaluated.roc:
        false, true, _ = evaluated.roc
        drawing = lines(
            [Line("model", list(zip(false, true, strict=True)))],
            x_title="False alarms among normal images",
            y_title="Anomalous images found",
            x_range=(0, 1),
            y_range=(0, 1),
            description=f"ROC curve, area {_three(evaluated.metrics.auroc)}",
            diagonal=True,
            marks=False,
        )
        caption = f"Area {_three(evaluated.metrics.auroc)}; the dashed line is chance."
        blocks.append(Figure("ROC", drawing, caption=caption))
    lead = "On test images, which neither the training nor the threshold has seen."
    return Section("Accuracy", [Row(blocks)], lead=lead)


def _choice(result: Mapping[str, Any]) -> Section:
    rows: list[list[Cell]] = []
    for candidate in result["tried"]:
        name, auroc, loss = candidate["name"], candidate["auroc"], candidate["loss"]
        rows.append(
            [
                Badge(name, "good") if name == result["chosen"] else name,
                None if auroc is None else Share(auroc, f"{auroc:.3f}"),
                None if loss is None else f"{loss:.3f}",
            ]
        )
    table = Table("Candidates", ["Candidate", "AUROC", "Log loss"], rows, frozenset({2}))
    lead = (
        "Estimated by cross-validation on the training images alone: every image is scored by a model that "
        "was not trained on it. The one with the lowest log loss is used; with too few anomalous images to "
        "choose by, all detectors count together."
    )
    return Section("Choice of the detector", [table], lead=lead)


def _looked_at(detections: Sequence[Mapping[str, str]], draw: Callable[[str], Image.Image]) -> list[Section]:
    sections = []
    for kind, title, lead in (
        ("test", "Test images", "The hardest first: wrong ones, then those with the least confidence."),
        ("trial", "Trial images", "Predictions of the hosted model for new images, the least certain first."),
    ):
        rows = sorted((row for row in detections if row["set"] == kind), key=_hardness)
        if not rows:
            continue
        columns = ["Image", *(["Truth"] if kind == "test" else []), "Called", "Confidence", "Remarks"]
        cells = [_cells(row, kind == "test") for row in rows]
        if not any(row[-1] for row in cells):
            columns, cells = columns[:-1], [row[:-1] for row in cells]
        table = Table("Every image", columns, cells, whole="detections.csv")
        shown = [_picture(row, draw) for row in rows[:_HARDEST] if not row["error"]]
        gallery = Gallery(
            "Where the model looks", shown, whole="the images", scale=("Anomaly", "normal", "anomalous")
        )
        sections.append(Section(title, [gallery, table], lead=lead))
    return sections


def _hardness(row: Mapping[str, str]) -> tuple[bool, bool, float]:
    return not row["error"], _right(row), float(row["confidence"] or 0)


def _right(row: Mapping[str, str]) -> bool:
    return not row["truth"] or (row["truth"] == "anomaly") == (row["anomalous"] == "yes")


def _called(row: Mapping[str, str]) -> Badge:
    if row["error"]:
        return Badge("refused", "bad")
    word = "anomaly" if row["anomalous"] == "yes" else "normal"
    return Badge(word, ("good" if _right(row) else "bad") if row["truth"] else "plain")


def _cells(row: Mapping[str, str], labelled: bool) -> list[Cell]:
    cells: list[Cell] = [row["name"], *([row["truth"]] if labelled else []), _called(row)]
    if row["error"]:
        return [*cells, None, row["error"]]
    confidence = float(row["confidence"])
    return [*cells, Share(confidence, f"{confidence:.2f}"), row["anomalies"].replace(";", ", ")]


def _picture(row: Mapping[str, str], draw: Callable[[str], Image.Image]) -> Picture:
    called = _called(row)
    about = f"confidence {float(row['confidence']):.2f}" + (f" · is {row['truth']}" if row["truth"] else "")
    return Picture(
        title=row["name"],
        alt=f"{row['name']}: called {called.text}, {about}; the anomaly map lies over the picture",
        load=functools.partial(draw, row["uri"]),
        caption=about,
        badge=called,
    )


def _overlay(bundle: Bundle, uri: str) -> Image.Image:
    picture = images.decode(storage.read_bytes(uri))
    return heatmaps.overlay(picture, bundle.detect(picture).map)


def _images(pictures: Sequence[tuple[str, Source]], rejects: Sequence[Reject]) -> Section:
    counts = Counter((kind, picture.anomalous) for kind, picture in pictures)
    kinds = [
        kind
        for kind in ("train", "test", "trial")
        if any(counts[kind, label] for label in (False, True, None))
    ]
    rows: list[list[Cell]] = [
        [kind, *(counts[kind, label] for label in (False, True, None))] for kind in kinds
    ]
    refused: list[list[Cell]] = [[one.item, one.reason, one.remedy] for one in rejects]
    return Section(
        "Images",
        [
            Table("Images by set", ["Set", "Normal", "Anomaly", "No label"], rows, frozenset({1, 2, 3})),
            Table(
                "Set aside",
                ["File", "Reason", "Remedy"],
                refused,
                whole="rejects.csv",
                empty="Every image could be used.",
            ),
        ],
    )
