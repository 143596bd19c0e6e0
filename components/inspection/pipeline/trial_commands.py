"""`brume inspection`: trials, verdicts, comparisons, thresholds and the dashboard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from brume.inspection.pipeline import console_client
from brume.inspection.pipeline.console_client import Services
from brume.inspection.pipeline.status import InspectionError, wait_for_status
from brume.inspection.pipeline.uploads import content_type, label_of
from brume.run.terminal import number, percent, print_table, progress, waiting

PROJECT = click.argument("project")
VERSION = click.argument("version")
TRIAL = click.argument("identity", metavar="TRIAL")
TIMEOUT = click.option(
    "--timeout", default=60.0, show_default=True, metavar="MINUTES", help="Give up waiting."
)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _services(context: click.Context) -> Services:
    return console_client.connect(context.obj)


def prediction(anomalous: bool) -> str:
    """Return the word for a prediction."""
    return "anomaly" if anomalous else "normal"


def check_refused(refused: Sequence[tuple[str, str]], total: int) -> None:
    """Print which pictures were refused, and why; raises `InspectionError` when there are some."""
    for name, message in refused:
        click.echo(f"brume: {name}: {message}", err=True)
    if refused:
        raise InspectionError(f"{len(refused)} of {total} pictures were not taken")


@click.command()
@PROJECT
@VERSION
@click.argument("folder")
@click.option("--name", help="A name for the trial.")
@TIMEOUT
@click.pass_context
def trial(
    context: click.Context, project: str, version: str, folder: str, name: str | None, timeout: float
) -> None:
    """Detect anomalies in pictures that are in no dataset.

    FOLDER is on this machine, or s3://... that the engine reads.
    """
    services = _services(context)
    remote = folder.startswith("s3://")
    files = [] if remote else console_client.pictures(Path(folder))
    more = {"Name": name} if name else {}
    more |= {"Source": folder} if remote else {}
    made = services.console.create_trial(ProjectName=project, ModelVersion=version, **more)["Trial"]
    identity = made["TrialId"]

    def one(data: bytes, path: str) -> None:
        services.console.detect_trial_image(
            TrialId=identity, Name=path, ContentType=content_type(data), Body=data
        )

    if remote:
        with waiting("detecting") as report:
            wait_for_status(
                f"trial {identity}", lambda: _trial(services, identity), ("READY",), timeout, report
            )
    else:
        with progress("detecting") as count:
            check_refused(console_client.send(files, one, count), len(files))
    _print_trial(services, identity)
    click.echo(f"Verify it: brume inspection verify {identity}")


def _trial(services: Services, identity: str) -> dict[str, Any]:
    return dict(services.console.describe_trial(TrialId=identity)["Trial"])


def _print_trial(services: Services, identity: str) -> None:
    found = _trial(services, identity)
    counts = found["Counts"]
    for result in console_client.results(services, identity, Status="REJECTED"):
        click.echo(f"brume: {result['Name']}: {result['StatusMessage']}", err=True)
    click.echo(
        f"trial {identity} of {found['ProjectName']}, version {found['ModelVersion']}: "
        f"{counts['Total']} pictures, {counts['Anomalous']} anomalous, {counts['Rejected']} rejected, "
        f"{counts['Correct']} verified correct, {counts['Incorrect']} incorrect, {counts['Added']} added"
    )


@click.command()
@TRIAL
@click.option("--correct", multiple=True, metavar="NAME", help="The model is right on this picture.")
@click.option("--incorrect", multiple=True, metavar="NAME", help="The model is wrong on this picture.")
@click.option("--by-folder", is_flag=True, help="The folders normal and anomaly in the names are the truth.")
@click.pass_context
def verify(
    context: click.Context,
    identity: str,
    correct: tuple[str, ...],
    incorrect: tuple[str, ...],
    by_folder: bool,
) -> None:
    """Verify a trial's predictions; without options, print the address of the page for it.

    --correct and --incorrect may be repeated.
    """
    services = _services(context)
    if not (correct or incorrect or by_folder):
        _trial(services, identity)
        click.echo(console_client.page(context.obj, f"trials/{identity}/verify"))
        return
    results = {
        result["Name"]: result for result in console_client.results(services, identity, Status="DETECTED")
    }
    wanted = dict.fromkeys(correct, "CORRECT") | dict.fromkeys(incorrect, "INCORRECT")
    if twice := set(correct) & set(incorrect):
        raise InspectionError(f"{min(twice)} cannot be both correct and incorrect")
    if unknown := set(wanted) - set(results):
        raise InspectionError(
            f"trial {identity} has no picture {min(unknown)}: the names are those of the trial"
        )
    if by_folder:
        for name, result in results.items():
            anomalous = label_of(name)
            if anomalous is not None and name not in wanted:
                right = anomalous == result["IsAnomalous"]
                wanted[name] = "CORRECT" if right else "INCORRECT"
        if not wanted:
            raise InspectionError(f"no picture of trial {identity} lies in a folder called normal or anomaly")
    for name, verdict in wanted.items():
        if results[name]["Verdict"] != verdict:
            services.console.verify_trial_result(
                TrialId=identity, ResultId=results[name]["ResultId"], Verdict=verdict
            )
    _print_trial(services, identity)


@click.command()
@TRIAL
@click.option("--dataset", "kind", type=click.Choice(["train", "test"]), default="train", show_default=True)
@click.pass_context
def add(context: click.Context, identity: str, kind: str) -> None:
    """Add a trial's verified pictures to a dataset, each with the label that its verdict implies."""
    answer = _services(context).console.add_verified_to_dataset(TrialId=identity, DatasetType=kind)
    click.echo(
        f"{answer['Added']} pictures added to the {kind} dataset of {answer['ProjectName']}, "
        f"{answer['AlreadyAdded']} were there, {answer['Unverified']} are not verified"
    )


