"""Who may talk to whom: the table of manifests/README.md, and what the NetworkPolicies allow."""

from __future__ import annotations

from typing import Any

import pytest

from brume.cluster.pods import labels
from tests.manifests.policies import Address, Pod, connects
from tests.manifests.talking import TABLE
from tests.manifests.test_manifests import OVERLAYS, by_name, render

STEP = {"pipelines.kubeflow.org/v2_component": "true"}
OWN = "brume"


def policies(overlay: str) -> list[dict[str, Any]]:
    return [item for item in render(overlay) if item["kind"] == "NetworkPolicy"]


def engine(name: str, overlay: str = "records") -> Pod:
    """An engine's pod, by the labels that its Deployment gives it."""
    deployment = by_name(render(overlay))["Deployment", name]
    return Pod(OWN, deployment["spec"]["template"]["metadata"]["labels"])


SOURCES = {
    "a step": Pod(OWN, STEP),
    "a step in another namespace": Pod("team", STEP),
    "`brume-inspection`": engine("brume-inspection"),
    "`brume-labels`": engine("brume-labels"),
    "a predictor": Pod(OWN, labels("predictor")),
    "a launcher or worker": Pod(OWN, labels("mpi")),
    "a background job": Pod(OWN, labels("job")),
    "another pod of the namespace": Pod(OWN, {"app": "stranger"}),
    "another pod elsewhere": Pod("team", {"app": "stranger"}),
}
Target = tuple[Pod | Address, int, str]
TARGETS: dict[str, list[Target]] = {
    "engines": [(SOURCES[name], 8080, "TCP") for name in ("`brume-inspection`", "`brume-labels`")],
    "predictors": [(SOURCES["a predictor"], 8080, "TCP")],
    "launchers, workers": [(SOURCES["a launcher or worker"], port, "TCP") for port in (2222, 40001)],
    "jobs, steps": [(SOURCES[name], 8080, "TCP") for name in ("a background job", "a step")],
    "DNS": [(Pod("kube-system", {"k8s-app": "kube-dns"}), 53, protocol) for protocol in ("UDP", "TCP")],
    "Kubernetes API": [(Address("10.244.0.1"), 6443, "TCP"), (Address("172.18.0.2"), 443, "TCP")],
}
STORES: dict[str, list[Target]] = {
    "local": [(Pod("kubeflow", {"app": "minio"}), 9000, "TCP"), (Pod("kubeflow"), 8333, "TCP")],
    "gpu": [(Pod("kubeflow", {"app": "minio"}), 9000, "TCP"), (Pod("kubeflow"), 8333, "TCP")],
    "captions": [(Pod("kubeflow", {"app": "minio"}), 9000, "TCP"), (Pod("kubeflow"), 8333, "TCP")],
    "narration": [(Pod("kubeflow", {"app": "minio"}), 9000, "TCP"), (Pod("kubeflow"), 8333, "TCP")],
    "records": [(Pod("kubeflow", {"app": "minio"}), 9000, "TCP"), (Pod("kubeflow"), 8333, "TCP")],
    "aws": [(Address("52.216.0.1"), 443, "TCP")],
}


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("source", SOURCES)
def test_the_policies_allow_what_the_table_allows(overlay: str, source: str) -> None:
    objects = policies(overlay)
    for column, expected in TABLE[source].items():
        if overlay == "aws" and column == "Kubernetes API":
            continue  # there it is an address with HTTPS like any other, and rights alone decide
        for target in (TARGETS | {"object store": STORES[overlay]})[column]:
            assert connects(objects, SOURCES[source], *target) is expected, (column, target)


def test_the_table_is_about_everybody() -> None:
    assert TABLE.keys() == SOURCES.keys()
    assert {column for cells in TABLE.values() for column in cells} == {*TARGETS, "object store"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nobody_gets_the_role_of_the_node(overlay: str) -> None:
    """The address at which a cloud gives a machine's own credentials to anyone who asks from it."""
    for pod in SOURCES.values():
        if pod.namespace == OWN:
            assert not connects(policies(overlay), pod, Address("169.254.169.254"), 80, "TCP")
            assert not connects(policies(overlay), pod, Address("169.254.169.254"), 443, "TCP")


def test_the_records_engine_reaches_what_the_labels_engine_does() -> None:
    objects, own = policies("records"), engine("brume-records")
    for column, expected in TABLE["`brume-labels`"].items():
        for target in (TARGETS | {"object store": STORES["records"]})[column]:
            assert connects(objects, own, *target) is expected, (column, target)
    assert connects(objects, SOURCES["a step"], own, 8080, "TCP")
    assert not connects(objects, SOURCES["another pod of the namespace"], own, 8080, "TCP")


@pytest.mark.parametrize("system", ["captions", "narration"])
def test_an_engine_of_several_pods_alone_reaches_its_database(system: str) -> None:
    objects, own = policies(system), engine(f"brume-{system}", system)
    database = (Pod("data", {"app.kubernetes.io/name": "postgresql"}), 5432, "TCP")
    assert connects(objects, own, *database)
    assert not connects(objects, engine("brume-labels"), *database)
    assert not connects(objects, own, Pod("data", {"app": "other"}), 5432, "TCP")
    for name in ("a step", "a step in another namespace"):
        assert connects(objects, SOURCES[name], own, 8080, "TCP")


def test_without_the_policies_the_table_would_not_hold() -> None:
    """That the evaluation can allow, and each policy is needed: without it some cell differs."""
    objects = policies("local")
    for missing in range(len(objects)):
        rest = [*objects[:missing], *objects[missing + 1 :]]
        different = [
            (source, column)
            for source, cells in TABLE.items()
            for column, expected in cells.items()
            for target in (TARGETS | {"object store": STORES["local"]})[column]
            if connects(rest, SOURCES[source], *target) is not expected
        ]
        name = objects[missing]["metadata"]["name"]
        # In a namespace of Brume's own the deny of the namespace covers that of Brume's pods.
        assert different or name == "brume-default-deny", name
