"""The report of a slides run: metrics, predictions, heatmaps, rejects, training."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from brume import storage
from brume.report.page import (
    Badge,
    Block,
    Cell,
    Facts,
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
from brume.slides.model import heatmap
from brume.slides.model.metrics import Evaluation
from brume.slides.model.remarks import Remark
from brume.slides.model.resolution import Scan
from brume.slides.model.scores import SlideScore
from brume.slides.pipeline import curves
from brume.slides.pipeline.cohort_section import cohort_section
from brume.statistics import Interval

NO_BETTER_THAN_CHANCE = (
    "Do not use this model: in no epoch was it better on validation tiles than chance. See its loss under "
    "Training, and train longer, with another learning rate, more slides, or other weights."
)
FEW_PATIENTS = 30  # below this a test split is too small for firm conclusions
WIDE_INTERVAL = 0.1
NOT_FOR_READERS = ("version", "key", "shards_digest")  # of training.json: for programs
CAVEAT = "For research: this is not a medical device, and nothing here is a diagnosis."


def build(
    *,
    title: str,
    classes: Sequence[str],
    scores: Sequence[SlideScore],
    evaluation: Evaluation | None,
    rejects: Sequence[Mapping[str, str]],
    heatmaps: str,
    remarks: Sequence[Remark] = (),
    scans: Sequence[Scan] = (),
    training: Mapping[str, Any] | None = None,
    parameters: Mapping[str, object] | None = None,
    timings: Mapping[str, float] | None = None,
    versions: Mapping[str, str] | None = None,
    facts: Sequence[str] = (),
) -> str:
    """Build the HTML report of a training run, or (without `evaluation`) of a prediction for new slides.

    `rejects` has rows of item (a slide), step and reason, slides without a heatmap among them; `remarks` are
    on single slides, `scans` how they were scanned; `heatmaps` is the folder, or URI, of `heatmap.draw_all`;
    `training` the content of the model's training.json; `timings` the seconds of each step; `facts` are shown
    under the title, such as when and where the run was.
    """
    results = _results(classes, scores, evaluation, rejects)
    if training and training.get("no_better_than_chance"):
        results.insert(1, Note(NO_BETTER_THAN_CHANCE, "warn"))
    sections = [Section("Results", results)]
    if evaluation and evaluation.slides:
        sections.append(_accuracy(evaluation))
    sections.append(_slides(classes, scores, heatmaps))
    if training:
        sections.append(_training(training))
    sections.append(cohort_section(classes, scores, rejects, remarks, scans, training or {}))
    sections.append(run_section(parameters or {}, timings or {}, versions or {}))
    page = Report(
        product="Slides",
        title=title,
        facts=facts,
        sections=[section for section in sections if section.blocks],
        colophon=CAVEAT,
    )
    return render(page)


def _within(interval: Interval | None, as_percent: bool = False) -> str:
    if interval is None:
        return ""
    # A line breaks, where it must, before the interval.
    return f"95\N{NO-BREAK SPACE}%\N{NO-BREAK SPACE}interval {_ends(interval, as_percent)}"


def _ends(interval: Interval, as_percent: bool = False) -> str:
    """Write the ends of an interval so that no line breaks between them."""
    if as_percent:
        return f"{100 * interval.low:.0f}–\N{WORD JOINER}{100 * interval.high:.0f}\N{NO-BREAK SPACE}%"
    return f"{interval.low:.2f}–\N{WORD JOINER}{interval.high:.2f}"


def _results(
    classes: Sequence[str],
    scores: Sequence[SlideScore],
    evaluation: Evaluation | None,
    rejects: Sequence[Mapping[str, str]],
) -> list[Block]:
    numbers = []
    notes: list[Block] = []
    if evaluation:
        numbers += [
            Number(
                "Slide accuracy",
                percent(evaluation.accuracy_mean),
                _within(evaluation.accuracy_interval, as_percent=True),
            ),
            Number(
                "Mean AUC",
                "–" if evaluation.mean_auc is None else f"{evaluation.mean_auc:.3f}",
                _within(evaluation.mean_auc_interval),
            ),
        ]
        notes += [Note(caution, "warn") for caution in _cautions(evaluation)]
        notes += [Note(remark) for remark in evaluation.notes]
    refused = len({reject["item"] for reject in rejects})
    patients = len({score.patient for score in scores if score.patient})
    numbers += [
        Number("Slides", f"{len(scores):,}", f"{refused} set aside" if refused else "none set aside"),
        Number("Tiles", f"{sum(score.tiles for score in scores):,}"),
        Number("Classes", f"{len(classes)}", ", ".join(classes)),
    ]
    if patients:
        numbers.insert(-2, Number("Patients", f"{patients:,}"))
    return [Numbers(numbers), *notes]


def _cautions(evaluation: Evaluation) -> list[str]:
    """Return a warning that gives the reasons why the metrics are uncertain; none if they are not."""
    if not evaluation.slides:
        return []
    reasons = []
    if evaluation.patients < FEW_PATIENTS:
        reasons.append(
            f"the test split has {evaluation.slides} slides of {evaluation.patients} patients only"
        )
    interval = evaluation.mean_auc_interval
    if interval and interval.high - interval.low > WIDE_INTERVAL:
        reasons.append(f"the mean AUC may lie anywhere from {interval.low:.2f} to {interval.high:.2f}")
    if not reasons:
        return []
    text = ", and ".join(reasons)
    return [f"Read these figures with care: {text}."]


def _accuracy(found: Evaluation) -> Section:
    rows: list[list[Cell]] = [
        [
            metrics.label,
            metrics.slides,
            metrics.patients,
            None if metrics.auc is None else f"{metrics.auc:.3f}",
            _ends(metrics.auc_interval) if metrics.auc_interval else None,
            percent(metrics.recall),
            percent(metrics.precision),
        ]
        for metrics in found.per_class
    ]
    columns = ["Class", "Slides", "Patients", "AUC", "95 % interval", "Recall", "Precision"]
    return Section(
        "Accuracy",
        [
            Row(
                [
                    Matrix("Slides by true and predicted class", found.classes, found.confusion),
                    curves.roc(found),
                ]
            ),
            Table("By class", columns, rows, frozenset(range(1, 7))),
            Row(
                [
                    Facts(
                        "Over all classes",
                        {
                            "accuracy, mean of tiles": percent(found.accuracy_mean),
                            "accuracy, vote of tiles": percent(found.accuracy_vote),
                            "balanced accuracy": percent(found.balanced_accuracy),
                            "F1, mean of classes": percent(found.macro_f1),
                        },
                    ),
                    Facts(
                        "What it rests on",
                        {
                            "split": found.split,
                            "slides": found.slides,
                            "patients": found.patients,
                            "tiles": found.tiles,
                        },
                    ),
                ]
            ),
        ],
        lead=f"On the {found.split} split, whose patients the model has not seen. A slide's class is that of "
        "the highest mean over its tiles. The intervals count patients, and hold for few of them.",
    )


def _slides(classes: Sequence[str], scores: Sequence[SlideScore], heatmaps: str) -> Section:
    known = any(score.label for score in scores)
    order = sorted(scores, key=_importance)
    columns = ["Slide", "Patient"] if any(score.patient for score in scores) else ["Slide"]
    columns += [*(["Split", "True class"] if known else []), "Predicted", *classes, "Vote", "Tiles"]
    rows = []
    for score in order:
        row: list[Cell] = [score.slide]
        row += [score.patient] if "Patient" in columns else []
        row += [score.split, score.label] if known else []
        row.append(_verdict(score))
        row += [Share(value, colour=index) for index, value in enumerate(score.probabilities)]
        row += [score.vote_prediction, score.tiles]
        rows.append(row)
    numeric = frozenset({len(columns) - 1})
    names = heatmap.file_names(score.slide for score in scores)
    drawn = {entry.uri for entry in storage.list_files(heatmaps)}
    pictures = [
        _picture(score, uri)
        for score in order
        if (uri := storage.join(heatmaps, names[score.slide])) in drawn
    ]
    blocks: list[Block] = [Table("Scores", columns, rows, numeric, whole="slide_scores.csv")]
    if pictures:
        scale = ("Probability of the predicted class", "0", "1")
        blocks.append(Gallery("Heatmaps", pictures, whole="the folder heatmaps", scale=scale))
    lead = "Each class with its mean probability over the slide's tiles, and the class most tiles vote for."
    if known:
        lead += " Test slides come first, wrong ones before right ones."
    return Section("Slides", blocks, lead=lead)


def _importance(score: SlideScore) -> tuple[bool, bool, str]:
    right = not score.label or score.label == score.mean_prediction
    return score.split != "test", right, score.slide


def _verdict(score: SlideScore) -> Badge:
    if not score.label:
        return Badge(score.mean_prediction)
    return Badge(score.mean_prediction, "good" if score.label == score.mean_prediction else "bad")


def _picture(score: SlideScore, uri: str) -> Picture:
    highest = max(score.probabilities)
    about = [f"true class {score.label}"] if score.label else []
    about += [f"{highest:.2f} over {score.tiles:,} tiles"] + ([score.split] if score.split else [])
    return Picture(
        title=score.slide,
        alt=f"Heatmap of slide {score.slide}: predicted {score.mean_prediction}, {', '.join(about)}",
        load=functools.partial(_without_legend, uri),
        caption=" · ".join(about),
        badge=_verdict(score),
    )


def _without_legend(uri: str) -> Image.Image:
    """Open a heatmap without the legend below it, which the gallery gives once for all."""
    image = Image.open(io.BytesIO(storage.read_bytes(uri)))
    return image.crop((0, 0, image.width, max(1, image.height - heatmap.FOOTER)))


def _training(record: Mapping[str, Any]) -> Section:
    figures = curves.training(record.get("history") or [])
    plain = {
        name.replace("_", " "): f"{value:.4g}" if isinstance(value, float) else value
        for name, value in record.items()
        if isinstance(value, str | int | float) and name not in NOT_FOR_READERS
    }
    notes = [Note(str(note)) for note in record.get("notes") or []]
    blocks: list[Block] = [Row(figures)] if figures else []
    return Section("Training", [*blocks, Facts("How it was trained", plain), *notes])
