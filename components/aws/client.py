"""The only door to AWS services: a boto3 client with the standard credential, region and endpoint chain.

Whether AWS itself answers or another server that speaks the same protocol is decided by configuration
(`AWS_ENDPOINT_URL_S3=http://...`, boto3's own convention), never by a branch in the code that calls.
"""

from __future__ import annotations

import functools
import os
from typing import Any


@functools.lru_cache(maxsize=32)
def client(service: str, region: str | None = None) -> Any:
    """Return the boto3 client of `service` ("s3", ...), one for each service, region and process.

    Requests time out after 10 s to connect and 60 s without a byte, and are tried up to five times in
    botocore's standard retry mode. Without a configured region, `us-east-1` is used: a server of one's own
    needs none. Raises `botocore.exceptions.UnknownServiceError` for a service that botocore has no model of.
    """
    import boto3
    from botocore.config import Config

    own_server = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}") or os.environ.get(
        "AWS_ENDPOINT_URL"
    )
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 5},
        # A server of one's own answers at one host name, not at one for each bucket.
        s3={"addressing_style": "path"} if own_server else None,
    )
    session = boto3.session.Session()
    return session.client(service, region_name=region or session.region_name or "us-east-1", config=config)
