"""What each step of the inspection pipeline does, in order: the inputs it reads and the files it leaves.

The steps in `steps.py` are thin wrappers of these functions. The service is asked through
`brume.aws.client("lookoutvision")` alone, in `service.py`.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from brume import storage
from brume.aws import addresses
from brume.inspection.pipeline import lookout, sources
from brume.run import progress
from brume.run.step import Artifact, Output, Step

TRAIN, TEST, TRIAL = "train", "test", "trial"


def images(images: str, test_images: str, trial_images: str, scenes: Artifact, lists: Artifact) -> None:
    """Look through all pictures and list those that can be used; without `images`, render brick scenes."""
    named = {TRAIN: images, TEST: test_images, TRIAL: trial_images}
    given = {kind: storage.absolute(uri) for kind, uri in named.items() if uri}
    step = Step(
        "images",
        inputs=list(given.values()),
        parameters={"given": sorted(given)},
        outputs=[Output(scenes, "images"), Output(lists, "work/lists")],
    )

    def work() -> None:
        places = given if TRAIN in given else given | _render(scenes.uri)
        rejects: list[sources.Reject] = []
        for number, (kind, uri) in enumerate(places.items(), start=1):
            source = sources.read(uri, labelled=kind != TRIAL)
            rejects += source.rejects
            lines = "\n".join(source.lines) + "\n"
            storage.write_bytes(storage.join(lists.uri, f"{kind}.manifest"), lines.encode())
            listed = [asdict(picture) for picture in source.pictures]
            storage.write_bytes(storage.join(lists.uri, f"{kind}.json"), json.dumps(listed).encode())
            progress.report("images", number, len(places))
        table = _table([asdict(reject) for reject in rejects], ["file", "reason"])
        storage.write_bytes(storage.join(lists.uri, "rejects.csv"), table)
        if place := step.place("rejects.csv"):
            storage.write_bytes(place, table)

    step.run(work)


def _render(uri: str) -> dict[str, str]:
    """Render the brick scenes of the demo to `uri`; returns the folder of each kind of pictures."""
    from brume.inspection import demo

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bricks"
        demo.write_story(folder)
        storage.upload(folder, uri)
    manifest = "classification.manifest"  # the scenes have masks too; learning from them takes twice as long
    return {
        TRAIN: storage.join(uri, TRAIN, manifest),
        TEST: storage.join(uri, TEST, manifest),
        TRIAL: storage.join(uri, TRIAL),
    }


def datasets(project: str, lists: Artifact) -> int:
    """Create the project and its datasets, or add to those there are; returns how many entries they have."""
    step = Step("datasets", inputs=[lists.uri], parameters={"project": project}, outputs=[])

    def work() -> int:
        lookout.create_project(project)
        count = 0
        for kind in (TRAIN, TEST):
            manifest = storage.join(lists.uri, f"{kind}.manifest")
            if storage.exists(manifest):
                lines = storage.read_bytes(manifest).decode().splitlines()
                count += lookout.fill_dataset(project, kind, lines)
        return count

    entries: int = step.run(work)
    return entries


def train(project: str, entries: int, run: str, minutes: int, evaluation: Artifact) -> str:
    """Train a model and wait for its end; returns its version."""
    step = Step(
        "training",
        parameters={"project": project, "entries": entries},
        outputs=[Output(evaluation, "evaluation")],
    )

    def work() -> str:
        output = addresses.location(evaluation.uri)
        # A local run that is started again after a kill takes over the training that it had begun.
        version = lookout.train(project, output, step.place(".") or run, minutes)
        described = lookout.describe(project, version)
        storage.write_bytes(
            storage.join(evaluation.uri, "model.json"), json.dumps(described, default=str).encode()
        )
        return version

    version: str = step.run(work)
    return version


def evaluate(
    project: str, version: str, evaluation: Artifact, metrics: Artifact, classification: Any
) -> None:
    """Judge the model by the service's own predictions for its test images."""
    from brume.inspection.pipeline import evaluation as judging

    model_uri = storage.join(evaluation.uri, "model.json")
    step = Step(
        "evaluation",
        inputs=[model_uri],
        parameters={"project": project, "version": version},
        outputs=[
            Output(metrics, "work/metrics/inspection.json"),
            Output(classification, "work/metrics/classification.json"),
        ],
    )

    def work() -> None:
        model = json.loads(storage.read_bytes(model_uri))
        judged = judging.judge(judging.predictions(model))
        metrics.metadata.update(judging.headline(model, judged))
        classification.log_confusion_matrix(["normal", "anomaly"], judged.confusion)
        if judged.roc:
            classification.log_roc_curve(*judged.roc)

    step.run(work)


