"""Policies on a real node: connections by the table of manifests/README.md, and evictions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from kubernetes.client import ApiException, CoreV1Api, V1Eviction, V1ObjectMeta

from brume.cluster.jobs import Job, job_manifest
from brume.cluster.pods import SERVICE_ACCOUNT, labels
from brume.cluster.resources import Resources
from tests.cluster.harness.api_server import Api
from tests.cluster.harness.installed import STEP, Installed
from tests.cluster.objects import own_namespace, pods_of
from tests.manifests.talking import TABLE
from tests.polling import until

SHARE = Resources(cpu="20m", memory="128Mi")

ENGINES = ("brume-inspection", "brume-labels")
# Those who are pods of this test: what policies know them by. The engines are themselves.
PODS: dict[str, Mapping[str, str]] = {
    "a step": STEP,
    "a predictor": labels("predictor"),
    "a launcher or worker": labels("mpi"),
    "a background job": labels("job"),
    "another pod of the namespace": {"app": "stranger"},
}
ELSEWHERE = {"a step in another namespace": STEP, "another pod elsewhere": {"app": "stranger"}}
# Who listens, at which ports.
LISTENERS: dict[str, tuple[Mapping[str, str], tuple[int, ...]]] = {
    "engines": (labels("engine"), (8080,)),
    "predictors": (labels("predictor"), (8080,)),
    "launchers, workers": (labels("mpi"), (2222, 40001)),
    "jobs, steps": (labels("job"), (8080,)),
}

LISTEN = """
import selectors, socket
wait = selectors.DefaultSelector()
for port in {ports}:
    wait.register(socket.create_server(("", port)), selectors.EVENT_READ)
while True:
    for key, _ in wait.select():
        key.fileobj.accept()[0].close()
"""
LOOK = """
import json, socket
from concurrent.futures import ThreadPoolExecutor
def look(address):
    try:
        socket.create_connection(tuple(address), 6).close()
    except OSError:
        return False
    return True
targets = {targets}
with ThreadPoolExecutor(len(targets)) as pool:
    print(json.dumps(list(pool.map(look, targets))))
"""


def pod(name: str, namespace: str, program: str, known_by: Mapping[str, str]) -> dict[str, Any]:
    """Return a pod of the engines' image that runs a program."""
    (made,) = pods_of(job_manifest(Job(name, "x", resources=SHARE)))
    made["metadata"] = {"name": name, "namespace": namespace, "labels": dict(known_by)}
    made["spec"]["containers"][0] |= {"command": ["python3", "-c", program], "envFrom": []}
    return made


class Talking:
    """Pods that listen, and the others that try to reach them."""

    def __init__(self, brume: Installed, elsewhere: str) -> None:
        self.api: Api = brume.api
        self.namespace = brume.namespace
        self.elsewhere = elsewhere
        self.targets: list[tuple[str, tuple[str, int]]] = []  # the table's column, and an address of it
        for column, (known_by, ports) in LISTENERS.items():
            name = self.name(column)
            self.api.apply([pod(name, self.namespace, LISTEN.format(ports=ports), known_by)])
            self.wait(name, self.namespace, "Running")
            address = self.pod(name, self.namespace)["status"]["podIP"]
            self.targets += [(column, (address, port)) for port in ports]
        for column, namespace, service, port in (
            ("DNS", "kube-system", "kube-dns", 53),
            ("object store", "kubeflow", "minio-service", 9000),
            ("Kubernetes API", "default", "kubernetes", 443),
        ):
            found = self.api.get("service", service, "--namespace", namespace)
            self.targets.append((column, (found["spec"]["clusterIP"], port)))

    @staticmethod
    def name(who: str) -> str:
        return "talking-" + "-".join(who.replace(",", "").split())

    def pod(self, name: str, namespace: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get("pod", name, "--namespace", namespace)
        return found

    def wait(self, name: str, namespace: str, phase: str) -> None:
        until(
            lambda: self.pod(name, namespace)["status"].get("phase") == phase,
            lambda: f"pod {name}: {self.pod(name, namespace)['status']}",
            pause=0.2,
        )

    @property
    def program(self) -> str:
        return LOOK.format(targets=[address for _, address in self.targets])

    def start(self, who: str, namespace: str, known_by: Mapping[str, str]) -> None:
        self.api.apply([pod(self.name(who), namespace, self.program, known_by)])

    def heard(self, who: str, namespace: str) -> str:
        self.wait(self.name(who), namespace, "Succeeded")
        return self.api.kubectl("logs", self.name(who), "--namespace", namespace)

    def heard_from_engine(self, name: str) -> str:
        here = ("--namespace", self.namespace)
        self.api.kubectl("rollout", "status", f"deployment/{name}", *here, "--timeout=180s")
        return self.api.kubectl("exec", f"deployment/{name}", *here, "--", "python3", "-c", self.program)

    def remove(self) -> None:
        for column in [*LISTENERS, *PODS]:
            self.api.kubectl(
                *("delete", "pod", self.name(column), "--namespace", self.namespace),
                *("--ignore-not-found", "--grace-period=0", "--force"),
            )


@pytest.fixture(scope="module")
def talking(brume: Installed) -> Iterator[Talking]:
    elsewhere = own_namespace("elsewhere")
    brume.api.kubectl("create", "namespace", elsewhere)
    brume.api.kubectl("create", "serviceaccount", SERVICE_ACCOUNT, "--namespace", elsewhere)
    found = Talking(brume, elsewhere)
    yield found
    found.remove()
    brume.api.kubectl("delete", "namespace", elsewhere)


def test_connections_are_those_of_the_table(talking: Talking) -> None:
    where = {
        **dict.fromkeys(PODS, talking.namespace),
        **dict.fromkeys(ELSEWHERE, talking.elsewhere),
    }
    for who, known_by in (PODS | ELSEWHERE).items():
        talking.start(who, where[who], known_by)
    heard = {f"`{name}`": talking.heard_from_engine(name) for name in ENGINES}
    heard |= {who: talking.heard(who, namespace) for who, namespace in where.items()}
    assert heard.keys() == TABLE.keys()
    wrong = []
    for who, answers in heard.items():
        for (column, address), through in zip(talking.targets, json.loads(answers), strict=True):
            print(f"{who} -> {column} {address[0]}:{address[1]}: {'through' if through else 'no'}")
            if column == "Kubernetes API" and not TABLE[who][column]:
                continue  # here it is the pod's own node, and what a pod sends there is nobody's to judge
            if through is not TABLE[who][column]:
                wrong.append((who, column, address, through))
    assert wrong == []


def _evict(api: Api, name: str, namespace: str) -> str:
    """Ask, as a dry run, that a pod be evicted; return the message of a rejection, or ""."""
    with api.client() as connection:
        eviction = V1Eviction(metadata=V1ObjectMeta(name=name, namespace=namespace))
        try:
            CoreV1Api(connection).create_namespaced_pod_eviction(name, namespace, eviction, dry_run="All")
        except ApiException as error:
            return f"{error.status} {error.body}"
    return ""


@pytest.mark.parametrize("column", ["launchers, workers", "jobs, steps"])
def test_a_training_is_not_evicted(talking: Talking, column: str) -> None:
    message = _evict(talking.api, talking.name(column), talking.namespace)
    assert message.startswith("429")
    assert "brume-trainings" in message


def test_an_engine_is_evicted(brume: Installed, talking: Talking) -> None:
    """It goes on elsewhere: a budget that it could never meet would stop every drain."""
    for engine in ENGINES:
        (name,) = brume.names("pods", f"app.kubernetes.io/name={engine}")
        assert _evict(talking.api, name, talking.namespace) == ""
