"""The stages of the inspection pipeline; they reach the service through `lookout.py` alone."""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from brume import storage
from brume.aws import addresses
from brume.inspection.pipeline import lookout, sources
from brume.run import progress
from brume.run.artifacts import HTML, Artifact, ClassificationMetrics, Dataset, Metrics, Model
from brume.run.content import Counted
from brume.run.rejects import Reject, keep_rejects, read_rejects
from brume.run.stage import Operational, context, stage

TRAIN, TEST, TRIAL = "train", "test", "trial"
# What does the work of a request, where no endpoint of another is configured: the rest of the engine has no
# effect on the result.
_TRAINING = ("brume.inspection.engine.training_request", "brume.inspection.engine.training_program")
_PACKAGING = ("brume.inspection.engine.packaging",)
_DETECTION = ("brume.inspection.engine.detection",)
Pictures = Annotated[str, Counted(files=sources.named_files)]


@stage("images", outputs={"scenes": "images", "lists": "work/lists"})
def list_images(images: Pictures, test_images: Pictures, scenes: Dataset, lists: Dataset) -> None:
    """List the labelled pictures that can be used; without any, render brick scenes."""
    found = {TRAIN: images, TEST: test_images} if images else _render(scenes.uri)
    _list({kind: uri for kind, uri in found.items() if uri}, lists, [])


@stage("trial", outputs={"trial": "work/trial"})
def list_trial_images(
    images: Operational[str], trial_images: Pictures, scenes: Dataset, lists: Dataset, trial: Dataset
) -> None:
    """Look through the pictures that have no label: those of the user, or of the rendered scenes."""
    uri = trial_images or ("" if images else storage.join(scenes.uri, TRIAL))
    _list({TRIAL: uri} if uri else {}, trial, read_rejects(storage.join(lists.uri, "rejects.csv")))


def _list(found: Mapping[str, str], lists: Dataset, before: Sequence[Reject]) -> None:
    """Write manifest and list of the pictures of each kind, and the rejects with those before."""
    rejects = list(before)
    for number, (kind, uri) in enumerate(found.items(), start=1):
        source = sources.read(storage.absolute(uri), labelled=kind != TRIAL)
        rejects += source.rejects
        lines = "\n".join(source.lines) + "\n"
        storage.write_bytes(storage.join(lists.uri, f"{kind}.manifest"), lines.encode())
        listed = [asdict(picture) for picture in source.pictures]
        storage.write_bytes(storage.join(lists.uri, f"{kind}.json"), json.dumps(listed).encode())
        progress.report("images", number, len(found))
    for kind in {TRAIN, TEST, TRIAL} - set(found):  # of a run before, with other pictures
        for name in (f"{kind}.manifest", f"{kind}.json"):
            storage.remove(storage.join(lists.uri, name))
    keep_rejects(rejects, lists.uri, context().place("rejects.csv"), item="file")


def _render(uri: str) -> dict[str, str]:
    """Render the brick scenes of the demo to `uri`; returns the manifests of the labelled ones."""
    from brume.inspection import demo

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bricks"
        demo.write_story(folder)
        storage.upload(folder, uri)
    manifest = "classification.manifest"  # the scenes have masks too; learning from them takes twice as long
    return {
        TRAIN: storage.join(uri, TRAIN, manifest),
        TEST: storage.join(uri, TEST, manifest),
    }


def _filled(arguments: Mapping[str, Any]) -> int | None:
    """Return 0 when the model that was trained on these lists is there: nothing else wants the datasets."""
    return 0 if train_model.stands(project=arguments["project"], lists=arguments["lists"]) else None


@stage("datasets", acts=True, instead=_filled)
def fill_datasets(project: str, lists: Dataset) -> int:
    """Create the project and its datasets, or add to those there are; returns how many entries they have."""
    lookout.create_project(project)
    count = 0
    for kind in (TRAIN, TEST):
        manifest = storage.join(lists.uri, f"{kind}.manifest")
        if storage.exists(manifest):
            lines = storage.read_bytes(manifest).decode().splitlines()
            count += lookout.fill_dataset(project, kind, lines)
    return count


def _trained(arguments: Mapping[str, Any], version: str) -> bool:
    return lookout.exists(arguments["project"], version)


@stage("training", outputs={"evaluation": "evaluation"}, runs=_TRAINING, holds=_trained)
def train_model(
    project: str,
    lists: Dataset,
    entries: Operational[int],
    run: Operational[str],
    timeout_minutes: Operational[int],
    evaluation: Artifact,
) -> str:
    """Train a model on the datasets of `lists` and wait for its end; returns its version.

    `entries` is how many the datasets have: this comes after they are filled.
    """
    # A local run that is started again after a kill takes over the training that it had begun on the same
    # lists.
    mark = context().key or run
    version = lookout.train(project, addresses.location(evaluation.uri), mark, timeout_minutes)
    described = lookout.describe(project, version)
    storage.write_bytes(
        storage.join(evaluation.uri, "model.json"), json.dumps(described, default=str).encode()
    )
    return version


