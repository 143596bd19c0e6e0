"""Clients of AWS services: retries, reuse, and endpoints that must be given."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import UnknownServiceError

from brume.aws.client import NoEndpointError, client
from brume.aws.wire.server import Call, Engine, ServiceError
from tests.aws.serving import KEY, serve_engine


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_LOOKOUTVISION", raising=False)


class Busy:
    """A service that turns every other request away."""

    def __init__(self) -> None:
        self.requests = 0

    def list_projects(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        self.requests += 1
        if self.requests % 2:
            raise ServiceError("ThrottlingException", "not now", RetryAfterSeconds=1)
        return {"Projects": [{"ProjectName": call.region}]}


@pytest.mark.parametrize("retries", ["standard", "adaptive"])
def test_a_request_that_is_turned_away_is_tried_again(retries: str, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy()
    with serve_engine(Engine({"lookoutvision": busy})) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LOOKOUTVISION", url)
        lookout = client("lookoutvision", "eu-north-1", retries=retries)
        assert lookout.list_projects()["Projects"] == [{"ProjectName": "eu-north-1"}]
    assert busy.requests == 2


def test_a_client_is_kept_until_the_environment_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LOOKOUTVISION", "http://127.0.0.1:1")
    first = client("lookoutvision")
    assert client("lookoutvision") is first
    monkeypatch.setenv("AWS_ENDPOINT_URL_LOOKOUTVISION", "http://127.0.0.1:2")
    second = client("lookoutvision")
    assert (first.meta.endpoint_url, second.meta.endpoint_url) == ("http://127.0.0.1:1", "http://127.0.0.1:2")


def test_a_service_that_aws_does_not_offer_needs_an_endpoint() -> None:
    with pytest.raises(NoEndpointError, match="set AWS_ENDPOINT_URL_LOOKOUTVISION to its address"):
        client("lookoutvision")
    with pytest.raises(UnknownServiceError):
        client("lookoutforvision")
    assert client("athena").meta.endpoint_url.endswith(".amazonaws.com")
    # botocore has no model of it, and AWS offers it: ours is used with AWS's own endpoint.
    streaming = client("transcribe-streaming", "eu-west-1").meta.endpoint_url
    assert streaming == "https://transcribestreaming.eu-west-1.amazonaws.com"
