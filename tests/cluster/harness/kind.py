"""A node that kind makes, where Docker's engine answers and `kind` is on the PATH.

Its kubeconfig is a file of its own, and nothing of the user's is touched. What it leaves is the image of its
node, kept by the engine for the next time. Names and policies are served by parts of kind's own.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, Self

from tests.cluster.harness.api_server import OperatedApi
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.made_node import MadeNode
from tests.cluster.harness.processes import Processes

NAME = "brume-test"
"""The name of its cluster."""
NETWORK = "kind"
"""The name of Docker's network that kind gives to its nodes."""
_SECONDS = 180


class CommandError(Unavailable):
    """A command that failed, with its message."""


def at_hand() -> bool:
    """Say whether Docker's engine answers and `kind` is on the PATH."""
    if not (shutil.which("kind") and shutil.which("docker")):
        return False
    try:
        _run("docker", "info")
    except CommandError:
        return False
    return True


class KindNode(MadeNode):
    """The one node of a cluster of kind's."""

    way = "a node of kind's"
    signs_kubelet = False

    def __init__(self, folder: Path) -> None:
        """Make nothing yet. Raises `Unavailable` where there is no kind, or a cluster of the name already."""
        if not at_hand():
            raise Unavailable("kind is not on the PATH with a Docker engine that answers")
        if NAME in _run("kind", "get", "clusters").split():
            raise Unavailable(
                f"there is a cluster {NAME} of kind's already, which is left alone: "
                f"end it by `kind delete cluster --name {NAME}`, or test on it with BRUME_TEST_CLUSTER=1"
            )
        self.folder = folder
        self._processes = Processes(folder)
        self._made = False
        self._made_network = _network() is None

    def start(self) -> Self:
        """Let kind make it. Raises `Unavailable` with kind's message where it cannot."""
        named = ("--name", NAME, "--kubeconfig", str(self.folder / "kubeconfig"))
        self._made = True
        try:
            _run("kind", "create", "cluster", *named, "--wait", f"{_SECONDS}s")
            self.api = OperatedApi(self.folder, self._processes, _gateway())
        except CommandError as error:
            self._made = False  # kind has removed what it made; a cluster of the name is somebody else's
            self.close()
            raise Unavailable(
                f"kind cannot make a cluster: {error}\n"
                "Its node's image has to be within reach of Docker's engine, or in it already. "
                "With no kind on the PATH, the tests bring up a node of their own."
            ) from error
        except BaseException:
            self.close()
            raise
        return self

    def load_image(self, tar: Path) -> None:
        """Load the images in a file that `docker save` could have written."""
        _run("kind", "load", "image-archive", str(tar), "--name", NAME)

    def versions(self) -> dict[str, str]:
        """Return the version of each part, as it reports it."""
        engine = _run("docker", "version", "--format", "{{.Server.Version}}").strip()
        parts = {"kind": _run("kind", "version").split()[1], "Docker": engine, "Kubernetes": self.api.version}
        return parts | self.api.node_versions()

    def close(self) -> None:
        """End what runs beside it, and it."""
        self._processes.stop()
        if self._made:
            _run("kind", "delete", "cluster", "--name", NAME, "--kubeconfig", str(self.folder / "kubeconfig"))
            self._made = False
        if self._made_network and _network() is not None:
            _run("docker", "network", "rm", NETWORK)
            self._made_network = False


def _gateway() -> str:
    """Return the address of this machine by which the node reaches what runs beside it."""
    network = _network() or {}
    for one in network.get("IPAM", {}).get("Config") or []:
        address = str(one.get("Gateway", "")).partition("/")[0]
        if address and ipaddress.ip_address(address).version == 4:
            try:
                with socket.socket() as probe:
                    probe.bind((address, 0))
            except OSError as error:
                raise Unavailable(
                    f"{address}, the gateway of Docker's network {NETWORK}, is no address of this machine: "
                    f"the operators run here, and the node could not call them ({error})"
                ) from error
            return address
    raise Unavailable(
        f"Docker's network {NETWORK} has no gateway of IPv4, by which its nodes reach this machine"
    )


def _network() -> dict[str, Any] | None:
    try:
        output = _run("docker", "network", "inspect", NETWORK)
    except CommandError:
        return None
    network: dict[str, Any] = json.loads(output)[0]
    return network


def _run(*command: str) -> str:
    done = subprocess.run(
        command,
        env=os.environ | {"KIND_EXPERIMENTAL_PROVIDER": "docker"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        message = done.stderr.strip()
        reason = message[max(message.find("ERROR:"), 0) :]  # kind reports its progress first
        raise CommandError(f"`{' '.join(command[:3])}` failed: {reason}")
    return done.stdout
