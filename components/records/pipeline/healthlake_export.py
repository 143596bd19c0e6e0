"""Export a HealthLake data store: a job of the service, and the folder of S3 that it wrote to."""

from __future__ import annotations

import re
import secrets
import time

from botocore.exceptions import ClientError

from brume import storage
from brume.aws import addresses
from brume.aws.client import client
from brume.run import progress

SERVICE_SOURCE = "healthlake:"
SOURCE = re.compile(SERVICE_SOURCE + "([0-9A-Za-z]{1,32})")  # how the parameter `source` names a data store
_PAUSES = (0.2, 1.0, 3.0, 10.0)  # seconds between looks at a job; the last goes on
_RUNNING = ("SUBMITTED", "QUEUED", "IN_PROGRESS", "CANCEL_SUBMITTED", "CANCEL_IN_PROGRESS")
_DONE = ("COMPLETED", "COMPLETED_WITH_ERRORS")


class ExportError(RuntimeError):
    """An export that did not come to its end; the message has the job and what the service states."""


def export(datastore: str, to: str, role: str, key: str) -> str:
    """Export a data store; return the s3:// prefix, or the folder behind it, of its files.

    `to` is a prefix below which the export gets a new folder, `role` the ARN of the IAM role that HealthLake
    writes with, `key` the id or ARN of the KMS key that it encrypts with: the service asks for all of them.
    Waits for the job, however long it takes. Raises `ExportError`.
    """
    healthlake = client("healthlake")
    folder = storage.join(to, f"brume-{secrets.token_hex(8)}")
    try:
        job = healthlake.start_fhir_export_job(
            JobName="brume",
            DatastoreId=datastore,
            OutputDataConfig={"S3Configuration": {"S3Uri": folder, "KmsKeyId": key}},
            DataAccessRoleArn=role,
        )["JobId"]
    except ClientError as error:
        answer = error.response["Error"]
        raise ExportError(
            f"HealthLake at {healthlake.meta.endpoint_url} does not export data store {datastore}: "
            f"{answer['Code']}: {answer['Message']}. Check source, export_to, export_role and export_key; "
            "AWS_ENDPOINT_URL_HEALTHLAKE names another service than a run's own"
        ) from error
    pauses = iter(_PAUSES)
    while True:
        found = healthlake.describe_fhir_export_job(DatastoreId=datastore, JobId=job)["ExportJobProperties"]
        status = found["JobStatus"]
        if status in _DONE:
            return addresses.for_step(folder)
        if status not in _RUNNING:
            raise ExportError(
                f"export job {job} of data store {datastore} ended as {status}: "
                f"{found.get('Message') or 'HealthLake gives no reason'}. "
                "Check export_role, export_key and the policy of the bucket"
            )
        progress.report("source", 0, 1, f"export job {job} is {status}")
        time.sleep(next(pauses, _PAUSES[-1]))
