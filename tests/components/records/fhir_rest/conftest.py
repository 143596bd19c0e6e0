"""A data store with known resources, and empty ones, by FHIR's REST."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from brume.aws.engine.store import Store
from tests.aws.serving import client_of
from tests.components.records.fhir import Client, serve_fhir
from tests.components.records.fhir_resources import RESOURCES
from tests.components.records.healthlake import make_datastore


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Store]]:
    with serve_fhir(tmp_path_factory.mktemp("fhir")) as served:
        yield served


@pytest.fixture(scope="package")
def full(served: tuple[str, Store]) -> Client:
    """A data store with the resources above, which tests leave as they are."""
    client = Client(served[0], make_datastore(client_of(served[0], "healthlake")))
    client.put(*RESOURCES)
    return client


@pytest.fixture
def client(served: tuple[str, Store]) -> Client:
    """An empty data store."""
    return Client(served[0], make_datastore(client_of(served[0], "healthlake")))