@click.command()
@click.argument("project", required=False)
@click.pass_context
def trials(context: click.Context, project: str | None) -> None:
    """List the trials, the newest first."""
    more = {"ProjectName": project} if project else {}
    rows = []
    for page in _services(context).console.get_paginator("list_trials").paginate(**more):
        for found in page["Trials"]:
            counts = found["Counts"]
            verified = f"{counts['Correct'] + counts['Incorrect']} of {counts['Detected']}"
            rows.append(
                (
                    found["TrialId"],
                    found["Name"],
                    found["ProjectName"],
                    found["ModelVersion"],
                    found["Status"],
                    counts["Total"],
                    counts["Anomalous"],
                    verified,
                )
            )
    columns = ("TRIAL", "NAME", "PROJECT", ">VERSION", "STATE", ">PICTURES", ">ANOMALOUS", ">VERIFIED")
    print_table(columns, rows, "There is no trial: brume inspection trial PROJECT VERSION FOLDER")


@click.command()
@PROJECT
@click.argument("versions", nargs=-1, required=True)
@TIMEOUT
@click.pass_context
def compare(context: click.Context, project: str, versions: tuple[str, ...], timeout: float) -> None:
    """Compare versions on pictures that none of them was trained on."""
    services = _services(context)
    if len(versions) < 2:
        raise click.UsageError("name two to four versions")

    def describe() -> dict[str, Any]:
        return dict(services.console.compare_models(ProjectName=project, ModelVersions=list(versions)))

    with waiting("comparing") as report:
        found = wait_for_status("the comparison", describe, ("COMPLETE",), timeout, report)
    click.echo(f"On {found['Images']} pictures: {found['Basis']}. {found.get('StatusMessage', '')}".rstrip())
    columns = (
        ">VERSION",
        ">F1",
        ">PRECISION",
        ">RECALL",
        ">AUROC",
        ">MISSED",
        ">FALSE ALARMS",
        ">THRESHOLD",
        "DETECTOR",
    )
    scores = ("F1Score", "Precision", "Recall", "AreaUnderCurve")
    rows = [
        (
            model["ModelVersion"],
            *(number(model.get(name)) for name in scores),
            model["Counts"]["MissedAnomalies"],
            model["Counts"]["FalseAlarms"],
            number(model["Threshold"]),
            model["Detector"],
        )
        for model in found["Models"]
    ]
    print_table(columns, rows)
    click.echo(f"\nThey differ on {len(found.get('Differences', []))} pictures.")
    differences = [
        (picture["Name"], picture["TrueLabel"].lower(), *map(_prediction, picture["Predictions"]))
        for picture in found.get("Differences", [])
    ]
    if differences:
        print_table(("PICTURE", "IT IS", *(f"VERSION {version}" for version in versions)), differences)


