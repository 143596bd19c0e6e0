"""The manifests of a component, read from its own module, installed as by its users."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.harness.api_server import Api, KubectlError
from tests.cluster.harness.binaries import Unavailable
from tests.polling import until

Object = dict[str, Any]

# The C parser takes a tenth of the time, and a definition of KServe's has 40,000 lines.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SECONDS = 60


def kustomized(api: Api, folder: Path) -> list[Object]:
    """Return the objects of a kustomization."""
    return parsed(api.kubectl("kustomize", folder))


def parsed(text: str) -> list[Object]:
    """Return the objects of a YAML file."""
    return [found for found in yaml.load_all(text, Loader=_LOADER) if found]


def without(objects: Iterable[Object], kinds: Collection[str]) -> list[Object]:
    """Return the objects of other kinds."""
    return [found for found in objects if found["kind"] not in kinds]


def the(objects: Iterable[Object], kind: str, name: str) -> Object:
    """Return the one object of that kind and name."""
    return next(found for found in objects if (found["kind"], found["metadata"]["name"]) == (kind, name))


def install(api: Api, objects: Sequence[Object]) -> None:
    """Apply objects: namespaces and definitions before what needs them."""
    definitions = [found for found in objects if found["kind"] == "CustomResourceDefinition"]
    namespaces = [found for found in objects if found["kind"] == "Namespace"]
    _apply(api, [*namespaces, *definitions])
    for definition in definitions:
        _wait_until_established(api, definition["metadata"]["name"])
    _apply(api, [found for found in objects if found not in definitions and found not in namespaces])


def wait_for_rollout(api: Api, kind: str, name: str, namespace: str) -> None:
    """Wait until all pods of a Deployment or the like are ready. Raises `Unavailable` with their messages."""
    try:
        api.kubectl("rollout", "status", f"{kind}/{name}", "--namespace", namespace, "--timeout=120s")
    except KubectlError as error:
        events = api.kubectl("events", "--namespace", namespace, "--types=Warning")
        raise Unavailable(f"{kind} {namespace}/{name} is not ready: {error}\n{events}") from error


def _wait_until_established(api: Api, definition: str) -> None:
    why: list[KubectlError] = []

    def established() -> bool:
        try:
            api.kubectl("wait", "--for=condition=Established", f"--timeout={_SECONDS}s", f"crd/{definition}")
        except KubectlError as error:  # it fails too where there are no conditions yet
            why[:] = [error]
            return False
        return True

    until(
        established, lambda: f"{definition} is not established: {why}", seconds=_SECONDS, error=KubectlError
    )


def _apply(api: Api, objects: list[Object]) -> None:
    if not objects:
        return
    # JSON, which is YAML too, is written a hundred times faster.
    api.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
