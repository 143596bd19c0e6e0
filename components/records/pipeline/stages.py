"""The stages of the records pipeline.

The lake outlives a run and is written by several stages. A stage that reads it depends on the parts of the
tables that it reads.
"""

from __future__ import annotations

import functools
import platform
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from brume import storage
from brume.records.model.entity import Extractor
from brume.records.model.lake import Lake
from brume.records.model.views import definitions
from brume.records.pipeline.healthlake_export import SOURCE, export
from brume.records.pipeline.settings import NONE, statuses_of
from brume.run.artifacts import HTML, Dataset, Metrics
from brume.run.content import Counted
from brume.run.rejects import Reject, check_share, write_rejects
from brume.run.stage import Content, context, stage

# Those that notes are made of; `files` has times of change too, which make no other note.
_OF_NOTES = ("resources", "identifiers", "deletions", "attachments", "links")


def _parts(lake: str, tables: Collection[str]) -> list[Any]:
    """Return the parts of some tables in the present state of a lake."""
    parts = Lake(lake).snapshot().all_parts
    return sorted([part.path, part.rows, part.size] for part in parts if part.table in tables)


def _resources(lake: str) -> list[Any]:
    return _parts(lake, _OF_NOTES)


def _notes(lake: str) -> list[Any]:
    return _parts(lake, (*_OF_NOTES, "notes"))


def _entities(lake: str) -> list[Any]:
    return _parts(lake, (*_OF_NOTES, "notes", "entities"))


def _all(lake: str) -> list[Any]:
    return _parts(lake, Lake.tables)


ResourcesOfLake = Annotated[str, Counted(state=_resources)]
NotesOfLake = Annotated[str, Counted(state=_notes)]
EntitiesOfLake = Annotated[str, Counted(state=_entities)]
Views = Annotated[str, Counted(state=definitions.state)]
LakeContent = Annotated[str, Counted(state=_all)]


def _exports(arguments: Mapping[str, Any]) -> bool:
    return SOURCE.fullmatch(arguments["source"]) is not None


def _named(arguments: Mapping[str, Any]) -> str | None:
    """Return the source that the user names, as a URI; None where an export is to be made."""
    named = arguments["source"] and not _exports(arguments)
    return storage.absolute(arguments["source"]) if named else None


@stage("source", outputs={"made": "source"}, instead=_named, acts=_exports)
def find_source(source: str, export_to: str, export_role: str, export_key: str, made: Dataset) -> str:
    """Return where the export is: that of a data store of HealthLake, or one whose facts are known."""
    if match := SOURCE.fullmatch(source):
        return export(match[1], export_to, export_role, export_key)
    from brume.records import demo

    with tempfile.TemporaryDirectory() as scratch:
        local = Path(made.uri) if not storage.is_remote(made.uri) else Path(scratch) / "source"
        demo.generate(local)
        if storage.is_remote(made.uri):
            storage.upload(local, made.uri)
    return storage.join(made.uri, demo.EXPORT)


@stage(
    "ingest",
    outputs={"tables": "lake", "rejects": "rejects.csv", "metrics": "work/metrics/resources.json"},
    looks_again=True,
)
def ingest_resources(
    source: str, lake: str, max_rejected: float, tables: Dataset, rejects: Dataset, metrics: Metrics
) -> str:
    """Read what is new or changed into the lake; returns the lake's URI.

    The lake knows which files it holds: a source that did not change costs a listing.
    """
    from brume.records.model import ingest

    uri = storage.absolute(lake) if lake else tables.uri
    summary = ingest.run(source, Lake(uri), max_rejected=max_rejected)
    numbers = asdict(summary)
    metrics.metadata.update(
        {name: numbers[name] for name in ("files", "read", "removed", "resources", "repaired", "rejects")}
    )
    listed = [
        Reject(f"{row['file']}, line {row['line']}" if row["line"] else row["file"], "ingest", row["reason"],
               row["remedy"])
        for row in Lake(uri).table("rejects").to_pylist()
    ]  # fmt: skip
    write_rejects(listed, rejects.uri, item="line")
    return uri


@stage(
    "views",
    outputs={"tables": "views", "rejects": "view_rejects.csv", "metrics": "work/metrics/views.json"},
)
def write_views(
    lake: ResourcesOfLake,
    views: Views,
    max_rejected: float,
    tables: Dataset,
    rejects: Dataset,
    metrics: Metrics,
) -> None:
    """Write the tables of ViewDefinitions, if there are any, as a lake that `brume sql` asks."""
    from brume.records.model.views.tables import Written, write_tables

    storage.remove(tables.uri)
    chosen = definitions.read_views(views) if views else []
    written = write_tables(Lake(lake), chosen, tables.uri) if chosen else Written({})
    write_rejects(written.rejects, rejects.uri, item="resource")
    if written.rejects:
        limit = {"of": "resources of views", "parameter": "max_rejected", "where": rejects.uri}
        check_share(written.rejects, written.resources, max_rejected, **limit)
    metrics.metadata.update(written.rows)


@stage("notes", outputs={"metrics": "work/metrics/notes.json"})
def make_notes(lake: ResourcesOfLake, status: str, metrics: Metrics) -> str:
    """Make the notes of the resources that hold; returns the lake's URI."""
    from brume.records.model.notes.making import make

    metrics.metadata.update(asdict(make(Lake(lake), statuses_of(status))))
    return lake


@stage("entities", outputs={"metrics": "work/metrics/entities.json"})
def find_entities(lake: NotesOfLake, nlp: str, terminology: Content, metrics: Metrics) -> str:
    """Find conditions and drugs in the notes that are new or changed; returns the lake's URI.

    Codes of drugs are those of the export's own resources and of the folder `terminology`.
    """
    from brume.records.model import entities
    from brume.records.model.nlp import rxnorm
    from brume.records.model.patients import drug_names

    found = Lake(lake)
    if nlp == NONE:
        found.replace(["entities"], [])
        return lake
    names = [*drug_names(found), *(rxnorm.read(terminology) if terminology else ())]
    summary = entities.find(found, functools.partial(_local, tuple(sorted(set(names)))))
    metrics.metadata.update(asdict(summary))
    return lake


def _local(names: tuple[tuple[str, str], ...]) -> Extractor:
    from brume.records.model.nlp.local import LocalExtractor
    from brume.records.model.nlp.rxnorm import DrugCodes

    return LocalExtractor.load(DrugCodes(names))


@stage("graph", outputs={"graph": "graph", "metrics": "work/metrics/graph.json"})
def write_graph(
    lake: EntitiesOfLake, min_score: float, keep_negated: bool, graph: Dataset, metrics: Metrics
) -> None:
    """Write the graph of the patients as N-Quads, which any SPARQL store loads."""
    from brume.records.model.graph.files import write
    from brume.records.model.graph.statements import Choice
    from brume.records.model.patients import patient_records

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "graph"
        written = write(folder, patient_records(Lake(lake)), Choice(min_score, keep_negated))
        storage.remove(graph.uri)
        storage.upload(folder, graph.uri)
    metrics.metadata.update({"quads": written.quads, "patients": written.patients})


@stage("report", outputs={"report": "report.html"})
def write_report(lake: LakeContent, report: HTML) -> None:
    """Write the report of the run, one self-contained page."""
    from brume.records.pipeline.report import Input, build

    record = context().run_record()
    html = build(
        Input(
            lake=Lake(lake),
            parameters=record.get("parameters") or {},
            timings=context().timings(),
            versions=record.get("versions") or {},
            facts=[fact for fact in (record.get("started"), platform.node()) if fact],
        )
    )
    storage.write_bytes(report.uri, html.encode())
