"""The rights that the manifests give are those that the code uses, counted from what it asks of the API."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from components.cluster import diagnosis, jobs, mpi, serving
from tests.components.cluster.conftest import Start
from tests.components.cluster.kubernetes_double import KubernetesDouble

ROLES = Path(__file__).resolve().parents[3] / "manifests" / "base" / "roles.yaml"
Right = tuple[str, str, str]


def granted(account: str) -> set[Right]:
    """What the roles bound to a service account allow."""
    objects = list(yaml.safe_load_all(ROLES.read_text()))
    bound = {
        item["roleRef"]["name"]
        for item in objects
        if item["kind"] == "RoleBinding" and account in [subject["name"] for subject in item["subjects"]]
    }
    return {
        (group, resource, verb)
        for item in objects
        if item["kind"] == "Role" and item["metadata"]["name"] in bound
        for rule in item["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def run_an_mpi_job(double: KubernetesDouble) -> None:
    job = mpi.MpiJob("j", (sys.executable, "-m", "m"), 1, image="i", namespace="lab")
    with pytest.raises(mpi.JobError):
        mpi.run(job, print)
    assert not double.objects


def serve(double: KubernetesDouble) -> None:
    with pytest.raises(serving.ServingError):
        serving.serve(serving.Model("m", "s3://b/m", "i", namespace="lab"), print)
    assert not double.objects


def run_in_the_background(double: KubernetesDouble) -> None:
    jobs.start(jobs.Job("b", "m"))
    while jobs.state("b").phase == "running":
        time.sleep(0.05)
    jobs.stop("b")
    assert not double.objects


def play(double: KubernetesDouble, name: str) -> None:
    """Everything fails, after a while in which it is watched: failures need the most rights."""
    (kind,) = {item["kind"] for item in double.objects.values()}
    container = {"MPIJob": "mpi-launcher", "InferenceService": "kserve-container", "Job": "job"}[kind]
    double.pod(f"{name}-x", container)
    double.write(f"{name}-x", "a line")
    double.status(name)
    time.sleep(0.3)
    double.end(f"{name}-x", 1)
    if kind != "InferenceService":
        double.condition(name, "Failed")


@pytest.mark.parametrize(
    ("account", "work"),
    [("brume-pipeline", (run_an_mpi_job, serve)), ("brume-engine", (run_in_the_background, serve))],
)
def test_an_account_may_do_what_its_code_does_and_nothing_else(
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    account: str,
    work: tuple[Callable[[KubernetesDouble], None], ...],
) -> None:
    monkeypatch.setenv("KFP_NAMESPACE", "lab")
    monkeypatch.setattr(diagnosis, "_TO_SPEAK", 0.0)
    used: set[Right] = set()
    for do in work:
        with start(play) as double:
            do(double)
        used |= double.rights
    # A job that cannot get a pod is explained by events, which is the rarest of what is asked for.
    assert used | {("", "events", "list")} == granted(account)


def test_what_the_engines_and_the_steps_start_may_do_nothing() -> None:
    assert granted("brume-jobs") == set()
