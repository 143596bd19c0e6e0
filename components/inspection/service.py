"""What the pipeline asks the service for: each function is one errand, through the AWS SDK alone.

Every wait ends on each state that the service can stay in, and after the given minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from components import progress, storage
from components.aws.client import client
from components.inspection.sources import Picture

DETECTION_COLUMNS = ("set", "name", "uri", "truth", "anomalous", "confidence", "anomalies", "error")
_RUN = "brume:run"  # the tag that says which run hosts a model
_SECONDS_BETWEEN_LOOKS = 1.0
_BYTES_PER_UPDATE = 4 << 20  # UpdateDatasetEntries takes 10 MiB
_AT_ONCE = 4
_DATASET_MINUTES = 30
_CONTENT_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class ServiceFailedError(RuntimeError):
    """The service ended in a state that is not the wanted one, or not in time; the message has its reason."""


def create_project(project: str) -> None:
    """Create a project; one of that name that is there is used."""
    lookout = client("lookoutvision")
    _unless_there(lookout, lambda: lookout.create_project(ProjectName=project))


def fill_dataset(project: str, kind: str, lines: Sequence[str]) -> int:
    """Put manifest lines into the train or test dataset of a project; returns how many entries it has then.

    A line replaces the entry with its source-ref. Raises `ServiceFailedError` with the service's message
    when it refuses them.
    """
    lookout = client("lookoutvision")
    _unless_there(lookout, lambda: lookout.create_dataset(ProjectName=project, DatasetType=kind))
    description = _dataset_ready(project, kind)
    for part in _parts(lines):
        lookout.update_dataset_entries(ProjectName=project, DatasetType=kind, Changes=part)
        description = _dataset_ready(project, kind)
    return int(description["ImageStats"]["Total"])


def _parts(lines: Sequence[str]) -> Iterator[bytes]:
    part: list[bytes] = []
    size = 0
    for line in lines:
        data = line.encode() + b"\n"
        if part and size + len(data) > _BYTES_PER_UPDATE:
            yield b"".join(part)
            part, size = [], 0
        part.append(data)
        size += len(data)
    if part:
        yield b"".join(part)


def _dataset_ready(project: str, kind: str) -> dict[str, Any]:
    lookout = client("lookoutvision")

    def look() -> tuple[str, dict[str, Any]]:
        found = lookout.describe_dataset(ProjectName=project, DatasetType=kind)["DatasetDescription"]
        return found["Status"], found

    return _wait(
        f"the {kind} dataset of {project}", look, ("CREATE_COMPLETE", "UPDATE_COMPLETE"), _DATASET_MINUTES
    )


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
    return str(_trained(project, version["ModelVersion"], minutes)["ModelVersion"])


def _trained(project: str, version: str, minutes: int) -> dict[str, Any]:
    return _wait(
        f"model {version} of {project}",
        lambda: _state(project, version),
        ("TRAINED",),
        minutes,
        stage="training",
    )


def describe(project: str, version: str) -> dict[str, Any]:
    """Return the service's description of a model."""
    found = client("lookoutvision").describe_model(ProjectName=project, ModelVersion=version)
    description: dict[str, Any] = found["ModelDescription"]
    return description


def package(project: str, version: str, output: dict[str, str], minutes: int) -> str:
    """Package a model for devices; returns the s3:// address of the archive."""
    lookout = client("lookoutvision")
    job = lookout.start_model_packaging_job(
        ProjectName=project,
        ModelVersion=version,
        Configuration={
            "Greengrass": {
                "S3OutputLocation": output,
                "ComponentName": f"{project}-{version}"[:128],
                "TargetPlatform": {"Os": "LINUX", "Arch": "ARM64"},
            }
        },
    )["JobName"]

    def look() -> tuple[str, dict[str, Any]]:
        found = lookout.describe_model_packaging_job(ProjectName=project, JobName=job)
        return found["ModelPackagingDescription"]["Status"], found["ModelPackagingDescription"]

    _wait(f"packaging job {job} of {project}", look, ("SUCCEEDED",), minutes)
    return f"s3://{output['Bucket']}/{output['Prefix']}{project}-{version}.tar.gz"


