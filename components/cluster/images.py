"""The names of the project's container images, in compiled pipelines and in started pods."""

from __future__ import annotations

from importlib.metadata import version

from brume import variables
from brume.cluster.settings import ClusterSettings

REGISTRY = variables.names(ClusterSettings)["registry"]
TAG = variables.names(ClusterSettings)["tag"]


def reference(name: str) -> str:
    """Return the reference of image `name` (pipeline, training, serving or engines).

    `ClusterSettings.registry` and `tag` name where `make images` put them.
    """
    settings = variables.read(ClusterSettings)
    registry, tag = settings.registry.rstrip("/"), settings.tag or version("brume")
    return f"{registry}/brume-{name}:{tag}" if registry else f"brume-{name}:{tag}"


def environment() -> dict[str, str]:
    """Return the variables by which a pod of a compiled pipeline finds the images of its own build."""
    settings = variables.read(ClusterSettings)
    return {REGISTRY: settings.registry, TAG: settings.tag or version("brume")}
