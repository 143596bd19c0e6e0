"""What the tests need of a node, and of the API that it belongs to, to make a cluster of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from tests.cluster.harness.api_server import OperatedApi


class MadeNode(ABC):
    """A node that the tests make and end; `folder` is for files that belong to it."""

    way: str
    """What kind of node it is, for the report."""
    signs_kubelet: bool
    """Whether the cluster's authority vouches for the kubelet."""
    api: OperatedApi
    folder: Path

    @abstractmethod
    def start(self) -> Self:
        """Start it, and wait until it is ready for pods. Raises `Unavailable`."""

    @abstractmethod
    def load_image(self, tar: Path) -> None:
        """Load the images in a file that `docker save` could have written."""

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return the version of each part, as it reports it."""

    @abstractmethod
    def close(self) -> None:
        """End everything that runs on the node, and the node."""
