"""Records: from an export of FHIR resources to clinical notes that can be searched.

brume run records source=DIR --out out/records
"""

from collections.abc import Mapping
from typing import Any

from brume.pipelines.running import steps
from brume.records.pipeline import stages
from brume.records.pipeline.settings import check_records


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_records(arguments)


@steps.pipeline("records", "Take in an export of FHIR resources and report on its notes.")
def pipeline(
    source: str = "",
    lake: str = "",
    status: str = "",
    max_rejected: float = 0.2,
    nlp: str = "local",
    terminology: str = "",
    min_score: float = 0.7,
    keep_negated: bool = True,
    views: str = "",
    export_to: str = "",
    export_role: str = "",
    export_key: str = "",
) -> None:
    """Take in an export of FHIR resources and report on its notes.

    Args:
        source: Folder or s3:// prefix with an export's NDJSON files, or healthlake:ID; empty: invented.
        lake: Folder or s3:// prefix of the tables, kept from run to run; empty: in the run's own outputs.
        status: Statuses of the documents that notes are made of, with commas; empty means all.
        max_rejected: Share of the export's lines that may be unusable before the run fails.
        nlp: What finds conditions and drugs in notes: local (rules on this machine), or none.
        terminology: Folder or s3:// prefix with RXNCONSO.RRF of RxNorm; empty: the export's own codes alone.
        min_score: Score that a mention must have to be in the graph.
        keep_negated: Whether what a note negates stands in AWS's vocabulary, which cannot say so.
        views: Folder of ViewDefinitions (SQL on FHIR) whose tables are written; examples: those shipped.
        export_to: Prefix s3://... that the data store healthlake:ID is exported to, anew in each run.
        export_role: ARN of the IAM role that HealthLake writes there with.
        export_key: Id or ARN of the KMS key that it encrypts with.
    """
    step = steps.Steps(locals())
    found = step(stages.find_source, cpu="1", memory="1Gi")
    ingested = step(stages.ingest_resources, source=found.outputs["Output"], cpu="2", memory="4Gi")
    step(stages.write_views, lake=ingested.outputs["Output"], cpu="1", memory="4Gi")
    notes = step(stages.make_notes, lake=ingested.outputs["Output"], cpu="1", memory="4Gi")
    found = step(stages.find_entities, lake=notes.outputs["Output"], cpu="2", memory="4Gi")
    step(stages.write_graph, lake=found.outputs["Output"], cpu="1", memory="4Gi")
    step(stages.write_report, lake=found.outputs["Output"], cpu="500m", memory="2Gi")
