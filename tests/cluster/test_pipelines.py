"""Pipelines on Kubeflow Pipelines itself: submitted, run as pods, reported, scheduled.

The steps run in the namespace of Kubeflow Pipelines, as manifests/README.md describes. The pipeline is
`labels`: those with an exit handler that gets the run's status need version 2.14, and 2.0.5 is the last
one that can be had as a module.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from brume.labels import demo
from brume.pipelines.cli import main
from brume.pipelines.running import catalog
from tests.cluster.harness.cluster import Cluster
from tests.cluster.harness.installed import Installed
from tests.polling import until

NAMESPACE = "kubeflow"
ACCOUNT = f"{NAMESPACE}:brume-pipeline"
BUCKET = "mlpipeline"
LAKE = f"s3://{BUCKET}/brume/labels/lake"  # the one that the engine of the overlay `local` reads
SOURCE = "brume/labels/made"
NOWHERE = f"s3://{BUCKET}/nobody/wrote/here"
# What its driver, launcher and executor ask of Kubernetes: verb, group, resource.
NEEDED = {
    "create argoproj.io workflowtaskresults",
    "patch argoproj.io workflowtaskresults",
    "get - configmaps",
    "get - secrets",
    "get - pods",
}

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def there(kubeflow_pipelines: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return Brume where Kubeflow Pipelines runs steps."""
    folder = tmp_path_factory.mktemp("kubeflow")
    return Installed(kubeflow_pipelines.api, kubeflow_pipelines.store, folder, NAMESPACE)


@pytest.fixture(scope="module")
def host(there: Installed) -> Iterator[str]:
    """Give the address of the API, by the way that the command's help names."""
    with there.forwarded("service/ml-pipeline", 8888) as url:
        yield url


@pytest.fixture(scope="module")
def rights(there: Installed) -> Iterator[list[set[str]]]:
    """Give the steps' account what every step needs, as README has it; its rights before and after."""
    about = ("brume-pipeline-runner", "--namespace", NAMESPACE)
    before = allowed(there)
    there.api.kubectl(
        "create", "rolebinding", *about, "--role=pipeline-runner", f"--serviceaccount={ACCOUNT}"
    )
    yield [before, allowed(there)]
    there.api.kubectl("delete", "rolebinding", *about)


def allowed(there: Installed) -> set[str]:
    """Return which of the things that Kubeflow Pipelines does in a step's pod the steps' account may do."""
    return {what for what in NEEDED if _may(there, *what.split())}


def _may(there: Installed, verb: str, group: str, resource: str) -> bool:
    group = group.strip("-")
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{ACCOUNT}",
            "resourceAttributes": {
                "namespace": NAMESPACE,
                "verb": verb,
                "group": group,
                "resource": resource,
            },
        },
    }
    answer = there.api.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(review))
    return bool(json.loads(answer)["status"]["allowed"])


def brume(*words: str) -> Result:
    answer = CliRunner().invoke(main, list(words), prog_name="brume")
    assert answer.exit_code == 0, answer.output
    return answer


def of_nothing(host: str) -> list[str]:
    """Return the words for a run whose first step fails: there is nothing to read."""
    parameters = [f"source={NOWHERE}", f"lake={LAKE}-of-nothing"]
    return ["labels", *parameters, "--host", host, "--namespace", NAMESPACE]


def identity(answer: Result) -> str:
    found = re.search(r"^(?:recurring )?run ([0-9a-f-]{36}): http", answer.stdout, re.MULTILINE)
    assert found, answer.stdout
    return found[1]


