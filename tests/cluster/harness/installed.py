"""Brume on the test cluster, installed as in manifests/README.md."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from tests.cluster.harness.accounts import kubeconfig_of
from tests.cluster.harness.api_server import Api
from tests.cluster.harness.forwarding import Forward
from tests.cluster.harness.object_store import ObjectStore
from tests.polling import until

MANIFESTS = Path(__file__).resolve().parents[3] / "manifests"
NAMESPACE = "brume"
STEP = {"pipelines.kubeflow.org/v2_component": "true"}
"""What network policies know a step of a pipeline by."""
OF_A_JOB = ("mpijobs", "pods", "jobs", "secrets", "configmaps", "services")
"""The kinds of objects that an MPI job consists of."""


class Installed:
    """The overlay `local`, its Secrets with the keys of the object store, and what runs from it."""

    def __init__(self, api: Api, store: ObjectStore, folder: Path, namespace: str = NAMESPACE) -> None:
        """Install it. The engines start once their images are loaded."""
        self.api, self.store, self.folder, self.namespace = api, store, folder, namespace
        manifests = os.path.relpath(MANIFESTS, folder)
        kustomization = {"namespace": namespace, "resources": [f"{manifests}/overlays/local"]}
        if namespace != NAMESPACE:  # it is somebody else's too
            kustomization["components"] = [f"{manifests}/shared-namespace"]
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        api.kubectl("apply", "--server-side", "-k", folder)
        account = {"aws_access_key_id": store.key, "aws_secret_access_key": store.secret}
        lines = "\n".join(["[steps]", *(f"{name} = {value}" for name, value in account.items())])
        self._secret("brume-s3", {name.upper(): value for name, value in account.items()})
        self._secret("brume-keys", {"credentials": f"{lines}\naccount = 000000000001\n"})

    @contextlib.contextmanager
    def acting_as(self, account: str) -> Iterator[None]:
        """Run `brume.cluster` in this process as it runs in a step: by that account, on the cluster."""
        file = kubeconfig_of(self.api, account, self.namespace, self.folder / f"{account}.kubeconfig")
        variables = {
            "KUBECONFIG": str(file),
            "BRUME_COMPUTE": "cluster",
            "POD_NAMESPACE": self.namespace,
        }
        with mock.patch.dict(os.environ, variables | self.store.environment()):
            yield

    @contextlib.contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[str]:
        """Give the URL by which `target` ("service/NAME", "pod/NAME") is reached from this machine."""
        with Forward(self.api, self.namespace, target, port) as way:
            yield way.url

    def run_inside(self, program: str, *, image: str, labels: Mapping[str, str], seconds: int = 120) -> str:
        """Run a Python program in a pod of the project's image, with a step's environment; return its output.

        `labels` are what policies know the pod by. Raises `AssertionError` with the output when it fails.
        """
        name = f"inside-{os.urandom(4).hex()}"
        self.api.apply([_pod(name, self.namespace, program, image, labels)])
        try:
            until(
                lambda: self.pod(name)["status"].get("phase") in ("Succeeded", "Failed"),
                lambda: f"the end of pod {name}: {self.pod(name)['status']}",
                seconds=seconds,
                pause=0.2,
            )
            phase = self.pod(name)["status"]["phase"]
            log = self.api.kubectl("logs", name, "--namespace", self.namespace)
        finally:
            self.api.kubectl(
                "delete", "pod", name, "--namespace", self.namespace, "--grace-period=0", "--force"
            )
        assert phase == "Succeeded", log
        return log

    def pod(self, name: str) -> dict[str, Any]:
        """Return a pod as it is now."""
        found: dict[str, Any] = self.api.get("pod", name, "--namespace", self.namespace)
        return found

    def names(self, kind: str, selector: str = "") -> list[str]:
        """Return the names of the objects of a kind, by name."""
        chosen = ["--selector", selector] if selector else []
        found = self.api.get(kind, "--namespace", self.namespace, *chosen)["items"]
        return sorted(str(item["metadata"]["name"]) for item in found)

    def left(self, prefix: str, *kinds: str) -> list[str]:
        """Return the names that begin with `prefix` among the objects of some kinds."""
        return [name for kind in kinds for name in self.names(kind) if name.startswith(prefix)]

    def _secret(self, name: str, content: Mapping[str, str]) -> None:
        about = {"name": name, "namespace": self.namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": dict(content)}
        self.api.apply([secret])


def _pod(name: str, namespace: str, program: str, image: str, labels: Mapping[str, str]) -> dict[str, Any]:
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "brume-pipeline",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "command": ["python3", "-c", program],
                    "securityContext": restricted,
                    "envFrom": [
                        {"configMapRef": {"name": "brume-endpoints"}},
                        {"secretRef": {"name": "brume-s3"}},
                    ],
                    "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
                }
            ],
        },
    }
