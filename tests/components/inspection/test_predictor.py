"""The predictor of inspection: a real process with a trained model, over HTTP."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3
from PIL import Image

from brume.cluster import serving
from brume.cluster.serving import Model, ServingError
from brume.inspection.model.bundle import Bundle
from brume.inspection.model.images import decode
from tests.components.inspection.parts import Running, photo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(trained: Running) -> Path:
    return next((trained.settings.data / "models").glob("*/1/bundle"))


@pytest.fixture(scope="module")
def address(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = str(tmp_path_factory.mktemp("serving"))
    model = Model("plates", str(bundle), module="brume.inspection.model.predictor", folder=folder)
    url = serving.serve(model, lambda _text: None).url
    yield f"{url}/v1/models/plates"
    serving.stop("plates", folder)


def predict(address: str, *instances: Any) -> tuple[int, Any]:
    answer = urllib3.request("POST", f"{address}:predict", json={"instances": list(instances)}, retries=False)
    return answer.status, answer.json()


def b64(image: bytes, **more: Any) -> dict[str, Any]:
    return {"b64": base64.b64encode(image).decode(), **more}


def test_predictions_come_in_the_order_of_the_instances_and_equal_the_bundles(
    address: str, bundle: Path
) -> None:
    images = [photo(800), photo(801, "stain"), photo(802, "hole"), photo(803)]
    status, answer = predict(address, *map(b64, images))
    assert status == 200
    loaded = Bundle.load(bundle)
    for image, prediction in zip(images, answer["predictions"], strict=True):
        expected = loaded.detect(decode(image))
        assert prediction["score"] == pytest.approx(expected.score, abs=1e-3)
        assert prediction["probability"] == pytest.approx(expected.probability, abs=1e-3)
        assert prediction["anomalous"] == expected.anomalous
        assert len(prediction["drift"]) == len(loaded.drift.names)
        assert "map" not in prediction


def test_v2_gives_the_predictions_of_v1_as_json(address: str) -> None:
    images = [photo(800), photo(801, "stain")]
    data = [base64.b64encode(image).decode() for image in images]
    tensor = {"name": "image", "shape": [2], "datatype": "BYTES", "data": data}
    url = address.replace("/v1/", "/v2/")
    (output,) = urllib3.request("POST", f"{url}/infer", json={"inputs": [tensor]}).json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("predictions", "BYTES", [2])
    assert list(map(json.loads, output["data"])) == predict(address, *map(b64, images))[1]["predictions"]


def test_many_requests_at_once_give_what_one_gives(address: str) -> None:
    images = [b64(photo(seed, defect)) for seed, defect in ((810, ""), (811, "stain"), (812, "hole"))]
    alone = [predict(address, image)[1]["predictions"][0]["score"] for image in images]
    with ThreadPoolExecutor(6) as pool:
        together = list(
            pool.map(lambda image: predict(address, image)[1]["predictions"][0]["score"], images * 6)
        )
    assert together == pytest.approx(alone * 6)


def test_a_threshold_and_a_heatmap_can_be_asked_for(address: str) -> None:
    image = photo(820, "stain")
    _, answer = predict(address, b64(image, threshold=0.0, heatmap=True), b64(image, threshold=1.0))
    first, second = answer["predictions"]
    assert first["anomalous"]
    heatmap = Image.open(io.BytesIO(base64.b64decode(first["map"])))
    assert heatmap.mode == "L"
    low, high = heatmap.getextrema()
    assert high > low  # type: ignore[operator]
    assert second["anomalous"] == (second["probability"] >= 1)
    if not second["anomalous"]:
        assert [item["name"] for item in second["anomalies"]] == ["background"]


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ([b64(photo(1)), b64(b"text")], "instance 1: the image is neither"),
        ([b64(photo(1), threshold=2)], "instance 0: threshold must be"),
        ([b64(photo(1), threshold="high")], "instance 0: threshold must be"),
        (["text"], "instance 0: it must be"),
    ],
)
def test_an_unusable_instance_is_refused_by_its_number(address: str, instances: Any, message: str) -> None:
    status, answer = predict(address, *instances)
    assert (status, message in answer["error"]) == (400, True), answer


def test_the_model_tells_of_itself(address: str) -> None:
    about = urllib3.request("GET", f"{address}/metadata").json()
    assert about["name"] == "plates"
    assert {item["name"] for item in about["labels"]} == {"hole", "stain"}


def test_what_is_no_bundle_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    model = Model(
        "none", str(tmp_path / "bundle"), module="brume.inspection.model.predictor", folder=str(tmp_path)
    )
    with pytest.raises(ServingError, match=r"no bundle\.json"):
        serving.serve(model, lambda _text: None)
