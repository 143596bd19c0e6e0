"""The engines as manifests/ deploy them, and the ways in which their users come to them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from brume.aws.wire.keys import Key
from brume.cluster import images
from tests.aws.serving import client_of
from tests.cluster.harness.installed import MANIFESTS, STEP, Installed

_LOOK = """
import socket
try:
    socket.create_connection(({host!r}, 8080), 5).close()
except OSError as error:
    print("refused", error)
else:
    print("through")
"""


@dataclass(frozen=True)
class Change:
    """A value that an overlay has otherwise here: of which object, and where in it (JSON pointer)."""

    kind: str
    name: str
    path: str
    value: Any


@contextlib.contextmanager
def overlay(brume: Installed, folder: Path, system: str, changes: Sequence[Change] = ()) -> Iterator[None]:
    """Apply the overlay of a system's engine while the block runs, on a node that is small."""
    name = f"brume-{system}"
    share = {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}
    small = Change("Deployment", name, "/spec/template/spec/containers/0/resources", share)
    kustomization = {
        "namespace": brume.namespace,
        "resources": [f"{os.path.relpath(MANIFESTS, folder)}/overlays/{system}"],
        "patches": [
            {
                "target": {"kind": one.kind, "name": one.name},
                "patch": yaml.safe_dump([{"op": "replace", "path": one.path, "value": one.value}]),
            }
            for one in (small, *changes)
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    brume.api.kubectl("apply", "--server-side", "-k", folder)
    try:
        yield
    finally:
        kinds = "deployment,service,hpa,pdb,configmap,serviceaccount,pvc"
        mine = ("--selector", f"app.kubernetes.io/name={name}", "--namespace", brume.namespace)
        brume.api.kubectl("delete", kinds, *mine)
        brume.api.kubectl("apply", "--server-side", "-k", brume.folder)


class Deployed:
    """One engine: its Deployment and its Service have the same name."""

    def __init__(self, brume: Installed, name: str, service: str) -> None:
        """Wait until it is ready; `service` is what boto3 calls it by."""
        self.brume, self.name, self.service = brume, name, service
        self.key = Key(brume.store.key, brume.store.secret, "000000000001")
        brume.api.kubectl("rollout", "status", f"deployment/{name}", *self._here, "--timeout=180s")

    @property
    def _here(self) -> tuple[str, str]:
        return "--namespace", self.brume.namespace

    @contextlib.contextmanager
    def outside(self) -> Iterator[Any]:
        """Give a client of boto3 on this machine."""
        with self.brume.forwarded(f"service/{self.name}", 8080) as url:
            yield client_of(url, self.service, key=self.key)

    def inside(self, program: str) -> str:
        """Run a program as a step of a pipeline; return what it prints."""
        return self.brume.run_inside(program, image=images.reference("engines"), labels=STEP).strip()

    def reached(self, labels: dict[str, str]) -> bool:
        """Return whether a pod with these labels gets a connection to the engine."""
        address = self.brume.api.get("service", self.name, *self._here)["spec"]["clusterIP"]
        look = _LOOK.format(host=address)  # a name would need DNS, which a policy may forbid
        output = self.brume.run_inside(look, image=images.reference("engines"), labels=labels)
        return output.strip() == "through"

    def pod(self) -> str:
        """Return the name of its one pod."""
        (name,) = self.brume.names("pods", f"app.kubernetes.io/name={self.name}")
        return name

    def replace_pod(self) -> None:
        """Delete its pod, and wait until the next one is ready."""
        before = self.pod()
        self.brume.api.kubectl("delete", "pod", before, *self._here)
        self.brume.api.kubectl(
            *("wait", "pod", "--selector", f"app.kubernetes.io/name={self.name}", *self._here),
            *("--for=condition=Ready", "--timeout=120s"),
        )
        assert self.pod() != before

    def refuses(self, url: str, operation: str, **config: Any) -> str:
        """Return the code by which it refuses an operation that takes no parameters."""
        client = client_of(url, self.service, **({"key": self.key} | config))
        with pytest.raises(ClientError) as raised:
            getattr(client, operation)()
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
        return str(raised.value.response["Error"]["Code"])
