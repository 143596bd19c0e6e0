"""Export a HealthLake data store: a job of the service, and the folder of S3 that it wrote to."""

from __future__ import annotations

import re
import secrets
import time

from brume import storage
from brume.aws.client import client
from brume.run import progress

SOURCE = re.compile(r"healthlake:([0-9A-Za-z]{1,32})")  # how the parameter `source` names a data store
_PAUSE = 10.0  # seconds between two looks at a job
_RUNNING = ("SUBMITTED", "QUEUED", "IN_PROGRESS", "CANCEL_SUBMITTED", "CANCEL_IN_PROGRESS")
_DONE = ("COMPLETED", "COMPLETED_WITH_ERRORS")


class ExportError(RuntimeError):
    """An export that did not come to its end; the message has the job and what the service states."""


def export(datastore: str, to: str, role: str, key: str) -> str:
    """Export a data store and return the s3:// prefix that has its NDJSON files.

    `to` is a prefix below which the export gets a new folder, `role` the ARN of the IAM role that HealthLake
    writes with, `key` the id or ARN of the KMS key that it encrypts with: the service asks for all of them.
    Waits for the job, however long it takes. Raises `ExportError`.
    """
    healthlake = client("healthlake")
    folder = storage.join(to, f"brume-{secrets.token_hex(8)}")
    job = healthlake.start_fhir_export_job(
        JobName="brume",
        DatastoreId=datastore,
        OutputDataConfig={"S3Configuration": {"S3Uri": folder, "KmsKeyId": key}},
        DataAccessRoleArn=role,
    )["JobId"]
    while True:
        found = healthlake.describe_fhir_export_job(DatastoreId=datastore, JobId=job)["ExportJobProperties"]
        status = found["JobStatus"]
        if status in _DONE:
            return folder
        if status not in _RUNNING:
            raise ExportError(
                f"export job {job} of data store {datastore} ended as {status}: "
                f"{found.get('Message') or 'HealthLake gives no reason'}. "
                "Check export_role, export_key and the policy of the bucket"
            )
        progress.report("source", 0, 1, f"export job {job} is {status}")
        time.sleep(_PAUSE)
