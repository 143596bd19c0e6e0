"""The stages of the records pipeline.

The lake outlives a run and is written by several stages. A stage that reads it depends on the parts of the
tables that it reads. Services are reached through `client("kendra")`, `client("neptunedata")` and, with
`nlp=comprehendmedical`, `client("comprehendmedical")`.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from brume import storage
from brume.records.model.lake import Lake
from brume.records.model.views import definitions
from brume.records.pipeline.healthlake_export import SOURCE, export
from brume.records.pipeline.settings import NONE, OPENSEARCH, SERVICE, exports_of, statuses_of
from brume.run.artifacts import HTML, Dataset, Metrics
from brume.run.content import Counted
from brume.run.rejects import Reject, check_share, read_rejects, write_rejects
from brume.run.stage import Content, context, stage

# Those that notes are made of; `files` has times of change too, which make no other note.
_OF_NOTES = ("resources", "identifiers", "deletions", "attachments", "links")

# Who searches, where no endpoint of another is configured.
_SEARCH = ("brume.records.engine.kendra.queries",)


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


def _loads(arguments: Mapping[str, Any]) -> bool:
    return bool(arguments["graph"] == SERVICE)


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
def make_notes(lake: ResourcesOfLake, status: str, deidentify: str, metrics: Metrics) -> str:
    """Make the notes of the resources that hold, and the list of their codes; returns the lake's URI.

    With `deidentify` they have no personal data.
    """
    from brume.records.model.deidentify import Deidentifier, Mode
    from brume.records.model.nlp.local import LocalExtractor
    from brume.records.model.notes.hiding import key_of
    from brume.records.model.notes.making import make
    from brume.records.model.search.lake_terms import keep_terms

    deidentifier = None
    if deidentify != NONE:
        find = LocalExtractor.load().find_personal
        deidentifier = Deidentifier(key_of(Lake(lake)), find, Mode(deidentify))
    metrics.metadata.update(asdict(make(Lake(lake), statuses_of(status), deidentifier)))
    metrics.metadata["concepts"] = keep_terms(Lake(lake))
    return lake


@stage("entities", outputs={"metrics": "work/metrics/entities.json"})
def find_entities(lake: NotesOfLake, nlp: str, terminology: Content, metrics: Metrics) -> str:
    """Find conditions and drugs in the notes that are new or changed; returns the lake's URI.

    Codes of drugs are those of the export's own resources and of the folder `terminology`.
    """
    from brume.records.model import entities
    from brume.records.model.nlp import rxnorm
    from brume.records.model.patients import drug_names
    from brume.records.pipeline.extractors import LOCAL, for_lake

    found = Lake(lake)
    if nlp == NONE:
        found.replace(["entities"], [])
        return lake
    names = [*drug_names(found), *(rxnorm.read(terminology) if terminology else ())] if nlp == LOCAL else []
    summary = entities.find(found, functools.partial(for_lake, nlp, lake, tuple(sorted(set(names)))))
    metrics.metadata.update(asdict(summary))
    return lake


@stage("resources", outputs={"resources": "resources", "metrics": "work/metrics/generated.json"})
def write_resources(
    lake: EntitiesOfLake,
    nlp: str,
    min_score: float,
    deidentify: str,
    resources: Dataset,
    metrics: Metrics,
) -> None:
    """Write what was found as HealthLake does: documents with its extension, the resources that it makes.

    Beside them stands the table of AWS's sample. Where the export has all this already, or where notes are
    de-identified, which its documents are not, the table is written alone.
    """
    from brume.records.model.generated import write
    from brume.records.pipeline.extractors import PRESENT

    with tempfile.TemporaryDirectory() as scratch:
        counts = write(
            Lake(lake), Path(scratch), nlp, min_score, present=nlp == PRESENT or deidentify != NONE
        )
        storage.remove(resources.uri)
        storage.upload(Path(scratch), resources.uri)
    metrics.metadata.update(counts)


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


@stage("load", outputs={"changes": "work/graph-changes"}, acts=_loads)
def load_graph(files: Dataset, graph: str, graph_role: str, changes: Dataset) -> int:
    """Bring the graph service, if one is wanted, to the files; returns how many graphs changed."""
    from brume.records.pipeline.graph_service import bring

    if graph != SERVICE:
        return 0
    brought = bring(files.uri, changes.uri, graph_role)
    return brought.loaded + brought.dropped


@stage("index", outputs={"metrics": "work/metrics/index.json"}, looks_again=True)
def index_notes(lake: NotesOfLake, index: str, metrics: Metrics) -> str:
    """Bring the index of the search service to the notes; returns its id, "" where none is wanted."""
    from brume.records.pipeline.notes_index import bring

    if index == NONE:
        return ""
    brought = bring(Lake(lake), index)
    metrics.metadata.update({name: value for name, value in asdict(brought).items() if name != "index"})
    return brought.index


@stage(
    "judge",
    outputs={"judged": "work/judged.json", "metrics": "work/metrics/judged.json"},
    runs=_SEARCH,
)
def judge_queries(
    lake: NotesOfLake, index: str, queries: Content, embeddings: bool, judged: Dataset, metrics: Metrics
) -> None:
    """Ask the index the judged queries, and measure how good the answers are."""
    from brume.records.pipeline.judged import Judgement, run

    found = Judgement()
    if queries and index:
        found = run(index, queries, frozenset(Lake(lake).table("notes", columns=["id"])["id"].to_pylist()))
        metrics.metadata.update({"precision": found.precision, "ndcg": found.ndcg})
    found.save(judged.uri)


@stage("exports", outputs={"files": "exports", "metrics": "work/metrics/exports.json"})
def write_exports(
    lake: EntitiesOfLake, exports: str, nlp: str, min_score: float, files: Dataset, metrics: Metrics
) -> None:
    """Write the files by which OpenSearch and FHIR servers take what the lake has."""
    from brume.records.model.exports import fhir, opensearch
    from brume.records.pipeline.extractors import PRESENT

    storage.remove(files.uri)
    for kind in exports_of(exports):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / kind
            if kind == OPENSEARCH:
                metrics.metadata["notes"] = opensearch(Lake(lake), folder, min_score)
            else:
                count = fhir(Lake(lake), folder, nlp, min_score, present=nlp == PRESENT)
                metrics.metadata["resources"] = count
            storage.upload(folder, storage.join(files.uri, kind))


@stage("report", outputs={"report": "report.html"})
def write_report(
    lake: LakeContent,
    index: str,
    graph: Dataset,
    judged: Dataset,
    views: Dataset,
    view_rejects: Dataset,
    report: HTML,
) -> None:
    """Write the report of the run, one self-contained page."""
    from brume.records.model.graph.files import read_graphs
    from brume.records.model.views.tables import table_rows
    from brume.records.pipeline.judged import Judgement
    from brume.records.pipeline.report import Input, build

    html = build(
        Input(
            lake=Lake(lake),
            index=index,
            graphs=len(read_graphs(graph.uri)[0]),
            judgement=Judgement.load(judged.uri),
            views=table_rows(views.uri),
            view_rejects=read_rejects(view_rejects.uri),
            **context().about(),
        )
    )
    storage.write_bytes(report.uri, html.encode())