@stage(
    "evaluation",
    outputs={
        "metrics": "work/metrics/inspection.json",
        "classification": "work/metrics/classification.json",
    },
)
def evaluate_model(
    project: str,
    version: str,
    evaluation: Artifact,
    metrics: Metrics,
    classification: ClassificationMetrics,
) -> None:
    """Evaluate the model by the service's own predictions for its test images."""
    from brume.inspection.pipeline import evaluation as evaluating

    model = json.loads(storage.read_bytes(storage.join(evaluation.uri, "model.json")))
    evaluated = evaluating.evaluate(evaluating.predictions(model))
    metrics.metadata.update(evaluating.headline(model, evaluated))
    classification.log_confusion_matrix(["normal", "anomaly"], evaluated.confusion)
    if evaluated.roc:
        classification.log_roc_curve(*evaluated.roc)


@stage("packaging", outputs={"bundle": "bundle"}, runs=_PACKAGING)
def package_model(
    project: str, version: str, evaluation: Artifact, timeout_minutes: Operational[int], bundle: Model
) -> None:
    """Make the bundle that a device runs, of the model that `evaluation` is of, and unpack it."""
    destination = addresses.location(bundle.uri + "-package")
    archive_uri = lookout.package(project, version, destination, timeout_minutes)
    with tempfile.TemporaryDirectory() as scratch:
        archive = storage.fetch(addresses.for_step(archive_uri), Path(scratch))
        with tarfile.open(archive) as tar:
            tar.extractall(Path(scratch) / "bundle", filter="data")
        storage.upload(Path(scratch) / "bundle", bundle.uri)


def _detected(arguments: Mapping[str, Any]) -> str | None:
    """Return the version when the last run's detections stand, and nothing else wants the model hosted."""
    read = {name: arguments[name] for name in ("project", "version", "lists", "trial", "evaluation")}
    wanted = arguments["deploy"] or not detect_anomalies.stands(**read)
    return None if wanted else str(arguments["version"])


@stage("hosting", acts=True, instead=_detected)
def host_model(
    project: str,
    version: str,
    lists: Dataset,
    trial: Dataset,
    evaluation: Artifact,
    run: str,
    timeout_minutes: int,
    units: int,
    deploy: bool,
) -> str:
    """Host the model and wait until it answers; returns its version."""
    lookout.start(project, version, units, run, timeout_minutes)
    return version


@stage("stopping", ends=True)
def stop_model(project: str, run: str, deploy: bool) -> None:
    """End the hosting that this run began, however it went, unless the model is to stay deployed."""
    if not deploy:
        lookout.stop(project, run)


@stage("detection", outputs={"detections": "detections.csv"}, runs=_DETECTION)
def detect_anomalies(
    project: str,
    version: str,
    lists: Dataset,
    trial: Dataset,
    evaluation: Artifact,
    detections: Dataset,
) -> None:
    """Send every test and trial picture to the hosted model, which `evaluation` is of."""
    rows = lookout.detect_all(
        project, version, [*pictures_of(lists.uri, TEST), *pictures_of(trial.uri, TRIAL)]
    )
    storage.write_bytes(detections.uri, _table(rows, lookout.DETECTION_COLUMNS))


@stage("report", outputs={"report": "report.html"})
def write_report(
    project: str,
    lists: Dataset,
    trial: Dataset,
    evaluation: Artifact,
    bundle: Model,
    detections: Dataset,
    report: HTML,
) -> None:
    """Write the report of the run, one self-contained page."""
    from brume.inspection.pipeline.report import build

    html = build(
        project=project,
        model=json.loads(storage.read_bytes(storage.join(evaluation.uri, "model.json"))),
        bundle_uri=bundle.uri,
        pictures=[*pictures_of(lists.uri, TRAIN, TEST), *pictures_of(trial.uri, TRIAL)],
        detections=read_table(detections.uri),
        rejects=read_rejects(storage.join(trial.uri, "rejects.csv")),
        **context().about(),
    )
    storage.write_bytes(report.uri, html.encode())


def pictures_of(lists_uri: str, *kinds: str) -> list[tuple[str, sources.Picture]]:
    """Return the listed pictures of these kinds, each with its kind."""
    found = []
    for kind in kinds:
        uri = storage.join(lists_uri, f"{kind}.json")
        if storage.exists(uri):
            found += [(kind, sources.Picture(**item)) for item in json.loads(storage.read_bytes(uri))]
    return found


def read_table(uri: str) -> list[dict[str, str]]:
    """Read a CSV file with a header."""
    return list(csv.DictReader(io.StringIO(storage.read_bytes(uri).decode())))


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator=os.linesep)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
