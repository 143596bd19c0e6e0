"""How a run hosts a model that other runs hosted before it.

The service is a double here: botocore's stub of the real client, so that the model is in the state that a
running engine passes too quickly for a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from brume.aws.client import client
from brume.inspection.pipeline import lookout

MODEL = {"ProjectName": "plates", "ModelVersion": "1"}
ARN = "arn:aws:lookoutvision:eu-west-1:000000000000:model/plates/1"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LOOKOUTVISION", "http://127.0.0.1:1")
    monkeypatch.setattr("brume.aws.waiting.time.sleep", lambda seconds: None)
    made: Any = client("lookoutvision")
    monkeypatch.setattr(lookout, "client", lambda name: made)
    with Stubber(made) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def describe(service: Stubber, status: str) -> None:
    service.add_response(
        "describe_model",
        {"ModelDescription": {"Status": status, "ModelArn": ARN, "ModelVersion": "1"}},
        MODEL,
    )


def test_a_hosting_that_is_ending_is_waited_for(service: Stubber) -> None:
    for status in ("STOPPING_HOSTING", "STOPPING_HOSTING", "TRAINED"):
        describe(service, status)
    service.add_response("tag_resource", {}, {"ResourceArn": ARN, "Tags": ANY})
    service.add_response("start_model", {"Status": "STARTING_HOSTING"}, {**MODEL, "MinInferenceUnits": 1})
    for status in ("STARTING_HOSTING", "HOSTED"):
        describe(service, status)
    lookout.start("plates", "1", 1, "run-1", 1)


def test_a_model_that_is_hosted_is_not_started_again(service: Stubber) -> None:
    for status in ("STARTING_HOSTING", "HOSTED"):
        describe(service, status)
    service.add_response("tag_resource", {}, {"ResourceArn": ARN, "Tags": ANY})
    describe(service, "HOSTED")
    lookout.start("plates", "1", 1, "run-1", 1)


def test_a_placeholder_is_no_mark_of_a_run(service: Stubber) -> None:
    """Two runs would share it, and the first to end would stop the other's model."""
    describe(service, "TRAINED")
    with pytest.raises(ValueError, match="no id of a run"):
        lookout.start("plates", "1", 1, "{{$.pipeline_job_uuid}}", 1)


def test_where_there_is_no_project_nothing_is_stopped(service: Stubber) -> None:
    """A run that fails before it has made its project ends without a second message."""
    service.add_client_error("list_models", "ResourceNotFoundException", "there is no project plates")
    lookout.stop("plates", "run-1")
