"""Checks of the records pipeline's parameters, and what their values mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from brume import storage
from brume.records.model.deidentify import Mode
from brume.records.model.nlp.rxnorm import FILE as RXNORM
from brume.records.model.views.definitions import read_views
from brume.records.pipeline import extractors, judged
from brume.records.pipeline.healthlake_export import SERVICE_SOURCE, SOURCE
from brume.records.pipeline.run_rights import check_rights, rights_of_run
from brume.run.checks import Checks

NONE = "none"
FILES, SERVICE = "files", "service"
"""Values of the parameter `graph`."""
OPENSEARCH, FHIR = "opensearch", "fhir"
EXPORTS = (OPENSEARCH, FHIR)
"""Values of the parameter `exports`."""
_INDEX = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,999}")  # a name, as Kendra has it
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
    if source.startswith(SERVICE_SOURCE):
        checks.require(
            exports, f"source={source} needs the id of a data store, of 1 to 32 letters and digits"
        )
    else:
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
    checks.attempt(lambda: exports_of(arguments["exports"]))
    nlp = arguments["nlp"]
    checks.require(
        nlp in extractors.CHOICES or nlp.startswith(("http://", "https://")),
        f"nlp={nlp} must be one of {', '.join(extractors.CHOICES)}, or the address of a model",
    )
    checks.exists("terminology", "queries", "roles")
    given = arguments["terminology"]
    checks.require(
        not _is_here(given) or storage.exists(storage.join(given, RXNORM)),
        f"terminology={given} has no {RXNORM}: name the folder of a release of RxNorm that has it",
    )
    for name, check in (("queries", judged.read), ("roles", check_rights)):
        if _is_here(arguments[name]):
            checks.attempt(partial(check, arguments[name]))
    hidden = arguments["deidentify"]
    checks.require(hidden in (NONE, *Mode), f"deidentify={hidden} must be one of {NONE}, {', '.join(Mode)}")
    checks.require(
        hidden == NONE or nlp != extractors.PRESENT,
        f"deidentify={hidden} changes texts, and nlp={nlp} takes places in them from the export",
    )
    checks.require(
        hidden == NONE or FHIR not in arguments["exports"],
        f"exports={FHIR} writes whole resources, which deidentify={hidden} does not change: leave one out",
    )
    checks.require(
        hidden == NONE or not arguments["views"],
        f"views={arguments['views']} takes resources as they came, which deidentify={hidden} does not change"
        ": leave one out",
    )
    graph, index = arguments["graph"], arguments["index"]
    checks.require(graph in (FILES, SERVICE), f"graph={graph} must be {FILES} or {SERVICE}")
    checks.require(_INDEX.fullmatch(index), f"index={index} must be letters, digits, - and _, or {NONE}")
    checks.require(
        not (arguments["queries"] and index == NONE), f"queries needs an index to ask: index is {NONE}"
    )
    if arguments["views"]:
        checks.attempt(lambda: read_views(arguments["views"]))
    checks.between(0, 1, "max_rejected", "min_score")
    checks.finish()


def check_out(arguments: Mapping[str, Any], out: Path) -> None:
    """Check the folder of a local run. Raises `ValueError` for one whose files a later run would read."""
    source = arguments["source"]
    if source and not storage.is_remote(source) and out.resolve().is_relative_to(Path(source).resolve()):
        raise ValueError(
            f"--out {out} must not lie in source={source}: its files would be read as the export's"
        )


def needs_engine(arguments: Mapping[str, Any]) -> bool:
    """Return whether a run asks a service, which an engine answers for in a local run."""
    return bool(
        arguments["index"] != NONE
        or arguments["graph"] == SERVICE
        or arguments["nlp"] == extractors.SERVICE
        or SOURCE.fullmatch(arguments["source"])
    )


def engine_variables(arguments: Mapping[str, Any], out: Path) -> dict[str, str]:
    """Return the variables of the engine of a local run into `out`."""
    variables = {"BRUME_RECORDS_LAKE": storage.absolute(arguments["lake"] or str(out / "lake"))}
    if not arguments["embeddings"]:
        variables["BRUME_RECORDS_EMBEDDINGS"] = NONE
    if arguments["terminology"]:
        variables["BRUME_RECORDS_RXNORM"] = storage.absolute(arguments["terminology"])
    if arguments["roles"]:
        variables["BRUME_RECORDS_ACCESS"] = str(rights_of_run(arguments["roles"], out))
    return variables


def engine_folders(out: Path) -> dict[str, str]:
    """Return the addresses that folders stand for in the engine of a local run into `out`."""
    return {"s3://brume-run/": f"{out}/"}


def exports_of(text: str) -> tuple[str, ...]:
    """Return the kinds of files in a list with commas. Raises `ValueError`."""
    given = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not set(given) <= set(EXPORTS):
        raise ValueError(
            f"exports={text} must be some of {','.join(EXPORTS)}, with commas, or empty for none"
        )
    return given


def statuses_of(text: str) -> tuple[str, ...]:
    """Return the statuses in a list with commas; none means all. Raises `ValueError`."""
    given = tuple(part.strip() for part in text.split(",") if part.strip())
    if not set(given) <= set(STATUSES):
        raise ValueError(f"status={text} must be some of {','.join(STATUSES)}, with commas, or empty for all")
    return given


def _is_here(uri: str) -> bool:
    return bool(uri) and not storage.is_remote(uri) and storage.exists(uri)


def _within(inner: str, outer: str) -> bool:
    return (storage.absolute(inner).rstrip("/") + "/").startswith(storage.absolute(outer).rstrip("/") + "/")
