"""Labelling reports: from Ground Truth's output to a lake, SQL, quality figures and a dashboard.

brume run labels source=DIR workers=workers.csv --out out/labels
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfp import dsl

from brume import storage
from brume.labels.pipeline import steps
from brume.labels.pipeline.settings import check_labels
from brume.pipelines.running.pods import pod

STAGES = ("source", "ingest", "workers", "quality", "tables", "queries", "dashboard", "quicksight")


def check(arguments: Mapping[str, Any]) -> None:
    """Raise `ValueError` that names every parameter the pipeline cannot work with."""
    check_labels(arguments)


def engines(arguments: Mapping[str, Any], out: Path) -> dict[str, dict[str, str]]:
    """Return the engine of a local run, with the folder that its results are written to."""
    return {"labels": {"s3://brume-run/": f"{out}/"}}


def environment(arguments: Mapping[str, Any], out: Path) -> dict[str, str]:
    """Return the variables of a local run: where the engine finds the lake."""
    return {"BRUME_LAKE": storage.absolute(arguments["lake"] or str(out / "lake"))}


@dsl.pipeline(name="labels", description="Report on the progress and quality of labelling jobs.")
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
        publish_glue: Whether AWS Glue is told of the tables, for Athena.
        publish_quicksight: ARN of the QuickSight user or group that gets a dashboard; empty: none is made.
        workgroup: Athena's workgroup that the queries run in.
    """
    # New annotations lie at the same address: nothing may be answered from a cache of inputs.
    found = pod(
        steps.find_source(source=source, workers=workers).set_caching_options(False), cpu="1", memory="2Gi"
    )
    ingested = pod(
        steps.ingest_annotations(
            source=found.outputs["source"], lake=lake, modalities=modalities, job_states=job_states
        ).set_caching_options(False),
        cpu="2",
        memory="2Gi",
    )
    joined = pod(
        steps.join_workers(
            lake=ingested.outputs["Output"],
            workers=found.outputs["workers"],
            mask_people=mask_people,
        ).set_caching_options(False),
        cpu="1",
        memory="2Gi",
    )
    judged = pod(steps.judge_quality(lake=joined.output).set_caching_options(False), cpu="2", memory="4Gi")
    # Before the queries: where AWS answers them, it knows the tables by Glue.
    published = pod(
        steps.publish_tables(
            lake=judged.output, glue=publish_glue, iceberg=iceberg, workgroup=workgroup
        ).set_caching_options(False),
        cpu="500m",
        memory="1Gi",
    )
    asked = pod(
        steps.run_queries(lake=published.output, workgroup=workgroup).set_caching_options(False),
        cpu="500m",
        memory="1Gi",
    )
    page = pod(
        steps.write_dashboard(
            lake=judged.output, mask_people=mask_people, results=asked.outputs["results"]
        ).set_caching_options(False),
        cpu="1",
        memory="2Gi",
    )
    pod(
        steps.make_quicksight_dashboard(
            lake=published.output,
            principal=publish_quicksight,
            workgroup=workgroup,
            mask_people=mask_people,
        ).set_caching_options(False),
        cpu="500m",
        memory="2Gi",
    ).after(page)  # what QuickSight refuses costs no report
