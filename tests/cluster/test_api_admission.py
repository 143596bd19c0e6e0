"""Pod Security Admission on a real API server: Brume's pods are taken, lax ones rejected."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import ApiException, CoreV1Api

from brume.cluster import pods
from brume.cluster.jobs import Job, job_manifest
from brume.cluster.resources import Resources
from tests.cluster.harness import upstream
from tests.cluster.harness.api_server import Api
from tests.cluster.objects import BUILDERS, NAMES, SHARES, VARIABLES, overlaid, own_namespace, pods_of

Object = dict[str, Any]


@pytest.fixture(scope="module")
def objects(api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Object]]:
    """The objects of the overlay `local`, applied in a namespace of their own."""
    name = own_namespace("admission")
    folder = overlaid("local", name, tmp_path_factory.mktemp("admission"))
    api.kubectl("apply", "--server-side", "-k", folder)
    yield upstream.kustomized(api, folder)
    api.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def namespace(objects: list[Object]) -> str:
    return next(str(item["metadata"]["name"]) for item in objects if item["kind"] == "Namespace")


def rejection(api: Api, pod: Object) -> str:
    """Return why a pod is not let in, "" when it is; all but the storing itself is done."""
    with api.client() as connection:
        try:
            CoreV1Api(connection).create_namespaced_pod(
                pod["metadata"]["namespace"], pod, dry_run="All", field_validation="Strict"
            )
        except ApiException as error:
            return f"{error.status} {error.body}"
    return ""


def test_the_engines_pods_are_taken(api: Api, objects: list[Object], namespace: str) -> None:
    engines = [item for item in objects if item["kind"] == "Deployment"]
    assert len(engines) == 2
    for engine in engines:
        template = engine["spec"]["template"]
        about = {**template["metadata"], "name": engine["metadata"]["name"], "namespace": namespace}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": template["spec"]}
        assert rejection(api, pod) == ""


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("kind", BUILDERS)
def test_pods_of_jobs_and_models_are_taken(api: Api, namespace: str, kind: str, share: str) -> None:
    """As the objects describe them; what the operators add to them, the node level shows."""
    found = pods_of(BUILDERS[kind](NAMES[2], namespace, "", SHARES[share], VARIABLES[1], 2))
    assert len(found) == (2 if kind == "MPIJob" else 1)
    for pod in found:
        assert pod["metadata"]["labels"].items() >= pods.labels("x").items() - {
            ("app.kubernetes.io/component", "x")
        }
        assert rejection(api, pod) == ""


def _pod(namespace: str) -> Object:
    """A pod of a background job, which is taken."""
    manifest = job_manifest(Job("Restricted", "a.module", resources=Resources(cpu="100m", memory="128Mi")))
    manifest["metadata"]["namespace"] = namespace
    (pod,) = pods_of(manifest)
    return pod


# What is changed in a pod's spec ("" is the spec itself, "main" its container), and a word of the rejection.
BREACHES: list[tuple[str, Object, str]] = [
    ("main", {"securityContext": None}, "allowPrivilegeEscalation != false"),
    ("main", {"securityContext": {"allowPrivilegeEscalation": True}}, "allowPrivilegeEscalation != false"),
    ("main", {"securityContext": {"capabilities": {}}}, "unrestricted capabilities"),
    ("main", {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["SYS_PTRACE"]}}}, "capabilities"),
    ("main", {"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}, "privileged"),
    ("main", {"securityContext": {"runAsNonRoot": False}}, "runAsNonRoot != true"),
    ("main", {"securityContext": {"runAsUser": 0}}, "runAsUser=0"),
    ("main", {"ports": [{"containerPort": 80, "hostPort": 80}]}, "hostPort"),
    ("", {"securityContext": {}}, "seccompProfile"),
    ("", {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, "seccompProfile"),
    ("", {"hostNetwork": True}, "host namespaces"),
    ("", {"hostPID": True}, "host namespaces"),
    ("", {"volumes": [{"name": "tmp", "hostPath": {"path": "/"}}]}, "hostPath"),
]


@pytest.mark.parametrize(("where", "change", "word"), BREACHES, ids=lambda value: str(value)[:70])
def test_a_pod_that_is_not_restricted_is_refused(
    api: Api, namespace: str, where: str, change: Object, word: str
) -> None:
    pod = _pod(namespace)
    assert rejection(api, pod) == ""
    broken = copy.deepcopy(pod)
    target = broken["spec"]["containers"][0] if where else broken["spec"]
    for key, value in change.items():
        if isinstance(value, dict) and value and isinstance(target.get(key), dict):
            target[key].update(value)
        else:
            target[key] = value
    message = rejection(api, broken)
    assert message.startswith("403"), message
    assert "restricted" in message
    assert word in message


def test_it_is_the_namespace_that_refuses(api: Api, namespace: str) -> None:
    """The same pod in a namespace without the label is let in."""
    other = own_namespace("lax")
    api.kubectl("create", "namespace", other)
    api.kubectl("create", "serviceaccount", pods.SERVICE_ACCOUNT, "--namespace", other)
    try:
        pod = _pod(other)
        pod["spec"]["hostPID"] = True
        assert rejection(api, pod) == ""
        pod["metadata"]["namespace"] = namespace
        assert rejection(api, pod).startswith("403")
    finally:
        api.kubectl("delete", "namespace", other, "--wait=false")
