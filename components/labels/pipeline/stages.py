"""The stages of the labels pipeline.

The lake outlives a run and is written by several stages. A stage that reads it depends on the parts that its
snapshot names, but for those of the tables that the stage writes itself.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from brume import storage
from brume.labels.model.lake import Lake
from brume.labels.model.schema import QUALITY
from brume.labels.pipeline.settings import catalog_of, modalities_of
from brume.run.artifacts import HTML, Artifact, Dataset, Metrics
from brume.run.content import Counted
from brume.run.stage import stage

# Who answers the queries, where no endpoint of another is configured.
_ENGINE = "brume.labels.engine.engine"
_QUALITY = {table.name for table in QUALITY}


def _parts(lake: str) -> list[Any]:
    """Return the parts of the present state of a lake."""
    return sorted([part.path, part.rows, part.size] for part in Lake(lake).snapshot().all_parts)


def _annotations(lake: str) -> list[Any]:
    """Return the parts of a lake's tables that no quality is computed into."""
    parts = Lake(lake).snapshot().all_parts
    return sorted([part.path, part.rows, part.size] for part in parts if part.table not in _QUALITY)


LakeContent = Annotated[str, Counted(state=_parts)]
AnnotationsOfLake = Annotated[str, Counted(state=_annotations)]


class Given(NamedTuple):
    """Where a run finds what it reports on."""

    source: str
    workers: str


def _named(arguments: Mapping[str, Any]) -> Given | None:
    """Return the places that the user names, as URIs; None where labelling output is to be made."""
    source, workers = arguments["source"], arguments["workers"]
    return Given(storage.absolute(source), _absolute_file(workers)) if source else None


@stage("source", outputs={"output": "source"}, instead=_named)
def find_source(source: str, workers: str, output: Dataset) -> Given:
    """Return where the labelling output and its workers are; without a place, make them."""
    from brume.labels import demo

    with tempfile.TemporaryDirectory() as scratch:
        local = Path(output.uri) if not storage.is_remote(output.uri) else Path(scratch) / "source"
        demo.generate(local, "full")
        if storage.is_remote(output.uri):
            storage.upload(local, output.uri)
    return Given(
        storage.join(output.uri, "tree"), _absolute_file(workers) or storage.join(output.uri, "workers.csv")
    )


@stage("ingest", outputs={"tables": "lake", "metrics": "work/metrics/labels.json"}, looks_again=True)
def ingest_annotations(
    source: str, lake: str, modalities: str, job_states: bool, tables: Dataset, metrics: Metrics
) -> str:
    """Read what is new or changed into the lake; returns the lake's URI.

    The lake knows which files it holds: a source that did not change costs a listing.
    """
    from brume.labels.model import ingest
    from brume.labels.pipeline import job_states as states

    uri = storage.absolute(lake) if lake else tables.uri
    summary = ingest.run(
        source, Lake(uri), modalities_of(modalities), describe=states.describe if job_states else None
    )
    numbers = {"files": summary.files, "files_read": summary.read, "rejects": summary.rejects}
    metrics.metadata.update(numbers | {f"{name}_rows": count for name, count in summary.rows.items()})
    return uri


@stage("workers", looks_again=True)
def join_workers(lake: str, workers: str, mask_people: bool) -> str:
    """Give every answer its worker's name, where it is known; returns the lake's URI.

    Names lie elsewhere and change: they are asked for in every run, and only what changed is written.
    """
    from brume.labels.pipeline import worker_tables as joining

    joining.join(Lake(lake), workers, mask=mask_people)
    return lake


@stage("quality")
def assess_quality(lake: AnnotationsOfLake) -> str:
    """Compute the quality of answers, labels, tracks and audits; returns the lake's URI."""
    from brume.labels.model import quality

    quality.run(Lake(lake))
    return lake


def _published(arguments: Mapping[str, Any]) -> bool:
    return bool(arguments["publish_glue"] or arguments["iceberg"])


@stage("tables", acts=_published)
def publish_tables(lake: LakeContent, publish_glue: bool, iceberg: str, workgroup: str) -> str:
    """Publish the lake's tables to AWS Glue, and keep them as Iceberg tables, as asked; returns its URI."""
    if publish_glue:
        from brume.labels.model.queries import named
        from brume.labels.pipeline.publish import glue, named_queries

        glue.publish(Lake(lake))
        named_queries.save(named().values(), workgroup)
    if iceberg:
        from brume.labels.pipeline.publish import iceberg as tables

        tables.publish(Lake(lake), catalog_of(iceberg))
    return lake


@stage("queries", outputs={"results": "queries"}, runs=[_ENGINE])
def run_queries(lake: LakeContent, workgroup: str, results: Dataset) -> None:
    """Run the standing queries by Athena's API; their results are `results`/NAME.csv.

    Those of the original are left to their users: their results are larger than the lake itself.
    """
    from brume.labels.model.queries import named
    from brume.labels.pipeline import standing_queries

    queries = [query for query in named().values() if not query.original]
    executions = standing_queries.run_all(queries, results.uri, workgroup)
    standing_queries.check_lake(Lake(lake), results.uri)
    storage.write_bytes(
        storage.join(results.uri, "executions.json"), json.dumps(executions, default=str, indent=1).encode()
    )


@stage(
    "dashboard",
    outputs={"report": "report.html", "picture": "dashboard.png", "paper": "dashboard.pdf"},
)
def write_dashboard(
    lake: LakeContent, mask_people: bool, report: HTML, picture: Artifact, paper: Artifact
) -> None:
    """Write the dashboard: one self-contained page, and a PNG and a PDF of it."""
    from brume.labels.pipeline import dashboard

    with Lake(lake).connect() as connection:
        made = dashboard.build(
            connection,
            mask_people=mask_people,
            key=dashboard.key_of(lake) if mask_people else None,
            facts=[lake],
        )
    storage.write_bytes(report.uri, made.html.encode())
    storage.write_bytes(picture.uri, made.png())
    storage.write_bytes(paper.uri, made.pdf())


def _for_somebody(arguments: Mapping[str, Any]) -> bool:
    return bool(arguments["publish_quicksight"])


@stage("quicksight", acts=_for_somebody)
def make_quicksight_dashboard(
    lake: LakeContent, publish_quicksight: str, workgroup: str, mask_people: bool
) -> None:
    """Make the QuickSight dashboard for a user or group, where one is named."""
    if not publish_quicksight:
        return
    from brume.labels.pipeline import dashboard
    from brume.labels.pipeline.publish import quicksight

    with Lake(lake).connect() as connection:
        board = dashboard.build(connection, mask_people=mask_people).board
    quicksight.publish(Lake(lake), board, publish_quicksight, workgroup=workgroup)


def _absolute_file(workers: str) -> str:
    """Return a CSV file as a URI, and the id of a user pool as it is."""
    return storage.absolute(workers) if workers.lower().endswith(".csv") else workers
