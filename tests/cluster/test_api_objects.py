"""Every object that components/cluster makes, by a real API server and real definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from tests.cluster.harness.api_server import Api
from tests.cluster.objects import (
    BUILDERS,
    SHARES,
    VARIABLES,
    any_built,
    built,
    create,
    define,
    lost,
    misspelt,
    own_namespace,
    places,
    rejection,
)


@pytest.fixture(scope="module")
def namespace(api: Api) -> Iterator[str]:
    """A namespace, in an API that knows all kinds."""
    define(api)
    name = own_namespace("objects")
    api.kubectl("create", "namespace", name)
    yield name
    api.kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("kind", BUILDERS)
def test_objects_are_taken_with_every_combination_of_parameters(api: Api, namespace: str, kind: str) -> None:
    objects = list(built(kind, namespace))
    assert len(objects) > 50
    for sent in objects:
        assert lost(sent, create(api, sent)) == []


@pytest.mark.parametrize("kind", BUILDERS)
def test_objects_are_stored_as_they_were_sent(
    api: Api, namespace: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored and read again: what a definition does not name would be dropped on the way."""
    monkeypatch.setenv("KFP_POD_NAME", "step-1")
    monkeypatch.setenv("KFP_POD_UID", "5d3c1c5e-0000-0000-0000-000000000000")
    sent = BUILDERS[kind]("Stored", namespace, "r/i:1", SHARES["devices"], VARIABLES[1], 2)
    assert ("ownerReferences" in sent["metadata"]) == (kind == "MPIJob")
    assert lost(sent, create(api, sent, keep=True)) == []


@pytest.mark.parametrize("kind", BUILDERS)
def test_objects_are_taken_with_whatever_parameters_a_pipeline_may_give(
    api: Api, namespace: str, kind: str
) -> None:
    @hypothesis.settings(max_examples=40, deadline=None, derandomize=True)
    @hypothesis.given(any_built(kind, namespace))
    def taken(sent: dict[str, Any]) -> None:
        assert lost(sent, create(api, sent)) == []

    taken()


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_misspelt_field_is_refused_at_any_depth(api: Api, namespace: str, kind: str) -> None:
    """That the checks above can fail: the same request, with one field more, at every place there is."""
    manifest = BUILDERS[kind]("Misspelt", namespace, "r/i:1", SHARES["devices"], VARIABLES[1], 2)
    assert rejection(api, manifest) == ""
    found = list(places(manifest))
    assert len(found) > 20
    assert max(map(len, found)) > 5
    for place in found:
        message = rejection(api, misspelt(manifest, place))
        # 422 where any name may stand, as that of a kind of replicas, but not for a number.
        assert message.startswith(("400", "422")), f"taken with a misspelt field at {place}"
        assert "replicsa" in message


WRONG: list[tuple[str, tuple[str | int, ...], Any]] = [
    ("Job", ("spec", "backoffLimit"), -1),
    ("Job", ("spec", "template", "spec", "containers", 0, "resources", "limits", "cpu"), "two"),
    ("MPIJob", ("spec", "mpiImplementation"), "OpenMPJ"),
    ("MPIJob", ("spec", "slotsPerWorker"), "1"),
    ("MPIJob", ("spec", "mpiReplicaSpecs", "Worker", "replicas"), "two"),
    ("InferenceService", ("spec", "predictor", "minReplicas"), "one"),
    ("InferenceService", ("spec", "predictor", "containers", 0, "image"), 7),
]


@pytest.mark.parametrize(("kind", "place", "value"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_value_is_refused(
    api: Api, namespace: str, kind: str, place: tuple[str | int, ...], value: Any
) -> None:
    manifest = BUILDERS[kind]("Wrong", namespace, "r/i:1", SHARES["devices"], {}, 2)
    found: Any = manifest
    for key in place[:-1]:
        found = found[key]
    assert place[-1] in found
    found[place[-1]] = value
    assert rejection(api, manifest).startswith(("400", "422"))
