"""What one process of a job may use of a machine, in Kubernetes' own units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class Resources:
    """The share of a node that one pod gets; on one machine it is not enforced.

    `cpu` and `memory` are Kubernetes quantities ("2", "500m"; "8Gi"), `gpus` whole NVIDIA devices,
    `tolerations` and `node_selector` as in a pod's spec, and `shared_memory` the size of /dev/shm ("2Gi"),
    which counts as memory. Empty: the container runtime's own 64 MiB, and with devices 1 GiB, since their
    libraries (NCCL) hand data on by it.
    """

    cpu: str = "2"
    memory: str = "8Gi"
    gpus: int = 0
    tolerations: tuple[Mapping[str, Any], ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    shared_memory: str = ""

    def __post_init__(self) -> None:
        """Refuse what no node could give."""
        if self.gpus < 0:
            raise ValueError(f"gpus is {self.gpus}: a number of devices, 0 or more")
        if self.gpus and not self.shared_memory:
            object.__setattr__(self, "shared_memory", "1Gi")
        # A pipeline's list parameter brings tolerationSeconds as a float, which the API refuses.
        whole = [
            {key: int(value) if isinstance(value, float) else value for key, value in toleration.items()}
            for toleration in self.tolerations
        ]
        object.__setattr__(self, "tolerations", tuple(whole))

    def container(self) -> dict[str, dict[str, str]]:
        """Return a container's `resources`: requests equal limits, so that a neighbour cannot take them."""
        share = {"cpu": self.cpu, "memory": self.memory}
        if self.gpus:
            share[GPU] = str(self.gpus)
        return {"requests": dict(share), "limits": dict(share)}
