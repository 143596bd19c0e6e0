"""What the steps of the slides pipelines do once there is a model: serve it, predict, judge, report.

`stages.py` has the steps before, and says what holds for all of them.
"""

from __future__ import annotations

import json
import platform
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

from brume import storage
from brume.cluster import images, serving
from brume.cluster.resources import Resources
from brume.run.step import Artifact, Output, Step
from brume.slides.model import admission

TILES_PER_REQUEST = 32


class ClassificationArtifact(Artifact, Protocol):
    """The part of a ClassificationMetrics artifact that is used here."""

    def log_confusion_matrix(self, categories: list[str], matrix: list[list[int]]) -> None:
        """Set the confusion matrix, true classes in rows."""

    def log_roc_curve(self, fpr: list[float], tpr: list[float], threshold: list[float]) -> None:
        """Set the points of a ROC curve."""


def _prediction(tiles_uri: str, model_uri: str, tile_scores: Artifact) -> Step:
    return Step(
        "prediction",
        inputs=[tiles_uri, model_uri],
        parameters={},
        outputs=[Output(tile_scores, "work/tile_scores.parquet")],
    )


def deploy(tiles_uri: str, model_uri: str, name: str, resources: Resources) -> str:
    """Serve the model; returns the URL where it answers, or "" when the predictions of the last run stand."""
    nowhere = SimpleNamespace(uri="", metadata={})
    if _prediction(tiles_uri, model_uri, nowhere).reusable():
        return ""
    step = Step("serving", parameters={"name": name}, outputs=[])
    model = serving.Model(name, model_uri, image=images.reference("serving"), resources=resources)
    url: str = step.run(lambda: serving.serve(model, print).url)
    return url


def stop(name: str) -> None:
    """End what `deploy` started, if it did."""
    serving.stop(name)


def score_tiles(
    tiles_uri: str, model_uri: str, url: str, name: str, cohort: Artifact, tile_scores: Artifact
) -> None:
    """Send every tile to the served model and keep its probabilities."""
    from brume.slides.pipeline import prediction

    step = _prediction(tiles_uri, model_uri, tile_scores)

    def work() -> None:
        slides = admission.read_slides(storage.join(cohort.uri, "slides.csv"))
        classes = json.loads(storage.read_bytes(storage.join(model_uri, "labels.json")))["classes"]
        table = prediction.predict_shards(
            tiles_uri,
            url,
            name,
            classes,
            step.place("work/predictions") or f"{tile_scores.uri}-parts",
            batch_size=TILES_PER_REQUEST,
            digest=prediction.model_digest(model_uri),
            splits={slide.slide: slide.split for slide in slides},
        )
        prediction.write_scores(table, tile_scores.uri)
        tile_scores.metadata["classes"] = ",".join(classes)

    step.run(work)


def evaluate(
    cohort: Artifact,
    tile_scores: Artifact,
    assume_mpp: float,
    seed: int,
    slide_scores: Artifact,
    heatmaps: Artifact,
    evaluation: Artifact,
    metrics: Artifact,
    classification: ClassificationArtifact,
) -> None:
    """Score the slides, judge the held-out ones, and draw every slide's heatmap."""
    from brume.slides.model import heatmap
    from brume.slides.model import metrics as figures
    from brume.slides.model import scores as score
    from brume.slides.pipeline import prediction

    slides_uri = storage.join(cohort.uri, "slides.csv")
    step = Step(
        "scores",
        inputs=[slides_uri, tile_scores.uri],
        parameters={"assume_mpp": assume_mpp, "seed": seed},
        outputs=[
            Output(slide_scores, "slide_scores.csv"),
            Output(heatmaps, "heatmaps"),
            Output(evaluation, "work/evaluation.json"),
            Output(metrics, "work/metrics/slides.json"),
            Output(classification, "work/metrics/classification.json"),
        ],
    )

    def work() -> None:
        table, classes = prediction.read_scores(tile_scores.uri)
        scores = score.slide_scores(table, classes)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "slide_scores.csv"
            score.write_slide_scores(str(path), scores, classes)
            storage.upload(path, slide_scores.uri)
        sources = {slide.slide: slide.uri for slide in admission.read_slides(slides_uri)}
        undrawn = heatmap.draw_all(sources, table, scores, heatmaps.uri, assume_mpp=assume_mpp or None)
        judged = score.evaluate(scores, classes, seed=seed)
        content = {"evaluation": judged.to_json(), "undrawn": [item._asdict() for item in undrawn]}
        admission.write_json(content, evaluation.uri)
        metrics.metadata.update(figures.headline(judged))
        if judged.slides:
            classification.log_confusion_matrix(classes, [list(row) for row in judged.confusion])
        if points := score.pooled_roc(scores, classes):
            classification.log_roc_curve(*points)

    step.run(work)


def report(
    title: str,
    model_uri: str,
    rejects: Artifact,
    slide_scores: Artifact,
    heatmaps: Artifact,
    evaluation: Artifact,
    page: Artifact,
) -> None:
    """Write the report of the run: one self-contained HTML page."""
    from brume.slides.model import metrics as figures
    from brume.slides.model import scores as score
    from brume.slides.pipeline import report as reporting

    training_uri = storage.join(model_uri, "training.json")
    step = Step(
        "report",
        inputs=[rejects.uri, slide_scores.uri, heatmaps.uri, evaluation.uri, training_uri],
        parameters={"title": title},
        outputs=[Output(page, "report.html")],
    )

    def work() -> None:
        with tempfile.TemporaryDirectory() as scratch:
            scores, classes = score.read_slide_scores(str(storage.fetch(slide_scores.uri, Path(scratch))))
        told = json.loads(storage.read_bytes(evaluation.uri))
        judged = figures.Evaluation.from_json(told["evaluation"])
        refused = [reject._asdict() for reject in admission.read_rejects(rejects.uri)] + told["undrawn"]
        training = json.loads(storage.read_bytes(training_uri))
        run = step.run_record()
        html = reporting.build(
            title=title,
            classes=classes,
            scores=scores,
            evaluation=judged if judged.slides else None,
            rejects=refused,
            heatmaps=heatmaps.uri,
            training=training,
            parameters=run.get("parameters") or training["parameters"],
            timings=step.timings(),
            versions=run.get("versions") or training["versions"],
            facts=[fact for fact in (run.get("started"), platform.node()) if fact],
        )
        storage.write_bytes(page.uri, html.encode())

    step.run(work)
