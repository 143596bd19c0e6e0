"""A model on a real cluster: an InferenceService that answers by the V1 protocol."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from brume import storage
from brume.cluster import images, serving
from brume.cluster.resources import Resources
from brume.cluster.serving import Model
from brume.slides.model.parameters import TrainingParameters
from brume.slides.pipeline import training_job
from tests.cluster.harness.installed import STEP, Installed
from tests.components.slides import tiny

PREDICTOR = "brume.slides.model.predictor"

SHARE = Resources(cpu="250m", memory="1Gi")


@pytest.fixture(scope="module")
def model(brume: Installed, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of three classes in the cluster's object store."""
    folder = tmp_path_factory.mktemp("model")
    tiles = tiny.write(folder, ranks=1)
    parameters = TrainingParameters(epochs=4, batch_size=4, ranks=1, threads=1, patience=0)
    training_job.launch(tiles, str(folder / "model"), str(folder / "work"), parameters)
    uri = f"s3://mlpipeline/tests/{secrets.token_hex(4)}/model"
    with brume.acting_as("brume-pipeline"):
        for file in storage.list_files(str(folder / "model")):
            relative = Path(file.uri).relative_to(folder / "model")
            storage.upload(Path(file.uri), f"{uri}/{relative}")
    return uri


def test_a_model_is_served_asked_and_taken_away(brume: Installed, model: str) -> None:
    with brume.acting_as("brume-pipeline"):
        endpoint = serving.serve(
            Model("Tiny tiles", model, resources=SHARE, namespace=brume.namespace, module=PREDICTOR), print
        )
        try:
            tiles = [tiny.image(label, 9000) for label in tiny.CLASSES]
            with brume.forwarded("service/tiny-tiles-predictor", 80) as url:
                rows = serving.predict(url, endpoint.name, tiles)
            assert [row.index(max(row)) for row in rows] == [0, 1, 2]
            inside = brume.run_inside(
                "from brume.cluster.serving import predict;"
                f"rows = predict({endpoint.url!r}, {endpoint.name!r}, [{tiles[1]!r}]);"
                "print(rows[0].index(max(rows[0])))",
                image=images.reference("pipeline"),
                labels=STEP,
            )
            assert inside.strip() == "1"
        finally:
            serving.stop(endpoint)
    assert _left(brume) == []


def test_a_model_that_cannot_be_loaded_is_explained_and_taken_away(brume: Installed) -> None:
    nowhere = Model(
        "Tiny tiles", "s3://mlpipeline/nowhere", resources=SHARE, namespace=brume.namespace, module=PREDICTOR
    )
    with (
        brume.acting_as("brume-pipeline"),
        pytest.raises(serving.ServingError, match=r"pod tiny-tiles-predictor-\S+: started") as failure,
    ):
        serving.serve(nowhere, print)
    assert "s3://mlpipeline/nowhere" in str(failure.value).partition("Last lines")[2]
    assert _left(brume) == []


def _left(brume: Installed) -> list[str]:
    kinds = ("inferenceservices", "deployments", "services", "pods", "horizontalpodautoscalers")
    return brume.left("tiny-tiles", *kinds)
