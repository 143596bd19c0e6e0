"""States of labelling jobs from SageMaker, for output that does not show how a job ended."""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from brume.aws.client import client
from brume.labels.pipeline import aws_errors

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")  # as DescribeLabelingJob takes it
_UNKNOWN = ("ResourceNotFound", "ResourceNotFoundException", "ValidationException")
_ASKING = 8  # requests at once


class JobStateError(RuntimeError):
    """SageMaker cannot be asked; the message gives the cause and the remedy."""


def describe(jobs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what DescribeLabelingJob answers for each job that SageMaker knows, by its name.

    The answers are made of what JSON holds: times are in ISO 8601. Jobs of another account, region or name
    are left out. Raises `JobStateError` when SageMaker cannot be asked.
    """
    names = sorted({job for job in jobs if _NAME.fullmatch(job)})
    with ThreadPoolExecutor(_ASKING) as pool:
        answers = list(pool.map(_describe, names))
    return {name: answer for name, answer in zip(names, answers, strict=True) if answer}


def _describe(name: str) -> dict[str, Any] | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client("sagemaker", retries="adaptive").describe_labeling_job(LabelingJobName=name)
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _UNKNOWN:
            return None
        cause = aws_errors.explain("sagemaker", error)
        raise JobStateError(f"the state of the labelling job {name}: {cause}") from error
    del answer["ResponseMetadata"]
    return dict(_plain(answer))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
