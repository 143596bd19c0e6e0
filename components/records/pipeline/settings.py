"""Checks of the records pipeline's parameters, and what their values mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brume import storage
from brume.records.model.views.definitions import read_views
from brume.records.pipeline.healthlake_export import SOURCE
from brume.run.checks import Checks

LOCAL, NONE = "local", "none"
# Of DocumentReference and of DiagnosticReport (hl7.org/fhir/R4).
STATUSES = (
    *(
        "current",
        "superseded",
        "entered-in-error",
        "registered",
        "partial",
        "preliminary",
        "final",
        "amended",
    ),
    *("corrected", "appended", "cancelled", "unknown"),
)


def check_records(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the pipeline. Raises `ValueError` with one line for each wrong one."""
    source, lake = arguments["source"], arguments["lake"]
    checks = Checks(arguments)
    exports = SOURCE.fullmatch(source) is not None
    if not exports:
        checks.exists("source")
    given = {name: arguments[name] for name in ("export_to", "export_role", "export_key")}
    checks.require(
        exports == all(given.values()) and exports == any(given.values()),
        f"{', '.join(given)} belong to source=healthlake:ID, which needs all of them",
    )
    checks.require(
        not given["export_to"] or given["export_to"].startswith("s3://"),
        f"export_to={given['export_to']} must be an s3:// prefix: HealthLake exports to S3",
    )
    checks.require(
        not (lake and source and not exports and _within(lake, source)),
        f"lake={lake} must not lie in source={source}: its files would be listed with the export's",
    )
    checks.attempt(lambda: statuses_of(arguments["status"]))
    checks.require(
        arguments["nlp"] in (LOCAL, NONE),
        f"nlp={arguments['nlp']} must be {LOCAL} (rules on this machine) or {NONE}",
    )
    checks.exists("terminology")
    if arguments["views"]:
        checks.attempt(lambda: read_views(arguments["views"]))
    checks.between(0, 1, "max_rejected", "min_score")
    checks.finish()


def statuses_of(text: str) -> tuple[str, ...]:
    """Return the statuses in a list with commas; none means all. Raises `ValueError`."""
    given = tuple(part.strip() for part in text.split(",") if part.strip())
    if not set(given) <= set(STATUSES):
        raise ValueError(f"status={text} must be some of {','.join(STATUSES)}, with commas, or empty for all")
    return given


def _within(inner: str, outer: str) -> bool:
    return (storage.absolute(inner).rstrip("/") + "/").startswith(storage.absolute(outer).rstrip("/") + "/")
