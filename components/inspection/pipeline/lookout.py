"""The pipeline's requests to Lookout for Vision, through the AWS SDK alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from brume import storage
from brume.aws.client import client
from brume.inspection.pipeline.sources import Picture
from brume.inspection.pipeline.status import wait_for_status
from brume.inspection.pipeline.uploads import content_type, parts
from brume.run import progress
from brume.run.names import run_id

DETECTION_COLUMNS = ("set", "name", "uri", "truth", "anomalous", "confidence", "anomalies", "error")
_RUN = "brume:run"  # the tag that names the run that hosts a model
_DATASET_MINUTES = 30
_TRAINED = ("TRAINED", "STARTING_HOSTING", "HOSTED", "HOSTING_FAILED", "STOPPING_HOSTING")


def create_project(project: str) -> None:
    """Create a project; one of that name that is there is used."""
    lookout = client("lookoutvision")
    _unless_there(lookout, lambda: lookout.create_project(ProjectName=project))


def fill_dataset(project: str, kind: str, lines: Sequence[str]) -> int:
    """Put manifest lines into the train or test dataset of a project; returns how many entries it has then.

    A line replaces the entry with its source-ref. Raises `InspectionError` with the service's message
    when it refuses them.
    """
    lookout = client("lookoutvision")
    _unless_there(lookout, lambda: lookout.create_dataset(ProjectName=project, DatasetType=kind))
    description = _dataset_ready(project, kind)
    for part in parts("\n".join(lines).encode()):
        lookout.update_dataset_entries(ProjectName=project, DatasetType=kind, Changes=part)
        description = _dataset_ready(project, kind)
    return int(description["ImageStats"]["Total"])


def _dataset_ready(project: str, kind: str) -> dict[str, Any]:
    lookout = client("lookoutvision")

    def describe_it() -> dict[str, Any]:
        return dict(lookout.describe_dataset(ProjectName=project, DatasetType=kind)["DatasetDescription"])

    wanted = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    return wait_for_status(f"the {kind} dataset of {project}", describe_it, wanted, _DATASET_MINUTES)


def train(project: str, output: dict[str, str], run: str, minutes: int) -> str:
    """Train a model of a project; returns its version. One that this `run` began before is waited for."""
    lookout = client("lookoutvision")
    version = next((found for found in _models(project, run) if found["Status"] == "TRAINING"), None)
    if version is None:
        version = lookout.create_model(
            ProjectName=project,
            OutputConfig={"S3Location": output},
            Tags=[{"Key": _RUN, "Value": _tag(run)}],
        )["ModelMetadata"]
    trained = _wait(project, version["ModelVersion"], ("TRAINED",), minutes, "training")
    return str(trained["ModelVersion"])


def _wait(project: str, version: str, wanted: tuple[str, ...], minutes: int, stage: str) -> dict[str, Any]:
    return wait_for_status(
        f"model {version} of {project}",
        lambda: describe(project, version),
        wanted,
        minutes,
        lambda message: progress.report(stage, 0, 1, note=message),
    )


def describe(project: str, version: str) -> dict[str, Any]:
    """Return the service's description of a model."""
    found = client("lookoutvision").describe_model(ProjectName=project, ModelVersion=version)
    description: dict[str, Any] = found["ModelDescription"]
    return description


def exists(project: str, version: str) -> bool:
    """Return whether the service still has this version of a model, trained."""
    lookout = client("lookoutvision")
    try:
        return str(describe(project, version)["Status"]) in _TRAINED
    except lookout.exceptions.ResourceNotFoundException:
        return False


def package(project: str, version: str, output: dict[str, str], minutes: int) -> str:
    """Package a model for devices; returns the s3:// address of the archive."""
    lookout = client("lookoutvision")
    component = f"{project}-{version}"[-128:]
    job = lookout.start_model_packaging_job(
        ProjectName=project,
        ModelVersion=version,
        Configuration={
            "Greengrass": {
                "S3OutputLocation": output,
                "ComponentName": component,
                "TargetPlatform": {"Os": "LINUX", "Arch": "ARM64"},
            }
        },
    )["JobName"]

    def describe_it() -> dict[str, Any]:
        found = lookout.describe_model_packaging_job(ProjectName=project, JobName=job)
        return dict(found["ModelPackagingDescription"])

    wait_for_status(f"packaging job {job} of {project}", describe_it, ("SUCCEEDED",), minutes)
    return f"s3://{output['Bucket']}/{output['Prefix']}{component}.tar.gz"


