"""boto3 1.39, the last with Lookout for Vision, and the AWS CLI of its time."""

from __future__ import annotations

import os
from pathlib import Path

from brume.aws.wire.keys import Key
from tests.aws import environments

WANTED = Path(__file__).with_name("boto3-1.39.txt")


def python() -> Path:
    """Return the environment's interpreter; skips the test where the packages cannot be had."""
    return environments.python(WANTED)


def environment(url: str, key: Key) -> dict[str, str]:
    """Return the variables by which any AWS client reaches Lookout for Vision at `url`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "AWS_ENDPOINT_URL_LOOKOUTVISION": url,
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
