"""Settings of where work runs and of the images that it runs in."""

from __future__ import annotations

from dataclasses import dataclass

from brume.variables import variable


def _compute(text: str) -> str:
    if text not in ("local", "cluster"):
        raise ValueError("must be local or cluster; leave it unset to decide by where the process runs")
    return text


_compute.type_name = "local or cluster"  # type: ignore[attr-defined]


@dataclass(frozen=True)
class ClusterSettings:
    """Where training, background work and hosted models run."""

    compute: str = variable(
        "BRUME_COMPUTE",
        "",
        "whether heavy work runs on this machine or in pods of the cluster",
        parse=_compute,
        shown="cluster within a pod, else local",
    )
    registry: str = variable("BRUME_REGISTRY", "", "registry of the project's container images")
    tag: str = variable(
        "BRUME_TAG", "", "tag of the project's container images", shown="the version of this package"
    )
