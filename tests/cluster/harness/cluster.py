"""A cluster for the tests: the node, DNS, an S3 server, the operators, Brume's images."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.cluster.harness import (
    dns,
    given,
    images,
    kind,
    kserve,
    metrics,
    mpi_operator,
    network_policies,
    object_store,
)
from tests.cluster.harness.api_server import Api
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.kind import KindNode
from tests.cluster.harness.made_node import MadeNode
from tests.cluster.harness.node import Node
from tests.cluster.harness.object_store import ObjectStore


class Cluster(ABC):
    """A cluster on which MPIJobs and InferenceServices run, with an object store."""

    way: str
    """How it was come by, for the report."""
    api: Api
    store: ObjectStore

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the version of each real part."""

    def own_node(self) -> Node:
        """Return the node. Raises `Unavailable` where it is not the tests' own, to be stopped and started."""
        raise Unavailable("the node is not the tests' own: it is not stopped")

    @abstractmethod
    def close(self) -> None:
        """End what is the tests' own of it."""


class MadeCluster(Cluster):
    """A cluster of one node, that the tests make of a node and its network."""

    def __init__(self, node: MadeNode) -> None:
        """Start nothing yet."""
        self.node = node
        self.way = node.way
        self._parts = contextlib.ExitStack()
        self._parts.callback(node.close)

    def start(self, names: Sequence[str] = images.NAMES) -> Self:
        """Start everything, and load the images of these names. Raises `Unavailable`."""
        try:
            self.node.start()
            self.api = self.node.api
            self._start_network()
            self.store = object_store.start(self.node)
            self._parts.callback(self.store.close)
            mpi_operator.start(self.node.api)
            kserve.start(self.node.api)
            metrics.start(self.node)
            self.node.load_image(images.archive(names))
        except BaseException:
            self.close()
            raise
        return self

    def versions(self) -> dict[str, str]:
        """Return the version of each real part."""
        return {
            **self.node.versions(),
            "versitygw (S3)": object_store.version(),
            "mpi-operator": mpi_operator.version(),
            "KServe": kserve.version(),
            "metrics-server": metrics.version(),
        }

    def close(self) -> None:
        """End it all."""
        self._parts.close()

    def _start_network(self) -> None:
        """Start what serves names and holds pods to policies, unless it came with the node."""


class OwnCluster(MadeCluster):
    """The cluster of a node of the tests' own: see `Node`."""

    def __init__(self, folder: Path) -> None:
        """Make the node's namespaces. Raises `Unavailable` where that cannot be."""
        self._own = Node(folder)
        super().__init__(self._own)

    def versions(self) -> dict[str, str]:
        """Return the version of each real part."""
        policies = {"kube-network-policies": network_policies.version()}
        return super().versions() | {"CoreDNS": dns.version()} | policies

    def own_node(self) -> Node:
        """Return the node."""
        return self._own

    def _start_network(self) -> None:
        dns.start(self._own)
        network_policies.start(self._own)


def made_here(folder: Path) -> MadeCluster:
    """Return the cluster that is made on this machine, not yet started: kind's where kind is at hand.

    Raises `Unavailable` where there can be none.
    """
    return MadeCluster(KindNode(folder)) if kind.at_hand() else OwnCluster(folder)


class GivenCluster(Cluster):
    """A given cluster, on which Brume's needs and images have to be."""

    way = given.WAY

    def __init__(self, kubeconfig: Path) -> None:
        """Look. Raises `Unavailable` when something is not there."""
        self.api = Api(kubeconfig)
        for definition in ("mpijobs.kubeflow.org", "inferenceservices.serving.kserve.io"):
            given.require(self.api, "customresourcedefinition", definition)
        given.require(self.api, "service", object_store.SERVICE, "--namespace", object_store.NAMESPACE)
        self.store = ObjectStore(self.api)

    def versions(self) -> dict[str, str]:
        """Return the versions of the parts that report one."""
        return {"Kubernetes": self.api.version, **self.api.node_versions()}

    def close(self) -> None:
        """Close the way to its object store."""
        self.store.close()
