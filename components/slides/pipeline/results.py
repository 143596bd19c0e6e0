"""The stages of the slides pipelines from a model on: serve, predict, evaluate, report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from brume import storage
from brume.cluster import images, serving
from brume.cluster.resources import Resources
from brume.run.artifacts import HTML, Artifact, ClassificationMetrics, Dataset, Metrics
from brume.run.names import of_run
from brume.run.stage import Content, Operational, context, stage
from brume.slides.model import admission

TILES_PER_REQUEST = 32
PREDICTOR = "brume.slides.model.predictor"


def _predicted(arguments: Mapping[str, Any]) -> str | None:
    """Return the URL "" when the predictions of the last run can be reused: no model is needed then."""
    read = {name: arguments[name] for name in ("tiles_uri", "model_uri", "cohort")}
    return "" if predict_tiles.stands(**read) else None


@stage("serving", acts=True, instead=_predicted)
def deploy_model(
    tiles_uri: Content, model_uri: Content, run: str, cohort: Dataset, serving_cpu: str, serving_memory: str
) -> str:
    """Serve the model: a process here, an InferenceService on a cluster.

    Returns the URL where it answers.
    """
    model = serving.Model(
        of_run(run),
        model_uri,
        module=PREDICTOR,
        image=images.reference("serving"),
        resources=Resources(serving_cpu, serving_memory),
    )
    return serving.serve(model, print).url


@stage("stopping", ends=True)
def stop_model(run: str) -> None:
    """End the serving of the model, however the run went."""
    serving.stop(of_run(run))


@stage("prediction", outputs={"tile_scores": "work/tile_scores.parquet"}, runs=[PREDICTOR])
def predict_tiles(
    tiles_uri: Content,
    model_uri: Content,
    url: Operational[str],
    run: Operational[str],
    cohort: Dataset,
    tile_scores: Dataset,
) -> None:
    """Send every tile to the served model, in batches, and keep its probabilities."""
    from brume.slides.pipeline import prediction

    slides = admission.read_slides(storage.join(cohort.uri, "slides.csv"))
    classes = json.loads(storage.read_bytes(storage.join(model_uri, "labels.json")))["classes"]
    table = prediction.predict_shards(
        tiles_uri,
        url,
        of_run(run),
        classes,
        context().place("work/predictions") or f"{tile_scores.uri}-parts",
        batch_size=TILES_PER_REQUEST,
        digest=prediction.model_digest(model_uri),
        splits={slide.slide: slide.split for slide in slides},
    )
    prediction.write_scores(table, tile_scores.uri)
    tile_scores.metadata["classes"] = ",".join(classes)


@stage(
    "scores",
    outputs={
        "slide_scores": "slide_scores.csv",
        "heatmaps": "heatmaps",
        "evaluation": "work/evaluation.json",
        "metrics": "work/metrics/slides.json",
        "classification": "work/metrics/classification.json",
    },
)
def score_slides(
    cohort: Dataset,
    tile_scores: Dataset,
    assume_mpp: float,
    slide_scores: Dataset,
    heatmaps: Artifact,
    evaluation: Artifact,
    metrics: Metrics,
    classification: ClassificationMetrics,
) -> None:
    """Score the slides, evaluate the held-out ones, and draw every slide's heatmap."""
    from brume.slides.model import heatmap
    from brume.slides.model.metrics import headline
    from brume.slides.model.scores import average_tiles, evaluate, pooled_roc, write_slide_scores
    from brume.slides.pipeline import prediction

    table, classes = prediction.read_scores(tile_scores.uri)
    scores = average_tiles(table, classes)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "slide_scores.csv"
        write_slide_scores(str(path), scores, classes)
        storage.upload(path, slide_scores.uri)
    slides = admission.read_slides(storage.join(cohort.uri, "slides.csv"))
    sources = {slide.slide: slide.uri for slide in slides}
    undrawn = heatmap.draw_all(
        sources,
        table,
        scores,
        heatmaps.uri,
        assume_mpp=assume_mpp or None,
        given_mpp={slide.slide: slide.given_mpp for slide in slides if slide.given_mpp},
    )
    evaluated = evaluate(scores, classes)
    content = {"evaluation": evaluated.to_json(), "undrawn": [asdict(reject) for reject in undrawn]}
    admission.write_json(content, evaluation.uri)
    metrics.metadata.update(headline(evaluated))
    if evaluated.slides:
        classification.log_confusion_matrix(classes, [list(row) for row in evaluated.confusion])
    if points := pooled_roc(scores, classes):
        classification.log_roc_curve(*points)


@stage("report", outputs={"report": "report.html"})
def write_report(
    title: str,
    model_uri: Content,
    rejects: Dataset,
    remarks: Dataset,
    scans: Dataset,
    slide_scores: Dataset,
    heatmaps: Artifact,
    evaluation: Artifact,
    report: HTML,
) -> None:
    """Write the report of the run, one self-contained page."""
    from brume.slides.model.metrics import Evaluation
    from brume.slides.model.remarks import read_remarks
    from brume.slides.model.resolution import Scan
    from brume.slides.model.scores import read_slide_scores
    from brume.slides.pipeline.report import build

    with tempfile.TemporaryDirectory() as scratch:
        scores, classes = read_slide_scores(str(storage.fetch(slide_scores.uri, Path(scratch))))
    content = json.loads(storage.read_bytes(evaluation.uri))
    evaluated = Evaluation.from_json(content["evaluation"])
    refused = [asdict(reject) for reject in admission.read_rejects(rejects.uri)] + content["undrawn"]
    training = json.loads(storage.read_bytes(storage.join(model_uri, "training.json")))
    about = context().about()
    html = build(
        title=title,
        classes=classes,
        scores=scores,
        evaluation=evaluated if evaluated.slides else None,
        rejects=refused,
        remarks=read_remarks(remarks.uri),
        scans=[Scan(*scan) for scan in json.loads(storage.read_bytes(scans.uri))],
        heatmaps=heatmaps.uri,
        training=training,
        parameters=about["parameters"] or training["parameters"],
        timings=about["timings"],
        versions=about["versions"] or training["versions"],
        facts=about["facts"],
    )
    storage.write_bytes(report.uri, html.encode())
