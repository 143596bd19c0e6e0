"""Services of a cluster: DNS, a network with policies, an object store, measurements."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.cluster import images
from tests.cluster.harness.api_server import Api
from tests.cluster.harness.cluster import Cluster
from tests.cluster.harness.object_store import BUCKET, NAMESPACE, SERVICE
from tests.polling import until

LOOK_UP = "import socket, sys; print(socket.gethostbyname(sys.argv[1]))"
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=3).status)"
PORT = 8000
DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace with three pods: only `friend` may ask `server`, and that is all that `friend` may do."""
    name = f"services-{secrets.token_hex(4)}"
    served = {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": PORT}]}
    to_server = {
        "podSelector": _labels("friend"),
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"podSelector": _labels("server")}]}, {"to": [DNS]}],
    }
    from_friend = {
        "podSelector": _labels("server"),
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": _labels("friend")}]}],
    }
    cluster.api.apply(
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
            _object("networking.k8s.io/v1", "NetworkPolicy", "friend", name, to_server),
            _object("networking.k8s.io/v1", "NetworkPolicy", "server", name, from_friend),
            _object("v1", "Service", "server", name, served),
            *(_pod(one, name) for one in ("server", "friend", "stranger")),
        ]
    )
    cluster.api.kubectl("wait", "--for=condition=Ready", "pod", "--all", "-n", name, "--timeout=120s")
    yield name
    cluster.api.kubectl("delete", "namespace", name)


def _labels(app: str) -> dict[str, Any]:
    return {"matchLabels": {"app": app}}


def _object(version: str, kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    about = {"name": name, "namespace": namespace, "labels": {"app": name}}
    return {"apiVersion": version, "kind": kind, "metadata": about, "spec": spec}


def _pod(name: str, namespace: str) -> dict[str, Any]:
    # Every pod serves: one command for all.
    container = {
        "name": "main",
        "image": images.reference("pipeline"),
        "command": ["python3", "-m", "http.server", str(PORT), "--directory", "/tmp"],
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return _object("v1", "Pod", name, namespace, spec)


def _run(api: Api, namespace: str, pod: str, program: str, argument: str) -> str:
    """Run a Python program in a pod and return its last line, be it that of an error."""
    # A program that fails is an answer too.
    shell = 'python3 -c "$0" "$1" 2>&1 || true'
    output = api.kubectl("exec", "-n", namespace, pod, "--", "sh", "-c", shell, program, argument)
    return output.strip().splitlines()[-1]


def test_names_are_found_and_others_are_denied_at_once(cluster: Cluster, namespace: str) -> None:
    address = cluster.api.get("service", SERVICE, "-n", NAMESPACE)["spec"]["clusterIP"]
    assert _run(cluster.api, namespace, "stranger", LOOK_UP, f"{SERVICE}.{NAMESPACE}") == address
    printed = _run(cluster.api, namespace, "stranger", LOOK_UP, "nowhere.example")
    assert "Name or service not known" in printed  # not: "Temporary failure in name resolution"


def test_policies_hold(cluster: Cluster, namespace: str) -> None:
    store = f"http://{SERVICE}.{NAMESPACE}:9000/healthz"
    # The node learns of a Service's pods some time after they are ready.
    until(lambda: _run(cluster.api, namespace, "friend", ASK, "http://server/") == "200", "an answer")
    assert "timed out" in _run(cluster.api, namespace, "friend", ASK, store)
    assert "timed out" in _run(cluster.api, namespace, "stranger", ASK, "http://server/")
    assert _run(cluster.api, namespace, "stranger", ASK, store) == "200"


def test_of_those_who_write_an_object_first_one_does(cluster: Cluster) -> None:
    client, key = cluster.store.client(), f"tests/{secrets.token_hex(4)}"

    def write(number: int) -> int:
        try:
            client.put_object(Bucket=BUCKET, Key=key, Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return number

    with ThreadPoolExecutor(8) as together:
        answers = list(together.map(write, range(8)))
    winners = [number for number in answers if number != 412]
    assert len(winners) == 1
    assert client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == str(winners[0]).encode()
    client.delete_object(Bucket=BUCKET, Key=key)


def test_what_nodes_use_is_measured(cluster: Cluster) -> None:
    measured = cluster.api.kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes")
    assert '"usage":{"cpu":' in measured
