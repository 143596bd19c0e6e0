"""An engine with a trained model, made once for all tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.components.inspection.parts import (
    OUTPUT,
    Running,
    dataset_ready,
    model_at,
    running,
    source,
    write_dataset,
)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running engine whose project `plates` has version 1, TRAINED with masks on 16 normal and 8 bad."""
    with running(tmp_path_factory.mktemp("trained")) as found:
        write_dataset(found.root / "pictures", 16, 8, masks=True)
        client = found.client
        client.create_project(ProjectName="plates")
        client.create_dataset(
            ProjectName="plates", DatasetType="train", DatasetSource=source("train.manifest")
        )
        dataset_ready(client, "plates")
        client.create_model(
            ProjectName="plates",
            Description="first",
            OutputConfig=OUTPUT,
            Tags=[{"Key": "shift", "Value": "night"}],
        )
        model_at(client, "plates", "1", "TRAINED", seconds=240)
        yield found


@pytest.fixture
def hosted(trained: Running) -> Running:
    """The same, with version 1 HOSTED."""
    status = model_at(trained.client, "plates", "1", "TRAINED", "HOSTED")["Status"]
    if status == "TRAINED":
        trained.client.start_model(ProjectName="plates", ModelVersion="1", MinInferenceUnits=2)
        model_at(trained.client, "plates", "1", "HOSTED")
    return trained
