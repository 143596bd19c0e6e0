"""The requests of `brume inspection` to its two services, through the AWS SDK alone.

Pictures that only this machine has are sent to the engine, which keeps them; what lies at an `s3://` address
is read by the engine from there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brume.aws.client import client
from brume.aws.engine import catalog, page_token
from brume.aws.wire import keys
from brume.inspection.model.addresses import EVALUATIONS
from brume.inspection.pipeline.status import InspectionError, wait_for_status
from brume.inspection.pipeline.uploads import content_type, label_of, parts

SUFFIXES = (".png", ".jpg", ".jpeg")
_AT_ONCE = 4
_Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Services:
    """Clients of Lookout for Vision and of the console's own service."""

    vision: Any
    console: Any


def connect(data: Path | None) -> Services:
    """Return clients of the configured endpoints or, without any, of the engine that runs on this machine.

    `data` names the engine's data folder and goes before what is configured. Raises `InspectionError`.
    """
    names = [catalog.endpoint_variable(service) for service in ("lookoutvision", "brumeinspection")]
    configured = "AWS_ENDPOINT_URL" in os.environ or all(name in os.environ for name in names)
    if data is not None or not configured:
        here = engine(data)
        os.environ.update(dict.fromkeys(names, here.url))
        accepted = list(keys.load(Path(here.credentials)).values()) if here.credentials else []
        chosen = accepted[0] if accepted else keys.Key("anonymous", "anonymous")
        os.environ.update(AWS_ACCESS_KEY_ID=chosen.access_key, AWS_SECRET_ACCESS_KEY=chosen.secret)
        os.environ.pop("AWS_SESSION_TOKEN", None)
        if chosen.token:
            os.environ["AWS_SESSION_TOKEN"] = chosen.token
    return Services(client("lookoutvision"), client("brumeinspection"))


def engine(data: Path | None) -> catalog.Running:
    """Return the engine that runs on this machine. Raises `InspectionError` when there is none."""
    folder = data or catalog.data_folder("inspection")
    here = catalog.running(folder)
    if here is None:
        raise InspectionError(
            f"no inspection engine runs on {folder}: start one with `brume engine inspection`, name its "
            "folder with --data, or set AWS_ENDPOINT_URL_LOOKOUTVISION and AWS_ENDPOINT_URL_BRUMEINSPECTION"
        )
    return here


def page(data: Path | None, path: str = "") -> str:
    """Return an address that opens the engine's page at `path`; it works once. Raises `InspectionError`."""
    engine(data)
    try:
        found = page_token.address(data or catalog.data_folder("inspection"), "/console")
    except (OSError, ValueError) as error:
        raise InspectionError(f"the console's token cannot be read: {error}") from error
    return f"{found}#/{path}" if path else found


def pictures(folder: Path) -> list[tuple[Path, str]]:
    """Return the PNG and JPEG files below a folder, with their names in it.

    Raises `InspectionError` for none.
    """
    if folder.is_file():
        return [(folder, folder.name)]
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES)
    if not found:
        raise InspectionError(f"{folder} holds no PNG or JPEG file")
    return [(path, path.relative_to(folder).as_posix()) for path in found]


def send(
    files: Sequence[tuple[Path, str]], work: Callable[[bytes, str], Any], progress: _Progress
) -> list[tuple[str, str]]:
    """Do `work(data, name)` for each file, a few at a time; returns the refused ones as (name, message)."""
    from botocore.exceptions import ClientError

    def one(item: tuple[Path, str]) -> tuple[str, str] | None:
        try:
            work(item[0].read_bytes(), item[1])
        except OSError as error:
            return item[1], str(error)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            return item[1], str(error.response["Error"]["Message"])
        return None

    refused = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done, failure in enumerate(pool.map(one, files), 1):
            progress(done, len(files))
            if failure:
                refused.append(failure)
    return refused


def labelled(folder: Path) -> tuple[list[tuple[Path, str]], int]:
    """Return the pictures that a folder's folders normal and anomaly label, and how many others there are.

    Raises `InspectionError` when none is labelled.
    """
    found = pictures(folder)
    chosen = [item for item in found if label_of(item[1]) is not None]
    if not chosen:
        raise InspectionError(
            f"none of the {len(found)} pictures in {folder} lies in a folder called normal or anomaly, "
            f"e.g. {found[0][1]}"
        )
    return chosen, len(found) - len(chosen)


def upload_dataset(
    services: Services, project: str, kind: str, files: Sequence[tuple[Path, str]], progress: _Progress
) -> list[tuple[str, str]]:
    """Send pictures into a dataset, labelled by their folders; returns what was refused."""

    def put(data: bytes, name: str) -> None:
        services.console.put_dataset_image(
            ProjectName=project,
            DatasetType=kind,
            Name=name,
            Label="ANOMALY" if label_of(name) else "NORMAL",
            ContentType=content_type(data),
            Body=data,
        )

    return send(files, put, progress)


def register_dataset(
    services: Services, project: str, kind: str, address: str, minutes: float
) -> dict[str, Any]:
    """Make a dataset of what lies at an `s3://` address: a manifest, or a folder (ending in a slash)."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    source = {"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Key": key}}}
    services.vision.create_dataset(ProjectName=project, DatasetType=kind, DatasetSource=source)

    def describe() -> dict[str, Any]:
        found: dict[str, Any] = services.vision.describe_dataset(ProjectName=project, DatasetType=kind)
        return dict(found["DatasetDescription"])

    return wait_for_status(
        f"the {kind} dataset of {project}", describe, ("CREATE_COMPLETE", "UPDATE_COMPLETE"), minutes
    )


def send_manifest(services: Services, project: str, kind: str, file: Path) -> None:
    """Put a local manifest's lines into a dataset, which is made when there is none."""
    with contextlib.suppress(services.vision.exceptions.ConflictException):
        services.vision.create_dataset(ProjectName=project, DatasetType=kind)
    for part in parts(file.read_bytes()):
        services.vision.update_dataset_entries(ProjectName=project, DatasetType=kind, Changes=part)


def train(services: Services, project: str, output: str, description: str) -> str:
    """Start the training of a new version, whose number is returned; `output` is an `s3://` prefix or ""."""
    bucket, _, prefix = (output or f"{EVALUATIONS}{project}/").removeprefix("s3://").partition("/")
    place = {"Bucket": bucket, **({"Prefix": prefix} if prefix else {})}
    more = {"Description": description} if description else {}
    answer = services.vision.create_model(ProjectName=project, OutputConfig={"S3Location": place}, **more)
    return str(answer["ModelMetadata"]["ModelVersion"])


def model_description(services: Services, project: str, version: str) -> Callable[[], dict[str, Any]]:
    """Return a function that describes a version of a model, for `wait_for_status`."""
    return lambda: dict(
        services.vision.describe_model(ProjectName=project, ModelVersion=version)["ModelDescription"]
    )


def results(services: Services, trial: str, **filters: Any) -> list[dict[str, Any]]:
    """Return every result of a trial."""
    pages = services.console.get_paginator("list_trial_results").paginate(TrialId=trial, **filters)
    return [result for page in pages for result in page["Results"]]
