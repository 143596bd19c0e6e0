"""Makes boto3 clients of AWS services, with the standard credential and endpoint chain.

Whether AWS itself answers or another server that speaks the same protocol is decided by configuration
(`AWS_ENDPOINT_URL_S3=http://...`, boto3's own convention), never by a branch in the code that calls. Services
that botocore no longer has a model of are served from `models/`, in botocore's own format and layout; what an
engine takes beyond AWS's (voices of one's own in polly) is merged from `service-2.sdk-extras.json` there.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

MODELS = Path(__file__).parent / "models"  # <service>/<version>/service-2.json, as in botocore/data
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 10, 60, 5


class NoEndpointError(RuntimeError):
    """A service that AWS does not offer, and no address of another server that does."""


def client(
    service: str, region: str | None = None, *, retries: str = "standard", read_seconds: float = READ_SECONDS
) -> Any:
    """Return the boto3 client of `service` ("s3", "lookoutvision", ...).

    One client is kept for each set of arguments and of `AWS_*` variables, so that a change of endpoint or
    credentials there gives another client. Requests time out after 10 s to connect and `read_seconds`
    without a byte, and are tried up to five times in botocore's retry mode `retries`: "standard", or
    "adaptive", which also slows down after throttling. Without a configured region, `us-east-1` is used: a
    server of one's own needs none.

    Raises `botocore.exceptions.UnknownServiceError` for a service that there is no model of, and
    `NoEndpointError` for one that AWS does not offer, when no endpoint is configured for it.
    """
    environment = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    return _client(service, region, retries, read_seconds, environment)


@functools.lru_cache(maxsize=64)
def _client(
    service: str,
    region: str | None,
    retries: str,
    read_seconds: float,
    environment: tuple[tuple[str, str], ...],
) -> Any:
    import boto3
    from botocore.config import Config

    own_server = "AWS_ENDPOINT_URL" in dict(environment) or (
        f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}" in dict(environment)
    )
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": retries, "total_max_attempts": ATTEMPTS},
        # A server of one's own answers at one host name, not at one for each bucket.
        s3={"addressing_style": "path"} if own_server else None,
    )
    session = boto3.session.Session(botocore_session=session_with_models())
    made = session.client(service, region_name=region or session.region_name or "us-east-1", config=config)
    if ".amazonaws." in made.meta.endpoint_url and not offered_by_aws(service):
        variable = "AWS_ENDPOINT_URL_" + made.meta.service_model.service_id.upper().replace(" ", "_")
        raise NoEndpointError(
            f"AWS does not offer {service}: start an engine that does (`brume engines` lists them), and set "
            f"{variable} to its address; `brume env` prints the line"
        )
    return made


def offered_by_aws(service: str) -> bool:
    """Return whether AWS has an endpoint of a service, by botocore's list of them.

    It may have one of a service that botocore has no model of, such as transcribe-streaming.
    """
    if not (MODELS / service).is_dir():
        return True
    return bool(session_with_models().get_available_regions(service))


def session_with_models() -> Any:
    """Return a new botocore session whose loader also knows the models of this project."""
    import botocore.session

    session = botocore.session.get_session()
    # Last, so that a service which botocore does have is taken from there.
    session.get_component("data_loader").search_paths.append(str(MODELS))
    return session


@functools.cache
def service_model(service: str) -> Any:
    """Return botocore's `ServiceModel` of a service, newest version.

    Raises `botocore.exceptions.UnknownServiceError` when there is none.
    """
    from botocore.model import ServiceModel

    loader = session_with_models().get_component("data_loader")
    return ServiceModel(loader.load_service_model(service, "service-2"), service_name=service)