def asked(host: str, path: str, method: str = "GET") -> Any:
    request = urllib.request.Request(f"{host}/apis/v2beta1/{path}", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def ended(host: str, run: str) -> Any:
    """Wait until a run has ended, and return what the API knows of it."""

    def known() -> Any:
        found = asked(host, f"runs/{run}")
        return found if found.get("state") not in (None, "PENDING", "RUNNING") else None

    return until(known, f"the end of run {run}", seconds=1500, pause=1)


def pods(there: Installed, run: str) -> list[Any]:
    selector = ["--selector", f"pipeline/runid={run}"]
    found: list[Any] = there.api.get("pods", "--namespace", NAMESPACE, *selector)["items"]
    return found


def steps(there: Installed, run: str) -> list[Any]:
    """Return the pods of a run that run the project's image; the others are Kubeflow Pipelines' own."""
    return [pod for pod in pods(there, run) if _main(pod)["image"].startswith("brume-pipeline:")]


def _main(pod: Any) -> Any:
    return next(item for item in pod["spec"]["containers"] if item["name"] == "main")


def logs(there: Installed, run: str) -> str:
    """Return the end of what every pod of a run wrote, for the message of a test that fails."""
    names = [pod["metadata"]["name"] for pod in pods(there, run) if pod["status"]["phase"] != "Succeeded"]
    ends = []
    for name in names:
        words = ("logs", name, "--namespace", NAMESPACE, "--all-containers", "--tail=20")
        ends.append(f"{name}:\n{there.api.kubectl(*words)}")
    return "\n".join(ends)


def test_steps_need_the_rights_that_readme_binds(rights: list[set[str]]) -> None:
    before, after = rights
    assert before == set()
    assert after == NEEDED


@pytest.fixture(scope="module")
def source(there: Installed, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Put labelling output, a small one, where the cluster's steps find it; returns its address."""
    made = tmp_path_factory.mktemp("made")
    demo.generate(made, "small")
    store = there.store.client()
    for file in (path for path in made.rglob("*") if path.is_file()):
        store.upload_file(str(file), BUCKET, f"{SOURCE}/{file.relative_to(made)}")
    return f"s3://{BUCKET}/{SOURCE}"


@pytest.fixture(scope="module")
def run(host: str, source: str, there: Installed, rights: object) -> Any:
    """Submit the pipeline and return the run, which succeeded."""
    until(lambda: _available(there, "brume-labels"), "the engine", seconds=180, pause=1)
    given = (f"source={source}/tree", f"workers={source}/workers.csv", f"lake={LAKE}")
    name = identity(brume("submit", "labels", *given, "--host", host, "--namespace", NAMESPACE))
    run = ended(host, name)
    assert run["state"] == "SUCCEEDED", f"{run}\n{logs(there, name)}"
    return run


def _available(there: Installed, deployment: str) -> bool:
    status = there.api.get("deployment", deployment, "--namespace", NAMESPACE)["status"]
    return bool(status.get("availableReplicas"))


def test_a_submitted_pipeline_runs_as_pods(run: Any, there: Installed) -> None:
    ran = steps(there, run["run_id"])
    assert len(ran) == len(catalog.load("labels").stages)
    assert {pod["spec"]["serviceAccountName"] for pod in ran} == {"brume-pipeline"}
    assert {pod["status"]["phase"] for pod in ran} == {"Succeeded"}


def artifact(there: Installed, run: Any, step: str, name: str) -> str:
    """Return what a step left, from where Kubeflow Pipelines keeps it; some versions put a word between."""
    store = there.store.client()
    prefix = f"v2/artifacts/labels/{run['run_id']}/{step}/"
    kept = [item["Key"] for item in store.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]]
    (key,) = [each for each in kept if each.endswith(f"/{name}")]
    return str(store.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())


def test_the_report_is_in_the_store(run: Any, there: Installed) -> None:
    page = artifact(there, run, "write-dashboard", "report")
    assert page.startswith("<!doctype html>")
    assert "<title>Labelling" in page


def test_the_engine_answered_the_queries(run: Any, there: Installed) -> None:
    executions = json.loads(artifact(there, run, "run-queries", "results/executions.json"))
    assert {execution["Status"]["State"] for execution in executions.values()} == {"SUCCEEDED"}


def test_a_step_that_fails_is_reported(host: str, there: Installed, rights: object) -> None:
    name = identity(brume("submit", *of_nothing(host)))
    assert ended(host, name)["state"] == "FAILED"
    (failed,) = [pod for pod in steps(there, name) if pod["status"]["phase"] == "Failed"]
    log = there.api.kubectl("logs", failed["metadata"]["name"], "--namespace", NAMESPACE, "--container=main")
    assert NOWHERE in log


def test_a_schedule_makes_runs(host: str, there: Installed, rights: object) -> None:
    schedule = identity(brume("schedule", *of_nothing(host), "--cron", "*/5 * * * * *"))
    try:

        def made() -> list[Any]:
            runs = asked(host, f"runs?namespace={NAMESPACE}&page_size=100").get("runs", [])
            return [item for item in runs if item.get("recurring_run_id") == schedule]

        first = until(made, f"a run of the schedule {schedule}", seconds=180, pause=1)[0]
        began = until(lambda: pods(there, first["run_id"]), "the first pod of that run", seconds=180, pause=1)
        assert {pod["spec"]["serviceAccountName"] for pod in began} == {"brume-pipeline"}
    finally:
        asked(host, f"recurringruns/{schedule}", method="DELETE")
