"""The names of the project's container images, in compiled pipelines and in the pods that steps start."""

from __future__ import annotations

import os
from importlib.metadata import version

REGISTRY = "BRUME_REGISTRY"
TAG = "BRUME_TAG"


def reference(name: str) -> str:
    """Return the reference of image `name` (pipeline, training, serving or engines).

    `BRUME_REGISTRY` (nothing: a name without a registry) and `BRUME_TAG` (the version of this package) say
    where `make images` put them.
    """
    registry = os.environ.get(REGISTRY, "").rstrip("/")
    tag = os.environ.get(TAG) or version("brume")
    return f"{registry}/brume-{name}:{tag}" if registry else f"brume-{name}:{tag}"


def environment() -> dict[str, str]:
    """Return the variables by which a pod of a compiled pipeline finds the images of its own build."""
    return {REGISTRY: os.environ.get(REGISTRY, ""), TAG: os.environ.get(TAG) or version("brume")}
