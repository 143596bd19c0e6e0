"""How jobs ended, from SageMaker, whatever their names.

moto has no DescribeLabelingJob: a double answers over HTTP, and our own server holds both sides to the model.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest

from brume.aws.wire.server import Call, Engine, ServiceError
from brume.labels.pipeline import job_states
from tests.aws.serving import KEY, serve_engine

CREATED = datetime.datetime(2024, 3, 1, 9, 30, tzinfo=datetime.UTC)


class SageMaker:
    """A double of SageMaker that knows some labelling jobs."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def describe_labeling_job(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name = request["LabelingJobName"]
        self.asked.append(name)
        if name == "locked":
            raise ServiceError(
                "AccessDeniedException", "not authorized to perform sagemaker:DescribeLabelingJob"
            )
        if not name.startswith("cars"):
            raise ServiceError("ResourceNotFound", f"no labeling job {name}")
        return {
            "LabelingJobName": name,
            "LabelingJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/{name}",
            "LabelingJobStatus": "Failed",
            "FailureReason": "the bucket is gone",
            "LabelCounters": {
                "TotalLabeled": 2,
                "HumanLabeled": 2,
                "FailedNonRetryableError": 1,
                "Unlabeled": 0,
            },
            "CreationTime": CREATED,
            "LastModifiedTime": CREATED,
            "JobReferenceCode": "x",
            "InputConfig": {"DataSource": {}},
            "OutputConfig": {"S3OutputPath": "s3://bucket/out"},
            "RoleArn": "arn:aws:iam::123456789012:role/labelling",
            "HumanTaskConfig": {
                "WorkteamArn": "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/day",
                "UiConfig": {},
                "TaskTitle": "Cars",
                "TaskDescription": "Find the cars",
                "NumberOfHumanWorkersPerDataObject": 1,
                "TaskTimeLimitInSeconds": 60,
            },
        }


@pytest.fixture(scope="module")
def sagemaker() -> Iterator[SageMaker]:
    double = SageMaker()
    with pytest.MonkeyPatch.context() as patch, serve_engine(Engine({"sagemaker": double})) as url:
        patch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", url)
        patch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
        yield double


def test_states_of_the_jobs_that_sagemaker_knows(sagemaker: SageMaker) -> None:
    jobs = [*(f"cars-{number}" for number in range(20)), "boats", "no name/of a job?", "cars-3"]
    found = job_states.describe(jobs)
    assert list(found) == sorted(f"cars-{number}" for number in range(20))
    assert sorted(sagemaker.asked) == sorted({*found, "boats"})
    answer = json.loads(json.dumps(found["cars-3"]))
    assert answer["LabelingJobStatus"] == "Failed" and answer["FailureReason"] == "the bucket is gone"
    assert answer["LabelCounters"]["FailedNonRetryableError"] == 1
    assert datetime.datetime.fromisoformat(answer["CreationTime"]) == CREATED
    assert "ResponseMetadata" not in answer


def test_a_refusal_says_what_to_allow(sagemaker: SageMaker) -> None:
    with pytest.raises(
        job_states.JobStateError, match=r"locked.*allow the credentials sagemaker:DescribeLabelingJob"
    ):
        job_states.describe(["cars-1", "locked"])