def package(project: str, version: str, minutes: int, bundle: Artifact) -> None:
    """Make the bundle that a device runs, and unpack it."""
    step = Step(
        "packaging", parameters={"project": project, "version": version}, outputs=[Output(bundle, "bundle")]
    )

    def work() -> None:
        archive_uri = lookout.package(project, version, addresses.location(bundle.uri + "-package"), minutes)
        with tempfile.TemporaryDirectory() as scratch:
            archive = storage.fetch(addresses.for_step(archive_uri), Path(scratch))
            with tarfile.open(archive) as tar:
                tar.extractall(Path(scratch) / "bundle", filter="data")
            storage.upload(Path(scratch) / "bundle", bundle.uri)

    step.run(work)


def host(
    project: str, version: str, lists: Artifact, run: str, minutes: int, units: int, deploy: bool
) -> str:
    """Host the model, unless nothing is left to ask it; returns its version once it answers."""
    nowhere = SimpleNamespace(uri="", metadata={})
    if deploy or not _detection(project, version, lists, nowhere).reusable():
        Step("hosting", parameters={}, outputs=[]).run(
            lambda: lookout.start(project, version, units, run, minutes)
        )
    return version


def stop(project: str, run: str, deploy: bool) -> None:
    """End the hosting that this run began, unless the model is to stay deployed."""
    if not deploy:
        lookout.stop(project, run)


def _detection(project: str, version: str, lists: Artifact, detections: Artifact) -> Step:
    return Step(
        "detection",
        inputs=[lists.uri],
        parameters={"project": project, "version": version},
        outputs=[Output(detections, "detections.csv")],
    )


def detect(project: str, version: str, lists: Artifact, detections: Artifact) -> None:
    """Send every test and trial picture to the hosted model."""
    step = _detection(project, version, lists, detections)

    def work() -> None:
        rows = lookout.detect_all(project, version, pictures_of(lists.uri))
        storage.write_bytes(detections.uri, _table(rows, lookout.DETECTION_COLUMNS))

    step.run(work)


def report(
    project: str,
    version: str,
    lists: Artifact,
    evaluation: Artifact,
    bundle: Artifact,
    detections: Artifact,
    page: Artifact,
) -> None:
    """Write the report of the run: one self-contained HTML page."""
    from brume.inspection.pipeline import report as reporting

    inputs = [storage.join(evaluation.uri, "model.json"), bundle.uri, detections.uri, lists.uri]
    step = Step(
        "report",
        inputs=inputs,
        parameters={"project": project, "version": version},
        outputs=[Output(page, "report.html")],
    )

    def work() -> None:
        run = step.run_record()
        html = reporting.build(
            project=project,
            model=json.loads(storage.read_bytes(inputs[0])),
            bundle_uri=bundle.uri,
            pictures=pictures_of(lists.uri, TRAIN, TEST, TRIAL),
            detections=read_table(detections.uri),
            rejects=read_table(storage.join(lists.uri, "rejects.csv")),
            parameters=run.get("parameters") or {},
            timings=step.timings(),
            versions=run.get("versions") or {},
            facts=[fact for fact in (run.get("started"), platform.node()) if fact],
        )
        storage.write_bytes(page.uri, html.encode())

    step.run(work)


def pictures_of(lists_uri: str, *kinds: str) -> list[tuple[str, sources.Picture]]:
    """Return the listed pictures of these kinds (test and trial, if none is named), each with its kind."""
    found = []
    for kind in kinds or (TEST, TRIAL):
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