def start(project: str, version: str, units: int, run: str, minutes: int) -> None:
    """Host a model and wait until it answers; it is marked as hosted by `run`.

    One whose hosting is just ending, or starting, is waited for first.
    """
    lookout = client("lookoutvision")
    description = _wait(project, version, ("TRAINED", "HOSTED", "HOSTING_FAILED"), minutes, "hosting")
    lookout.tag_resource(ResourceArn=description["ModelArn"], Tags=[{"Key": _RUN, "Value": _tag(run)}])
    if description["Status"] != "HOSTED":
        lookout.start_model(ProjectName=project, ModelVersion=version, MinInferenceUnits=units)
    _wait(project, version, ("HOSTED",), minutes, "hosting")


def stop(project: str, run: str) -> None:
    """End the hosting of the models that `run` hosts; nothing to stop is no error."""
    lookout = client("lookoutvision")
    for found in _models(project, run):
        if found["Status"] in ("HOSTED", "STARTING_HOSTING"):
            lookout.stop_model(ProjectName=project, ModelVersion=found["ModelVersion"])


def detect_all(
    project: str, version: str, pictures: Sequence[tuple[str, Picture]], at_once: int = 4
) -> list[dict[str, Any]]:
    """Send pictures to a hosted model, `at_once` at a time; returns a row of DETECTION_COLUMNS for each.

    A picture that the service refuses gets its message in `error`.
    """
    rows: list[dict[str, Any]] = []
    with ThreadPoolExecutor(at_once) as pool:
        for row in pool.map(lambda item: _detect(project, version, *item), pictures):
            rows.append(row)
            progress.report("detection", len(rows), len(pictures))
    return rows


def _detect(project: str, version: str, kind: str, picture: Picture) -> dict[str, Any]:
    lookout = client("lookoutvision")
    data = storage.read_bytes(picture.uri)
    truth = "" if picture.anomalous is None else "anomaly" if picture.anomalous else "normal"
    row: dict[str, Any] = {"set": kind, "name": picture.name, "uri": picture.uri, "truth": truth}
    try:
        answer = lookout.detect_anomalies(
            ProjectName=project, ModelVersion=version, Body=data, ContentType=content_type(data)
        )["DetectAnomalyResult"]
    except lookout.exceptions.ValidationException as error:
        return row | {"error": error.response["Error"]["Message"]}
    found = [item["Name"] for item in answer.get("Anomalies", []) if item["Name"] != "background"]
    return row | {
        "anomalous": "yes" if answer["IsAnomalous"] else "no",
        "confidence": f"{answer['Confidence']:.6f}",
        "anomalies": ";".join(found),
    }


def _models(project: str, run: str) -> list[dict[str, Any]]:
    """Return the models of a project that carry the tag of a run; none where there is no such project."""
    lookout = client("lookoutvision")
    pages = lookout.get_paginator("list_models").paginate(ProjectName=project)
    wanted = {"Key": _RUN, "Value": _tag(run)}
    try:
        models = [found for page in pages for found in page["Models"]]
    except lookout.exceptions.ResourceNotFoundException:
        return []
    return [
        found
        for found in models
        if wanted in lookout.list_tags_for_resource(ResourceArn=found["ModelArn"])["Tags"]
    ]


def _tag(run: str) -> str:
    """Return a run's id with the characters that a tag may have, the end of it where it is too long.

    Raises `ValueError` for a placeholder that was not filled in.
    """
    letters = (letter if letter.isalnum() or letter in " _.:/=+-@" else "_" for letter in run_id(run))
    return "".join(letters)[-256:]


def _unless_there(lookout: Any, call: Callable[[], Any]) -> None:
    try:
        call()
    except lookout.exceptions.ConflictException:
        return
