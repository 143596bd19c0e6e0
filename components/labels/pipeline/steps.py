"""Every step of the labels pipeline: thin wrappers that make functions of `stages.py` kfp components."""

from functools import partial
from typing import NamedTuple

from kfp import dsl

from brume.cluster.images import reference

# The image holds this package and what it needs: nothing is installed when a step starts.
step = partial(
    dsl.component, base_image=reference("pipeline"), packages_to_install=[], install_kfp_package=False
)


@step()
def find_source(source: str, workers: str, output: dsl.Output[dsl.Dataset]) -> NamedTuple(  # type: ignore[valid-type]
    "Given", [("source", str), ("workers", str)]
):
    """Return where the labelling output and its workers are; without a place, make them."""
    from brume.labels.pipeline import stages

    return stages.source(source, workers, output)


@step()
def ingest_annotations(
    source: str,
    lake: str,
    modalities: str,
    job_states: bool,
    tables: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
) -> str:
    """Read what is new or changed into the lake; returns where that is."""
    from brume.labels.pipeline import stages

    return stages.ingest(source, lake, modalities, job_states, tables, metrics)


@step()
def join_workers(lake: str, workers: str, mask_people: bool) -> str:
    """Give every answer its worker's name."""
    from brume.labels.pipeline import stages

    return stages.join(lake, workers, mask_people)


@step()
def judge_quality(lake: str) -> str:
    """Compute the quality of answers, labels, tracks and audits."""
    from brume.labels.pipeline import stages

    return stages.quality(lake)


@step()
def publish_tables(lake: str, glue: bool, iceberg: str, workgroup: str) -> str:
    """Tell AWS Glue of the lake's tables, and keep them as Iceberg tables, as asked."""
    from brume.labels.pipeline import stages

    return stages.tables(lake, glue, iceberg, workgroup)


@step()
def run_queries(lake: str, workgroup: str, results: dsl.Output[dsl.Dataset]) -> None:
    """Ask Athena, or the engine, the standing queries."""
    from brume.labels.pipeline import stages

    stages.queries(lake, workgroup, results)


@step()
def write_dashboard(
    lake: str,
    mask_people: bool,
    results: dsl.Input[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
    picture: dsl.Output[dsl.Artifact],
    paper: dsl.Output[dsl.Artifact],
) -> None:
    """Write the dashboard: one self-contained page, and a PNG and a PDF of it."""
    from brume.labels.pipeline import stages

    stages.dashboard(lake, mask_people, results, report, picture, paper)


@step()
def make_quicksight_dashboard(lake: str, principal: str, workgroup: str, mask_people: bool) -> None:
    """Make a dashboard in QuickSight, where somebody is to get one."""
    from brume.labels.pipeline import stages

    stages.quicksight(lake, principal, workgroup, mask_people)
