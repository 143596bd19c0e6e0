"""`brume inspection`: visual inspection from a terminal, by the engine's two services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from brume.inspection.pipeline import console_client, trial_commands
from brume.inspection.pipeline.console_client import Services
from brume.inspection.pipeline.status import InspectionError, wait_for_status
from brume.inspection.pipeline.uploads import content_type
from brume.run.failing import fail
from brume.run.terminal import number, percent, print_table, progress, waiting

PROJECT = click.argument("project")
VERSION = click.argument("version")
TIMEOUT = click.option(
    "--timeout", default=60.0, show_default=True, metavar="MINUTES", help="Give up waiting."
)
FOLDER = click.Path(path_type=Path)


class _Group(click.Group):
    """Reports an error in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        from brume.aws.client import NoEndpointError
        from brume.aws.wire.keys import KeysError

        try:
            return super().invoke(ctx)
        except ClientError as error:
            details = error.response.get("Error", {})
            fail(f"{details.get('Message') or details.get('Code')}")
        except (BotoCoreError, InspectionError, NoEndpointError, KeysError, OSError) as error:
            fail(" ".join(str(error).split()))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=FOLDER, help="Data folder of the engine on this machine.")
@click.pass_context
def inspection(context: click.Context, data: Path | None) -> None:
    """Visual inspection: datasets, training, trial detections and their verification, and the dashboard.

    The engine is the one that AWS_ENDPOINT_URL_LOOKOUTVISION and AWS_ENDPOINT_URL_BRUMEINSPECTION name or,
    without them, the one that runs on this machine.
    """
    context.obj = data


for _command in trial_commands.COMMANDS:
    inspection.add_command(_command)


def _services(context: click.Context) -> Services:
    return console_client.connect(context.obj)


@inspection.command()
@click.pass_context
def projects(context: click.Context) -> None:
    """List the projects with their newest model."""
    services = _services(context)
    rows = []
    for page in services.vision.get_paginator("list_projects").paginate():
        for found in page["Projects"]:
            name = found["ProjectName"]
            models = _models(services, name)
            newest = models[0] if models else {}
            f1 = newest.get("Performance", {}).get("F1Score")
            rows.append((name, newest.get("ModelVersion"), newest.get("Status"), number(f1)))
    print_table(
        ("PROJECT", ">MODEL", "STATE", ">F1"), rows, "There is no project: brume inspection create NAME"
    )


def _models(services: Services, project: str) -> list[dict[str, Any]]:
    """Return the models of a project, the newest first."""
    pages = services.vision.get_paginator("list_models").paginate(ProjectName=project)
    return sorted(
        (model for page in pages for model in page["Models"]),
        key=lambda model: int(model["ModelVersion"]),
        reverse=True,
    )


@inspection.command()
@PROJECT
@click.pass_context
def create(context: click.Context, project: str) -> None:
    """Create a project."""
    _services(context).vision.create_project(ProjectName=project)
    click.echo(f"{project}: add pictures with `brume inspection dataset {project} --images DIR`")


@inspection.command()
@PROJECT
@click.option(
    "--images", help="A local folder, which is sent to the engine, or s3://..., which the engine reads."
)
@click.option("--manifest", help="A manifest: a local file, or s3://..., which the engine reads.")
@click.option("--test", "kind", flag_value="test", help="The test dataset, not the training dataset.")
@TIMEOUT
@click.pass_context
def dataset(
    context: click.Context,
    project: str,
    images: str | None,
    manifest: str | None,
    kind: str | None,
    timeout: float,
) -> None:
    """Fill a dataset; without --images or --manifest, show its counts.

    Pictures of a folder are labelled by the name of their own folder: normal or anomaly. Those of a local
    folder are copied into the engine's data, so that it needs neither a mapping nor a bucket to read them.
    """
    services, kind = _services(context), kind or "train"
    if images and manifest:
        raise click.UsageError("give --images or --manifest, not both")
    address = images.rstrip("/") + "/" if images else manifest or ""
    if address.startswith("s3://"):
        console_client.register_dataset(services, project, kind, address, timeout)
    elif images:
        folder = Path(images)
        if not folder.is_dir():
            raise click.UsageError(f"--images: there is no folder {folder}")
        files, others = console_client.labelled(folder)
        with progress("sending") as report:
            refused = console_client.upload_dataset(services, project, kind, files, report)
        if others:
            click.echo(f"{others} pictures in no folder called normal or anomaly were left out", err=True)
        trial_commands.check_refused(refused, len(files))
    elif manifest:
        if not Path(manifest).is_file():
            raise click.UsageError(f"--manifest: there is no file {manifest}")
        console_client.send_manifest(services, project, kind, Path(manifest))
    found = services.vision.describe_dataset(ProjectName=project, DatasetType=kind)["DatasetDescription"]
    stats = found["ImageStats"]
    click.echo(
        f"{project}, {kind}: {stats['Total']} images, {stats['Normal']} normal, "
        f"{stats['Anomaly']} anomalous, {stats['Total'] - stats['Labeled']} unlabelled ({found['Status']})"
    )
    if found.get("StatusMessage"):
        click.echo(found["StatusMessage"])


