"""Labelling reports: from Ground Truth's output to a lake, SQL, quality figures and a dashboard.

brume run labels source=DIR workers=workers.csv --out out/labels
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brume import storage
from brume.labels.pipeline import stages
from brume.labels.pipeline.settings import check_labels
from brume.pipelines.running import steps


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_labels(arguments)


def engines(arguments: Mapping[str, Any], out: Path) -> dict[str, dict[str, str]]:
    """Return the engine of a local run, with the folder that its results are written to."""
    return {"labels": {"s3://brume-run/": f"{out}/"}}


def environment(arguments: Mapping[str, Any], out: Path) -> dict[str, str]:
    """Return the variables of a local run: where the engine finds the lake."""
    return {"BRUME_LAKE": storage.absolute(arguments["lake"] or str(out / "lake"))}


@steps.pipeline("labels", "Report on the progress and quality of labelling jobs.")
def pipeline(
    source: str = "",
    lake: str = "",
    workers: str = "",
    modalities: str = "",
    job_states: bool = False,
    mask_people: bool = False,
    iceberg: str = "",
    publish_glue: bool = False,
    publish_quicksight: str = "",
    workgroup: str = "primary",
) -> None:
    """Report on the progress and quality of labelling jobs.

    Args:
        source: Folder or s3:// prefix with Ground Truth's output; empty: an invented one is made.
        lake: Folder or s3:// prefix of the tables, kept from run to run; empty: in the run's own outputs.
        workers: Id of the workers' Cognito user pool, or a CSV file (sub, name, email, team).
        modalities: Modalities to report on, with commas between them; empty means all.
        job_states: Whether to ask SageMaker for the state of the jobs found.
        mask_people: Whether names and e-mail addresses are kept out of everything; pages hide ids too.
        iceberg: Keeps Iceberg tables too: local, or properties of a pyiceberg catalog, as {"type": "glue"}.
        publish_glue: Whether the tables are published to AWS Glue, for Athena.
        publish_quicksight: ARN of the QuickSight user or group that gets a dashboard; empty: none is made.
        workgroup: Athena's workgroup that the queries run in.
    """
    step = steps.Steps(locals())
    found = step(stages.find_source, cpu="1", memory="2Gi")
    ingested = step(stages.ingest_annotations, source=found.outputs["source"], cpu="2", memory="2Gi")
    joined = step(
        stages.join_workers,
        lake=ingested.outputs["Output"],
        workers=found.outputs["workers"],
        cpu="1",
        memory="2Gi",
    )
    quality = step(stages.assess_quality, lake=joined.output, cpu="2", memory="4Gi")
    # Before the queries: where AWS answers them, it knows the tables by Glue.
    published = step(stages.publish_tables, lake=quality.output, cpu="500m", memory="1Gi")
    queried = step(stages.run_queries, lake=published.output, cpu="500m", memory="1Gi")
    page = step(stages.write_dashboard, lake=quality.output, cpu="1", memory="2Gi").after(queried)
    # What QuickSight refuses costs no report.
    step(stages.make_quicksight_dashboard, lake=published.output, cpu="500m", memory="2Gi").after(page)
