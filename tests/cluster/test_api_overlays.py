"""The overlays on a real API server: every field is taken, and applying twice changes none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.harness import upstream
from tests.cluster.harness.api_server import Api, KubectlError
from tests.cluster.objects import MANIFESTS, OVERLAYS, lost, misspelt, overlaid, own_namespace, places

Object = dict[str, Any]
APPLY = ("apply", "--server-side", "--validate=strict")


class Overlay:
    """An overlay, applied in a namespace of its own."""

    def __init__(self, api: Api, name: str, folder: Path) -> None:
        self.api = api
        self.namespace = own_namespace(name)
        self.folder = overlaid(name, self.namespace, folder)
        self.objects = upstream.kustomized(api, self.folder)
        self.apply()

    def apply(self) -> None:
        self.api.kubectl(*APPLY, "-k", self.folder)

    def stored(self) -> list[Object]:
        """Return the overlay's objects as the API server has them, in the overlay's order."""
        return [
            self.api.get(item["kind"], item["metadata"]["name"], "--namespace", self.namespace)
            for item in self.objects
        ]


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(
    api: Api, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Overlay]:
    found = Overlay(api, request.param, tmp_path_factory.mktemp(request.param))
    yield found
    api.kubectl("delete", "namespace", found.namespace, "--wait=false")


def test_an_overlay_is_stored_as_it_is_written(overlay: Overlay) -> None:
    differences = [
        f"{sent['kind']} {sent['metadata']['name']}{line}"
        for sent, stored in zip(overlay.objects, overlay.stored(), strict=True)
        for line in lost(sent, stored)
    ]
    assert differences == []


def test_applied_again_it_changes_nothing(overlay: Overlay) -> None:
    before = list(map(_content, overlay.stored()))
    overlay.apply()
    assert list(map(_content, overlay.stored())) == before


def _content(item: Object) -> Object:
    """Return an object without what a cluster itself goes on writing.

    Its resourceVersion shows little: a PersistentVolumeClaim gets a new one though nothing of it is changed.
    """
    about = {name: item["metadata"].get(name) for name in ("labels", "generation", "uid")}
    return {**item, "metadata": about, "status": None}


def test_what_it_makes_is_all_in_its_namespace(overlay: Overlay) -> None:
    for item in overlay.objects:
        assert item["metadata"].get("namespace", item["metadata"]["name"]) == overlay.namespace


def test_a_misspelt_field_in_any_of_its_kinds_is_refused(overlay: Overlay) -> None:
    """The deepest place of each kind, and its first: the server's check reaches them all."""
    kinds = {item["kind"]: item for item in overlay.objects}
    assert {"Deployment", "NetworkPolicy", "Role", "Service", "ServiceAccount"} <= kinds.keys()
    for item in kinds.values():
        found = list(places(item))
        for place in {found[0], max(found, key=len)}:
            wrong = yaml.safe_dump(misspelt(item, place))
            with pytest.raises(KubectlError, match="replicsa"):
                overlay.api.kubectl(*APPLY, "--dry-run=server", "--force-conflicts", "-f", "-", stdin=wrong)


def test_the_examples_of_the_readme_are_taken(overlay: Overlay) -> None:
    """The policy that lets an Ingress's controller in, and the Ingress of streams."""
    text = (MANIFESTS / "README.md").read_text()
    examples = re.findall(r"^      apiVersion: networking.*?\n\n", text, re.MULTILINE | re.DOTALL)
    assert [yaml.safe_load(one)["kind"] for one in examples] == ["NetworkPolicy", "Ingress"]
    for made in map(yaml.safe_load, examples):
        made["metadata"]["namespace"] = overlay.namespace
        overlay.api.apply([made])
        stored = overlay.api.get(made["kind"], made["metadata"]["name"], "--namespace", overlay.namespace)
        assert lost(made, stored) == []