def _prediction(item: dict[str, Any]) -> str:
    return f"{prediction(item['IsAnomalous'])} {percent(item['Confidence'])}"


@click.command()
@PROJECT
@VERSION
@click.option(
    "--value", type=click.FloatRange(0, 1), help="The probability from which a picture is anomalous."
)
@click.option("--miss-cost", type=click.FloatRange(0), help="Cost of a missed anomaly.")
@click.option("--false-alarm-cost", type=click.FloatRange(0), help="Cost of a false alarm.")
@click.pass_context
def threshold(
    context: click.Context,
    project: str,
    version: str,
    value: float | None,
    miss_cost: float | None,
    false_alarm_cost: float | None,
) -> None:
    """Show a version's threshold, or set it: to a value, or to what costs least. Nothing is trained."""
    services, model = _services(context), {"ProjectName": project, "ModelVersion": version}
    given = {"Threshold": value, "MissCost": miss_cost, "FalseAlarmCost": false_alarm_cost}
    chosen = {name: amount for name, amount in given.items() if amount is not None}
    if chosen:
        answer = services.console.update_model_threshold(**model, **chosen)
        now, point = answer["Threshold"], answer["Expected"]
    else:
        answer = services.console.get_model_evaluation(**model)
        now, point = answer["Threshold"], answer["Current"]
    click.echo(f"threshold {now:.3f}")
    scores = {"F1Score": "F1", "Precision": "precision", "Recall": "recall", "FalseAlarmRate": "false alarms"}
    metrics = ", ".join(f"{label} {point[name]:.3f}" for name, label in scores.items() if name in point)
    click.echo(f"by the training pictures, each scored by a model that was not trained on it: {metrics}")


@click.command()
@click.option("--project", help="Only this project.")
@click.option("--since", default="24h", show_default=True, help="How far back: 90m, 24h, 7d, 4w, or a date.")
@click.pass_context
def dashboard(context: click.Context, project: str | None, since: str) -> None:
    """Show what was processed and how much of it was anomalous, for each project."""
    more = {"ProjectName": project} if project else {}
    answer = _services(context).console.get_dashboard(Since=_moment(since), **more)
    rows = [_activity(item["ProjectName"], item) for item in answer.get("Projects", [])]
    print_table(("PROJECT", ">PROCESSED", ">ANOMALIES", ">RATIO"), [*rows, _activity("all", answer["Total"])])
    for alarm in answer.get("Alarms", []):
        sign = "drift" if alarm["Active"] else "earlier drift"
        click.echo(f"{sign}: {alarm['ProjectName']}, version {alarm['ModelVersion']}: {alarm['Message']}")


def _activity(name: str, item: dict[str, Any]) -> tuple[object, ...]:
    return name, item["Processed"], item["Anomalous"], percent(item.get("AnomalyRatio"))


def _moment(text: str) -> datetime:
    match = re.fullmatch(r"(\d+)([mhdw])", text)
    if match:
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--since {text} is neither a time such as 24h or 7d nor a date") from None
    return found if found.tzinfo else found.astimezone()


@click.command()
@click.pass_context
def console(context: click.Context) -> None:
    """Print the address that opens the web page of the engine on this machine; it works once."""
    click.echo(console_client.page(context.obj))


COMMANDS = (trial, trials, verify, add, compare, threshold, dashboard, console)
