"""What the tests of HealthLake share: an engine, data stores, jobs, signed requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from brume.aws.engine.catalog import Settings
from brume.aws.engine.service import Engine
from brume.aws.wire.keys import Key
from brume.records.engine import engine
from tests.aws.serving import KEY
from tests.polling import until

ROLE = "arn:aws:iam::123456789012:role/HealthLake"
RUNNING = ("SUBMITTED", "IN_PROGRESS", "CANCEL_SUBMITTED")


def make_engine(root: Path) -> Engine:
    """Return the engine; s3://inputs/ and s3://outputs/ are folders below `root`."""
    for name in ("inputs", "outputs"):
        (root / name).mkdir(exist_ok=True)
    return engine.create(
        Settings(root / "data", {f"s3://{one}/": str(root / one) for one in ("inputs", "outputs")})
    )


def make_datastore(boto: Any, **members: Any) -> str:
    """Make a data store; returns its id once it is ACTIVE."""
    identity = boto.create_fhir_datastore(DatastoreTypeVersion="R4", **members)["DatastoreId"]
    until(lambda: describe(boto, identity)["DatastoreStatus"] == "ACTIVE", lambda: describe(boto, identity))
    return str(identity)


def describe(boto: Any, identity: str) -> dict[str, Any]:
    """Return the properties of a data store."""
    return dict(boto.describe_fhir_datastore(DatastoreId=identity)["DatastoreProperties"])


def output(uri: str = "s3://outputs/jobs") -> dict[str, Any]:
    """Return where a job writes."""
    return {"S3Configuration": {"S3Uri": uri, "KmsKeyId": "alias/records"}}


def start_import(boto: Any, datastore: str, uri: str, *, to: str = "s3://outputs/jobs", **more: Any) -> str:
    """Start an import job; returns its id."""
    return str(
        boto.start_fhir_import_job(
            DatastoreId=datastore,
            InputDataConfig={"S3Uri": uri},
            JobOutputDataConfig=output(to),
            DataAccessRoleArn=ROLE,
            **more,
        )["JobId"]
    )


def start_export(boto: Any, datastore: str, uri: str = "s3://outputs/jobs") -> str:
    """Start an export job; returns its id."""
    return str(
        boto.start_fhir_export_job(
            DatastoreId=datastore, OutputDataConfig=output(uri), DataAccessRoleArn=ROLE
        )["JobId"]
    )


def import_job(boto: Any, datastore: str, job: str) -> dict[str, Any]:
    """Return the properties of an import job."""
    return dict(boto.describe_fhir_import_job(DatastoreId=datastore, JobId=job)["ImportJobProperties"])


def imported(boto: Any, datastore: str, job: str) -> dict[str, Any]:
    """Wait for the end of an import job; returns its properties."""

    def ended() -> dict[str, Any] | None:
        found = import_job(boto, datastore, job)
        return None if found["JobStatus"] in RUNNING else found

    return until(ended, "the end of an import") or {}


def exported(boto: Any, datastore: str, job: str) -> dict[str, Any]:
    """Wait for the end of an export job; returns its properties."""

    def ended() -> dict[str, Any] | None:
        asked = {"DatastoreId": datastore, "JobId": job}
        found = dict(boto.describe_fhir_export_job(**asked)["ExportJobProperties"])
        return None if found["JobStatus"] in RUNNING else found

    return until(ended, "the end of an export") or {}


def folder_of(root: Path, found: Mapping[str, Any]) -> Path:
    """Return the folder of a job's files, by its properties."""
    config = found.get("OutputDataConfig") or found["JobOutputDataConfig"]
    return root / "outputs" / str(config["S3Configuration"]["S3Uri"]).removeprefix("s3://outputs/")


def write(path: Path, resources: Sequence[Mapping[str, Any]]) -> None:
    """Write resources as NDJSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in resources))


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the resources of an export by TYPE/ID."""
    found = {}
    for path in folder.glob("[A-Z]*/*.ndjson"):
        for line in path.read_text().splitlines():
            value = json.loads(line)
            assert (
                path.name.startswith(f"{value['resourceType']}-")
                and path.parent.name == value["resourceType"]
            )
            found[f"{value['resourceType']}/{value['id']}"] = value
    return found


def plain(resources: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return resources without what a server writes into their meta."""
    own = ("versionId", "lastUpdated")
    return {
        name: {**value, "meta": {key: one for key, one in value.get("meta", {}).items() if key not in own}}
        for name, value in resources.items()
    }


def send(
    method: str,
    url: str,
    body: Any = None,
    *,
    key: Key = KEY,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """Send a request of FHIR's REST, signed by botocore as programs of AWS's users do."""
    data = b"" if body is None else json.dumps(body).encode()
    asked = AWSRequest(
        method, url, data=data, headers={"content-type": "application/fhir+json", **(headers or {})}
    )
    SigV4Auth(Credentials(key.access_key, key.secret), "healthlake", "eu-west-1").add_auth(asked)
    return requests.request(method, url, data=data, headers=dict(asked.headers), timeout=60)
