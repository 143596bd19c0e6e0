"""The labels engine on a real cluster: Athena's API over a lake in S3, with results in S3."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore import UNSIGNED

from brume import storage
from brume.labels import demo
from brume.labels.model import ingest, queries
from brume.labels.model.lake import Lake
from brume.labels.pipeline import worker_tables
from tests.aws.lake import ended, finished, rows
from tests.aws.serving import client_of
from tests.cluster.engines import Deployed
from tests.cluster.harness.installed import STEP, Installed
from tests.polling import until

# Where the overlay `local` has the engine read.
LAKE = "s3://mlpipeline/brume/labels/lake"
MODALITIES = ("VideoObjectTracking", "VideoObjectTrackingAudit")  # the others are three times as many files
# The queries of the original, and how many rows they have in DuckDB's own SQL, which the engine does not see.
ORIGINAL = {
    "original_worker_tasks": "SELECT sum(len(answercontent)) FROM worker_metrics_processed_worker_metrics",
    "original_labels": (
        'SELECT sum(len(ann.annotations)) FROM (SELECT unnest("tracking-annotations") AS ann '
        "FROM annotations_batch_manifests)"
    ),
    "original_frames": (
        'SELECT count(*) FROM (SELECT unnest("tracking-annotations") AS ann FROM annotations_batch_manifests)'
        " WHERE len(ann.annotations) != 0"
    ),
}
LABELS = "SELECT modality, count(*) AS n FROM labels GROUP BY modality ORDER BY modality"
# As the step `queries` of the pipeline asks.
STEPS_PROGRAM = """
from brume.labels.pipeline.standing_queries import run_all
from brume.labels.model.queries import Query
run_all([Query("labels", "", {sql!r}, False)], {results!r}, "primary")
"""


@pytest.fixture(scope="module")
def lake(brume: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A small tree of labelling output, read into the lake of the cluster, with its workers' names."""
    folder = tmp_path_factory.mktemp("labels") / "source"
    demo.generate(folder, "small")
    with brume.acting_as("brume-pipeline"):
        storage.remove(LAKE)
        made = Lake(LAKE)
        ingest.run(str(folder / "tree"), made, MODALITIES)
        worker_tables.join(made, str(folder / "workers.csv"), mask=False)
    yield made
    with brume.acting_as("brume-pipeline"):
        storage.remove(LAKE)


@pytest.fixture(scope="module")
def engine(brume: Installed) -> Deployed:
    return Deployed(brume, "brume-labels", "athena")


@pytest.fixture
def results(brume: Installed) -> Iterator[str]:
    """An address for results, and this process as one that may read there."""
    folder = f"s3://mlpipeline/tests/{secrets.token_hex(4)}"
    with brume.acting_as("brume-pipeline"):
        yield folder
        storage.remove(folder)


def written(address: str) -> list[list[str]]:
    """Return the rows of a result in S3."""
    return list(csv.reader(io.StringIO(storage.read_bytes(address).decode())))


def test_the_queries_of_the_original_are_answered(engine: Deployed, lake: Lake, results: str) -> None:
    known = {}
    with lake.connect() as connection:
        for name, count in ORIGINAL.items():
            known[name] = int(connection.execute(count).fetchall()[0][0])
    assert min(known.values()) > 0
    found = {}
    with engine.outside() as client:
        for name in ORIGINAL:
            execution = finished(
                client,
                queries.named()[name].sql,
                ResultConfiguration={"OutputLocation": f"{results}/"},
            )
            assert execution["Status"]["State"] == "SUCCEEDED", execution
            place = execution["ResultConfiguration"]["OutputLocation"]
            assert place == f"{results}/{execution['QueryExecutionId']}.csv"
            _names, *found[name] = written(place)
    assert {name: len(lines) for name, lines in found.items()} == known


def test_a_step_and_a_program_outside_get_the_same(engine: Deployed, lake: Lake, results: str) -> None:
    with engine.outside() as client:
        execution = finished(client, LABELS, ResultConfiguration={"OutputLocation": f"{results}/"})
        outside = rows(client, execution)
    assert [line[0] for line in outside] == ["modality", *sorted(MODALITIES)]
    assert written(execution["ResultConfiguration"]["OutputLocation"]) == outside
    engine.inside(STEPS_PROGRAM.format(sql=LABELS, results=f"{results}/inside"))
    assert written(f"{results}/inside/labels.csv") == outside


def test_what_the_engine_knows_outlives_its_pod(engine: Deployed, lake: Lake, results: str) -> None:
    group = f"group-{secrets.token_hex(4)}"
    with engine.outside() as client:
        client.create_work_group(
            Name=group, Configuration={"ResultConfiguration": {"OutputLocation": f"{results}/"}}
        )
        execution = finished(client, LABELS, WorkGroup=group)
        before = rows(client, execution)
    engine.replace_pod()
    with engine.outside() as client:
        assert rows(client, ended(client, execution["QueryExecutionId"])) == before
        again = finished(client, LABELS, WorkGroup=group)
        assert rows(client, again) == before
        assert again["ResultConfiguration"]["OutputLocation"].startswith(f"{results}/")
        client.delete_work_group(WorkGroup=group, RecursiveDeleteOption=True)


def test_only_who_signs_with_a_key_is_let_in(brume: Installed, engine: Deployed) -> None:
    with brume.forwarded("service/brume-labels", 8080) as url:
        assert client_of(url, "athena", key=engine.key).list_work_groups()["WorkGroups"]
        forger = replace(engine.key, secret="guessed")
        codes = [
            engine.refuses(url, "list_work_groups", signature_version=UNSIGNED),
            engine.refuses(url, "list_work_groups", key=forger),
        ]
    assert codes == ["MissingAuthenticationTokenException", "InvalidSignatureException"]


def test_only_the_pods_that_policies_name_reach_it(engine: Deployed) -> None:
    until(lambda: engine.reached(STEP), "a way from a step to the engine")
    assert not engine.reached({"app": "somebody-elses"})