@inspection.command()
@PROJECT
@click.option(
    "--output", default="", metavar="S3", help="Where the evaluation is written [the engine's data]."
)
@click.option("--description", default="", help="A note: letters, digits, . - and _.")
@click.option("--wait", "waits", is_flag=True, help="Wait until it is trained.")
@TIMEOUT
@click.pass_context
def train(
    context: click.Context, project: str, output: str, description: str, waits: bool, timeout: float
) -> None:
    """Train a new version on the training dataset as it is now."""
    services = _services(context)
    version = console_client.train(services, project, output, description)
    if not waits:
        click.echo(f"version {version} of {project} is being trained: brume inspection models {project}")
        return
    with waiting(f"training version {version}") as report:
        describe = console_client.model_description(services, project, version)
        found = wait_for_status(f"version {version} of {project}", describe, ("TRAINED",), timeout, report)
    scores = found.get("Performance", {})
    metrics = ", ".join(f"{label} {scores[name]:.3f}" for name, label in _SCORES.items() if name in scores)
    click.echo(f"version {version} of {project} is trained: {metrics}")
    if found.get("StatusMessage"):
        click.echo(found["StatusMessage"])


_SCORES = {"F1Score": "F1", "Precision": "precision", "Recall": "recall"}


@inspection.command()
@PROJECT
@click.pass_context
def models(context: click.Context, project: str) -> None:
    """List the versions of a project's model."""
    rows = []
    for model in _models(_services(context), project):
        scores = [number(model.get("Performance", {}).get(name)) for name in _SCORES]
        when = model["CreationTimestamp"].strftime("%Y-%m-%d %H:%M")
        rows.append((model["ModelVersion"], model["Status"], *scores, when, model.get("StatusMessage", "")))
    print_table((">VERSION", "STATE", ">F1", ">PRECISION", ">RECALL", "CREATED", ""), rows, "No model yet.")


@inspection.command()
@PROJECT
@VERSION
@click.option("--units", default=1, show_default=True, type=click.IntRange(1), help="Inference units.")
@click.option("--no-wait", is_flag=True)
@TIMEOUT
@click.pass_context
def start(
    context: click.Context, project: str, version: str, units: int, no_wait: bool, timeout: float
) -> None:
    """Start a version, so that it detects; waits until it does."""
    services = _services(context)
    services.vision.start_model(ProjectName=project, ModelVersion=version, MinInferenceUnits=units)
    _await(services, project, version, "HOSTED", "starting", 0 if no_wait else timeout)


@inspection.command()
@PROJECT
@VERSION
@click.option("--no-wait", is_flag=True)
@TIMEOUT
@click.pass_context
def stop(context: click.Context, project: str, version: str, no_wait: bool, timeout: float) -> None:
    """Stop a version."""
    services = _services(context)
    services.vision.stop_model(ProjectName=project, ModelVersion=version)
    _await(services, project, version, "TRAINED", "stopping", 0 if no_wait else timeout)


def _await(services: Services, project: str, version: str, wanted: str, words: str, minutes: float) -> None:
    if not minutes:
        click.echo(f"version {version} of {project} is {words}")
        return
    with waiting(f"{words} version {version}") as report:
        describe = console_client.model_description(services, project, version)
        wait_for_status(f"version {version} of {project}", describe, (wanted,), minutes, report)
    click.echo(f"version {version} of {project} is {wanted}")


@inspection.command()
@PROJECT
@VERSION
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.pass_context
def detect(context: click.Context, project: str, version: str, files: tuple[Path, ...]) -> None:
    """Detect anomalies in pictures with a started version."""
    services = _services(context)
    found: dict[str, tuple[object, ...]] = {}

    def one(data: bytes, name: str) -> None:
        answer = services.vision.detect_anomalies(
            ProjectName=project, ModelVersion=version, Body=data, ContentType=content_type(data)
        )["DetectAnomalyResult"]
        kinds = [item["Name"] for item in answer.get("Anomalies", []) if item["Name"] != "background"]
        found[name] = (
            name,
            trial_commands.prediction(answer["IsAnomalous"]),
            percent(answer["Confidence"]),
            ", ".join(kinds),
        )

    chosen = [
        (path, str(file / name) if file.is_dir() else str(file))
        for file in files
        for path, name in console_client.pictures(file)
    ]
    with progress("detecting") as report:
        refused = console_client.send(chosen, one, report)
    print_table(
        ("PICTURE", "PREDICTION", ">CONFIDENCE", "FOUND"),
        [found[name] for _, name in chosen if name in found],
    )
    trial_commands.check_refused(refused, len(chosen))