def start(project: str, version: str, units: int, run: str, minutes: int) -> None:
    """Host a model and wait until it answers; it is marked as hosted by `run`."""
    lookout = client("lookoutvision")
    description = describe(project, version)
    lookout.tag_resource(ResourceArn=description["ModelArn"], Tags=[{"Key": _RUN, "Value": _tag(run)}])
    if description["Status"] != "HOSTED":
        lookout.start_model(ProjectName=project, ModelVersion=version, MinInferenceUnits=units)
    _wait(
        f"model {version} of {project}",
        lambda: _state(project, version),
        ("HOSTED",),
        minutes,
        stage="hosting",
    )


def stop(project: str, run: str) -> None:
    """End the hosting of the models that `run` hosts; nothing to stop is no error."""
    lookout = client("lookoutvision")
    for found in _models(project, run):
        if found["Status"] in ("HOSTED", "STARTING_HOSTING"):
            lookout.stop_model(ProjectName=project, ModelVersion=found["ModelVersion"])


def detect_all(project: str, version: str, pictures: Sequence[tuple[str, Picture]]) -> list[dict[str, Any]]:
    """Send pictures to a hosted model, a few at a time; returns a row of DETECTION_COLUMNS for each.

    A picture that the service refuses gets its message in `error`.
    """
    rows: list[dict[str, Any]] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for row in pool.map(lambda item: _detect(project, version, *item), pictures):
            rows.append(row)
            progress.report("detection", len(rows), len(pictures))
    return rows


def _detect(project: str, version: str, kind: str, picture: Picture) -> dict[str, Any]:
    lookout = client("lookoutvision")
    data = storage.read_bytes(picture.uri)
    truth = "" if picture.anomalous is None else "anomaly" if picture.anomalous else "normal"
    row: dict[str, Any] = {"set": kind, "name": picture.name, "uri": picture.uri, "truth": truth}
    content = next((name for start, name in _CONTENT_TYPES.items() if data.startswith(start)), "image/jpeg")
    try:
        answer = lookout.detect_anomalies(
            ProjectName=project, ModelVersion=version, Body=data, ContentType=content
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
    """Return the models of a project that carry the tag of a run."""
    lookout = client("lookoutvision")
    pages = lookout.get_paginator("list_models").paginate(ProjectName=project)
    wanted = {"Key": _RUN, "Value": _tag(run)}
    return [
        found
        for page in pages
        for found in page["Models"]
        if wanted in lookout.list_tags_for_resource(ResourceArn=found["ModelArn"])["Tags"]
    ]


def _tag(run: str) -> str:
    """Return a run's name with the characters that a tag may have, its end first in importance."""
    return "".join(letter if letter.isalnum() or letter in " _.:/=+-@" else "_" for letter in run)[-256:]


def _state(project: str, version: str) -> tuple[str, dict[str, Any]]:
    description = describe(project, version)
    return description["Status"], description


def _unless_there(lookout: Any, call: Callable[[], Any]) -> None:
    try:
        call()
    except lookout.exceptions.ConflictException:
        return


def _wait(
    what: str,
    look: Callable[[], tuple[str, dict[str, Any]]],
    wanted: Sequence[str],
    minutes: int,
    stage: str = "",
) -> dict[str, Any]:
    """Look until the state is a wanted one; raise once it is one that nothing follows, or time is over."""
    until = time.monotonic() + 60 * minutes
    while True:
        state, found = look()
        message = found.get("StatusMessage", "")
        if state in wanted:
            return found
        if "FAILED" in state or state in ("DELETING", "DELETE_IN_PROGRESS", "STOPPING_HOSTING"):
            raise ServiceFailedError(f"{what} is {state}: {message}")
        if time.monotonic() > until:
            raise ServiceFailedError(f"{what} is still {state} after {minutes} minutes: {message}")
        if stage:
            progress.report(stage, 0, 1, note=message)
        time.sleep(_SECONDS_BETWEEN_LOOKS)
