"""Records: from an export of FHIR resources to notes that can be searched and a graph of patients.

brume run records source=DIR --out out/records
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brume.pipelines.running import steps
from brume.records.pipeline import stages
from brume.records.pipeline.settings import (
    SERVICE,
    check_out,
    check_records,
    engine_folders,
    engine_variables,
    needs_engine,
)


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_records(arguments)


def engines(arguments: Mapping[str, Any], out: Path) -> dict[str, dict[str, str]]:
    """Return the engine of a local run that asks one, with the folder that it loads the graph from."""
    return {"records": engine_folders(out)} if needs_engine(arguments) else {}


def environment(arguments: Mapping[str, Any], out: Path) -> dict[str, str]:
    """Return the variables of a local run: what its engine searches with. Raises `ValueError`."""
    check_out(arguments, out)
    return engine_variables(arguments, out)


@steps.pipeline("records", "Make the notes of an export of FHIR resources searchable, and a graph of them.")
def pipeline(
    source: str = "",
    lake: str = "",
    status: str = "",
    max_rejected: float = 0.2,
    nlp: str = "local",
    terminology: str = "",
    min_score: float = 0.7,
    keep_negated: bool = True,
    deidentify: str = "none",
    views: str = "",
    graph: str = SERVICE,
    graph_role: str = "",
    index: str = "records",
    embeddings: bool = True,
    roles: str = "",
    queries: str = "",
    exports: str = "",
    export_to: str = "",
    export_role: str = "",
    export_key: str = "",
) -> None:
    """Make the notes of an export of FHIR resources searchable, and a graph of them.

    Args:
        source: Folder or s3:// prefix with an export's NDJSON files, or healthlake:ID; empty: invented.
        lake: Folder or s3:// prefix of the tables, kept from run to run; empty: in the run's own outputs.
        status: Statuses of the documents that notes are made of, with commas; empty means all.
        max_rejected: Share of the export's lines that may be unusable before the run fails.
        nlp: What finds conditions and drugs: local, comprehendmedical, present (the export's), none, a URL.
        terminology: Folder or s3:// prefix with RXNCONSO.RRF of RxNorm; empty: the export's own codes alone.
        min_score: Score that a mention must have to be in the graph and in generated resources.
        keep_negated: Whether what a note negates stands in AWS's vocabulary, which cannot say so.
        deidentify: What stands for personal data in notes: none (it stays), mask (types), surrogate (others).
        views: Folder of ViewDefinitions (SQL on FHIR) whose tables are written; examples: those shipped.
        graph: service (files that are brought to Neptune or the engine), or files alone.
        graph_role: ARN of the IAM role that Neptune reads the files with; the engine needs none.
        index: Name of the index of the search service (Kendra or the engine); none: notes are not indexed.
        embeddings: Whether the engine of a local run searches by meaning too.
        roles: JSON file of what each access key may see, for the engine of a local run; empty: everything.
        queries: TSV file of judged queries (query, document, grade), which the index is measured by.
        exports: Files for other servers, with commas: opensearch (bulk), fhir (import); empty: none.
        export_to: Prefix s3://... that the data store healthlake:ID is exported to, anew in each run.
        export_role: ARN of the IAM role that HealthLake writes there with.
        export_key: Id or ARN of the KMS key that it encrypts with.
    """
    step = steps.Steps(locals())
    found = step(stages.find_source, cpu="1", memory="1Gi")
    ingested = step(stages.ingest_resources, source=found.outputs["Output"], cpu="2", memory="4Gi")
    tables = step(stages.write_views, lake=ingested.outputs["Output"], cpu="1", memory="4Gi")
    notes = step(stages.make_notes, lake=ingested.outputs["Output"], cpu="1", memory="4Gi")
    found = step(stages.find_entities, lake=notes.outputs["Output"], cpu="2", memory="4Gi")
    lake_of_all = found.outputs["Output"]
    step(stages.write_resources, lake=lake_of_all, cpu="1", memory="4Gi")
    files = step(stages.write_graph, lake=lake_of_all, cpu="1", memory="4Gi").outputs["graph"]
    step(stages.load_graph, files=files, cpu="500m", memory="1Gi")
    indexed = step(stages.index_notes, lake=lake_of_all, cpu="500m", memory="4Gi").outputs["Output"]
    judged = step(stages.judge_queries, lake=lake_of_all, index=indexed, cpu="500m", memory="1Gi")
    step(stages.write_exports, lake=lake_of_all, cpu="1", memory="4Gi")
    step(
        stages.write_report,
        lake=lake_of_all,
        index=indexed,
        graph=files,
        judged=judged.outputs["judged"],
        views=tables.outputs["tables"],
        view_rejects=tables.outputs["rejects"],
        cpu="500m",
        memory="2Gi",
    )
