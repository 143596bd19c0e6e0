"""The cookie set as it was published, and an engine whose files lie in an object store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brume import storage
from brume.aws.engine.catalog import Settings
from tests.aws.serving import client_of, serve_engine
from tests.components.inspection.parts import (
    OUTPUT,
    dataset_ready,
    line,
    model_at,
    photo,
    refused,
    running,
    source,
    wait,
    write_dataset,
)

pytestmark = pytest.mark.long
PUBLISHED = "s3://lookoutvision-us-east-1-0e205be246/getting-started/"


@pytest.mark.parametrize("manifest", ["train_class.manifest", "train_segmentation.manifest"])
def test_the_published_manifests_train_as_they_stand(
    real_data: Callable[[str], Path], tmp_path: Path, manifest: str
) -> None:
    from brume.inspection.engine import engine

    cookie = real_data("inspection/cookie")
    (tmp_path / "results").mkdir()
    folders = {
        PUBLISHED: str(cookie / "dataset-files"),
        "s3://manifests/": str(cookie),
        "s3://results/": str(tmp_path / "results"),
    }
    with serve_engine(engine.create(Settings(tmp_path / "data", folders))) as url:
        client = client_of(url, "lookoutvision")
        client.create_project(ProjectName="cookie")
        client.create_dataset(
            ProjectName="cookie", DatasetType="train", DatasetSource=source(manifest, "manifests")
        )
        about = dataset_ready(client, "cookie")
        if about["Status"] == "CREATE_FAILED":  # the mask of all normal pictures is not among the files
            raise AssertionError(about["StatusMessage"])
        assert about["ImageStats"] == {"Total": 63, "Labeled": 63, "Normal": 31, "Anomaly": 32}
        client.create_model(ProjectName="cookie", OutputConfig={"S3Location": {"Bucket": "results"}})
        model_at(client, "cookie", "1", "TRAINED", seconds=600)
        client.start_model(ProjectName="cookie", ModelVersion="1", MinInferenceUnits=1)
        model_at(client, "cookie", "1", "HOSTED")
        right, masks = 0, 0
        pictures = sorted((cookie / "test-images").glob("*.jpg"))
        for path in pictures:
            detected = client.detect_anomalies(
                ProjectName="cookie", ModelVersion="1", Body=path.read_bytes(), ContentType="image/jpeg"
            )["DetectAnomalyResult"]
            right += detected["IsAnomalous"] == ("anomaly" in path.name)
            if "segmentation" in manifest:
                names = [item["Name"] for item in detected["Anomalies"]]
                assert names[0] == "background"
                assert set(names) <= {"background", "cracked"}
                masks += detected["AnomalyMask"].startswith(b"\x89PNG") and "cracked" in names
            else:
                assert "AnomalyMask" not in detected
        assert right >= 0.9 * len(pictures)
        assert masks >= 6 or "segmentation" not in manifest


def test_normal_images_alone_are_enough_and_a_test_dataset_judges_them(tmp_path: Path) -> None:
    write_dataset(tmp_path / "pictures", 15, 0)
    (tmp_path / "pictures/normal").rename(tmp_path / "pictures/unsorted")
    write_dataset(tmp_path / "pictures/test", 6, 5, seed=50)
    with running(tmp_path) as served:
        client = served.client
        client.create_project(ProjectName="p")
        for kind, key in (("train", "unsorted/"), ("test", "test/")):
            client.create_dataset(ProjectName="p", DatasetType=kind, DatasetSource=source(key))
            assert dataset_ready(client, "p", kind)["Status"] == "CREATE_COMPLETE"
        with refused(client, "ValidationException", "has 0 labelled normal"):  # the folder has no label
            client.create_model(ProjectName="p", OutputConfig=OUTPUT)
        lines = client.list_dataset_entries(ProjectName="p", DatasetType="train")["DatasetEntries"]
        changes = [line(json.loads(item)["source-ref"], False) for item in lines]
        client.update_dataset_entries(ProjectName="p", DatasetType="train", Changes="\n".join(changes))
        client.create_model(ProjectName="p", OutputConfig=OUTPUT)
        about = model_at(client, "p", "1", "TRAINED", seconds=400)
        assert about["Performance"]["Recall"] >= 0.6
        figures = json.loads((tmp_path / "results/out/EvaluationResult-p-1.json").read_text())
        assert (figures["training_images"], figures["test_images"]) == (15, 11)
        client.delete_dataset(ProjectName="p", DatasetType="test")
        client.create_model(ProjectName="p", OutputConfig=OUTPUT)  # nothing anomalous to evaluate it by
        about = model_at(client, "p", "2", "TRAINED", seconds=400)
        assert "Recall" not in about.get("Performance", {})


def test_models_and_images_in_an_object_store(
    s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brume.aws.client import client as aws
    from brume.inspection.engine import engine

    for bucket in ("engine-files", "pictures", "results"):
        aws("s3").create_bucket(Bucket=bucket)
    write_dataset(tmp_path / "pictures", 14, 6)
    storage.upload(tmp_path / "pictures", "s3://pictures")
    monkeypatch.setenv("BRUME_INSPECTION_STORE", "s3://engine-files/inspection")
    with serve_engine(engine.create(Settings(tmp_path / "data", {}))) as url:
        client = client_of(url, "lookoutvision")
        client.create_project(ProjectName="far")
        client.create_dataset(ProjectName="far", DatasetType="train", DatasetSource=source("train.manifest"))
        assert dataset_ready(client, "far")["ImageStats"]["Total"] == 20
        output: dict[str, Any] = {"Bucket": "results", "Prefix": "far"}
        client.create_model(ProjectName="far", OutputConfig={"S3Location": output})
        about = model_at(client, "far", "1", "TRAINED", seconds=300)
        key = about["EvaluationResult"]["Key"]
        assert key == "far/EvaluationResult-far-1.json"
        assert storage.read_bytes(f"s3://results/{key}").startswith(b"{")
        client.start_model(ProjectName="far", ModelVersion="1", MinInferenceUnits=1)
        model_at(client, "far", "1", "HOSTED")
        request = {"ProjectName": "far", "ModelVersion": "1", "ContentType": "image/png"}
        assert client.detect_anomalies(**request, Body=photo(900, "stain"))["DetectAnomalyResult"][
            "IsAnomalous"
        ]
        client.start_model_packaging_job(
            ProjectName="far",
            ModelVersion="1",
            JobName="pack",
            Configuration={
                "Greengrass": {
                    "S3OutputLocation": output,
                    "ComponentName": "far",
                    "ComponentVersion": "2.0.1",
                }
            },
        )
        look = {"ProjectName": "far", "JobName": "pack"}
        wait(lambda: client.describe_model_packaging_job(**look)["ModelPackagingDescription"], ("SUCCEEDED",))
        assert storage.exists("s3://results/far/far-2.0.1.tar.gz")
        client.stop_model(ProjectName="far", ModelVersion="1")
        model_at(client, "far", "1", "TRAINED")
        client.delete_model(ProjectName="far", ModelVersion="1")
        assert storage.list_files("s3://engine-files/inspection/models") == []
