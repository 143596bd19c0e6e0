"""The manifests of a component, read from its own module, and installed as its users install them."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.harness.api_server import Api, KubectlError
from tests.cluster.harness.binaries import Unavailable

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
    """Wait until all pods of a Deployment or the like are ready. Raises `Unavailable` with what they say."""
    try:
        api.kubectl("rollout", "status", f"{kind}/{name}", "--namespace", namespace, "--timeout=120s")
    except KubectlError as error:
        events = api.kubectl("events", "--namespace", namespace, "--types=Warning")
        raise Unavailable(f"{kind} {namespace}/{name} is not ready: {error}\n{events}") from error


def _wait_until_established(api: Api, definition: str) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            api.kubectl("wait", "--for=condition=Established", f"--timeout={_SECONDS}s", f"crd/{definition}")
            return
        except KubectlError:  # it says so too where there are no conditions yet
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _apply(api: Api, objects: list[Object]) -> None:
    if not objects:
        return
    # JSON, which is YAML too, is written a hundred times faster.
    api.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
