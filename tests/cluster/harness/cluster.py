"""A whole cluster for the tests: the node, DNS, an S3 server, the operators, and Brume's images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.cluster.harness import (
    dns,
    given,
    images,
    kserve,
    metrics,
    mpi_operator,
    network_policies,
    object_store,
)
from tests.cluster.harness.api_server import Api
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.node import Node
from tests.cluster.harness.object_store import ObjectStore


class Cluster(ABC):
    """A cluster on which MPIJobs and InferenceServices run, with an object store."""

    api: Api
    store: ObjectStore

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the version of each real part."""

    @abstractmethod
    def own_node(self) -> Node:
        """Return the node. Raises `Unavailable` where it is not the tests' own, to be stopped and started."""


class OwnCluster(Cluster):
    """The cluster that the tests make: see `Node`."""

    def __init__(self, folder: Path) -> None:
        """Make the node's namespaces. Raises `Unavailable` where that cannot be."""
        self._node = Node(folder)

    def start(self, names: Sequence[str] = images.NAMES) -> Self:
        """Start everything, and load the images of these names. Raises `Unavailable`."""
        try:
            self._node.start()
            self.api = self._node.api
            dns.start(self._node)
            self.store = object_store.start(self._node)
            mpi_operator.start(self._node.api)
            kserve.start(self._node.api)
            network_policies.start(self._node)
            metrics.start(self._node)
            self._node.load_image(images.archive(names))
        except BaseException:
            self.close()
            raise
        return self

    def versions(self) -> dict[str, str]:
        """Return the version of each real part."""
        return {
            **self._node.api.versions(),
            **self._node.versions(),
            "CoreDNS": dns.version(),
            "versitygw (S3)": object_store.version(),
            "mpi-operator": mpi_operator.version(),
            "KServe": kserve.version(),
            "kube-network-policies": network_policies.version(),
            "metrics-server": metrics.version(),
        }

    def own_node(self) -> Node:
        """Return the node."""
        return self._node

    def close(self) -> None:
        """End it all."""
        self._node.close()


class GivenCluster(Cluster):
    """A cluster that was there: what Brume needs has to be on it, Brume's images within its reach."""

    def __init__(self, kubeconfig: Path) -> None:
        """Look. Raises `Unavailable` when something is not there."""
        self.api = Api(kubeconfig)
        for definition in ("mpijobs.kubeflow.org", "inferenceservices.serving.kserve.io"):
            given.require(self.api, "customresourcedefinition", definition)
        given.require(self.api, "service", object_store.SERVICE, "--namespace", object_store.NAMESPACE)
        self.store = ObjectStore(self.api)

    def versions(self) -> dict[str, str]:
        """Return the version of what tells it."""
        node = self.api.get("nodes")["items"][0]["status"]["nodeInfo"]
        runtime, _, version = str(node["containerRuntimeVersion"]).partition("://")
        return {"Kubernetes": self.api.version, "kubelet": str(node["kubeletVersion"]), runtime: version}

    def own_node(self) -> Node:
        """Refuse: somebody else uses the node."""
        raise Unavailable("the node is not the tests' own: it is not stopped")
