"""Checks of the parameters of the labels pipeline, made before anything starts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from brume import storage
from brume.run.checks import Checks

POOL = re.compile(r"[a-z]{2}(-[a-z]+)+-\d_[0-9A-Za-z]+")  # a Cognito user pool: REGION_NAME
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:quicksight:[a-z0-9-]+:\d{12}:(user|group)/.+")


def check_labels(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the pipeline. Raises `ValueError` with one line for each wrong one."""
    source, workers, lake = arguments["source"], arguments["workers"], arguments["lake"]
    checks = Checks(arguments)
    checks.exists("source")
    if workers and not POOL.fullmatch(workers):
        if workers.lower().endswith(".csv"):
            checks.exists("workers")
        else:
            checks.require(
                False,
                f"workers={workers} must be the id of a Cognito user pool (eu-west-1_Ab1Cd2Ef3) or a CSV "
                "file with the columns sub, name, email, team",
            )
    checks.require(
        not (lake and source and _within(lake, source)),
        f"lake={lake} must not lie in source={source}: its files would be read as annotations",
    )
    principal = arguments["publish_quicksight"]
    checks.require(
        not principal or _PRINCIPAL.fullmatch(principal),
        f"publish_quicksight={principal} must be the ARN of the QuickSight user or group that gets the "
        "dashboard (arn:aws:quicksight:REGION:ACCOUNT:user/default/NAME)",
    )
    checks.require(
        not principal or arguments["publish_glue"],
        "publish_quicksight needs publish_glue=true: QuickSight reads the tables that Glue knows",
    )
    checks.require(
        not arguments["publish_glue"] or lake.startswith("s3://"),
        f"publish_glue needs lake=s3://BUCKET/..., not {lake or 'none'}: AWS reads the tables there",
    )
    if arguments["iceberg"]:
        checks.attempt(lambda: _check_iceberg(arguments["iceberg"], lake))
    checks.finish()


def _check_iceberg(iceberg: str, lake: str) -> None:
    if catalog_of(iceberg) is None and storage.is_remote(lake):
        raise ValueError('iceberg=local needs a local lake: for one in S3 name a catalog, {"type": "glue"}')


def modalities_of(text: str) -> tuple[str, ...]:
    """Return the names in a list with commas; none means every modality."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def catalog_of(text: str) -> dict[str, str] | None:
    """Return the properties of an Iceberg catalog that a user wrote; None for the lake's own ("local").

    Raises `ValueError` for anything else.
    """
    if text == "local":
        return None
    try:
        properties = json.loads(text)
    except ValueError:
        properties = None
    if not isinstance(properties, dict) or not all(isinstance(value, str) for value in properties.values()):
        raise ValueError(
            f"iceberg={text} must be local, or the properties of a pyiceberg catalog as JSON: "
            '{"type": "glue"}'
        )
    return properties


def _within(inner: str, outer: str) -> bool:
    return (storage.absolute(inner).rstrip("/") + "/").startswith(storage.absolute(outer).rstrip("/") + "/")
