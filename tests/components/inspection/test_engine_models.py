"""A trained model: its description, hosting, detections, packages; through boto3 over HTTP."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import create_engine, text

from brume.inspection.engine import monitoring
from brume.inspection.engine.models import set_threshold
from brume.inspection.model.bundle import Bundle
from brume.inspection.model.images import decode
from tests.aws.serving import OTHER, client_of
from tests.components.inspection.parts import (
    BUCKET,
    OUTPUT,
    Running,
    encoded,
    line,
    model_at,
    photo,
    picture,
    refused,
    wait,
)
from tests.polling import gone, until

pytestmark = pytest.mark.slow
PLATES = {"ProjectName": "plates", "ModelVersion": "1"}


def detect(client: Any, image: bytes, kind: str = "image/png") -> dict[str, Any]:
    return client.detect_anomalies(**PLATES, Body=image, ContentType=kind)["DetectAnomalyResult"]


def query(served: Running, statement: str) -> list[Any]:
    database = create_engine(f"sqlite:///{served.settings.data}/state.db")
    with database.connect() as db:
        found = list(db.execute(text(statement)))
    database.dispose()
    return found


def test_a_trained_model_is_described(trained: Running) -> None:
    about = trained.client.describe_model(**PLATES)["ModelDescription"]
    assert about["ModelArn"] == "arn:aws:lookoutvision:eu-west-1:123456789012:model/plates/1"
    assert about["Description"] == "first"
    assert set(about["Performance"]) == {"F1Score", "Precision", "Recall"}
    assert about["OutputConfig"] == OUTPUT
    assert (
        trained.client.describe_model(ProjectName="plates", ModelVersion="latest")["ModelDescription"]
        == about
    )
    listed = trained.client.list_models(ProjectName="plates")["Models"]
    assert [(item["ModelVersion"], item["Performance"]) for item in listed] == [("1", about["Performance"])]
    tags = trained.client.list_tags_for_resource(ResourceArn=about["ModelArn"])["Tags"]
    assert tags == [{"Key": "shift", "Value": "night"}]


def test_figures_and_predictions_lie_at_the_output_location(trained: Running) -> None:
    about = trained.client.describe_model(**PLATES)["ModelDescription"]
    results = trained.root / "results"
    figures = json.loads((results / about["EvaluationResult"]["Key"]).read_text())
    assert about["EvaluationResult"]["Bucket"] == "results"
    assert figures["figures"]["f1"] == pytest.approx(about["Performance"]["F1Score"], abs=1e-6)
    assert (figures["training_images"], figures["test_images"]) == (19, 5)
    lines = (results / about["EvaluationManifest"]["Key"]).read_text().splitlines()
    detected = [json.loads(item) for item in lines]
    assert len(detected) == 5
    assert all(item["source-ref"].startswith(BUCKET) for item in detected)
    assert {item["anomaly-label-detected"] for item in detected} <= {0, 1}
    train = (results / "out/train-plates-1.manifest").read_text().splitlines()
    given = (trained.root / "pictures/train.manifest").read_text().splitlines()
    assert sorted(train + (results / "out/test-plates-1.manifest").read_text().splitlines()) == sorted(given)


def test_good_and_bad_parts_are_told_apart(hosted: Running) -> None:
    answers = {
        kind: [detect(hosted.client, photo(seed, kind)) for seed in range(500, 504)] for kind in ("", "stain")
    }
    assert [item["IsAnomalous"] for item in answers[""]].count(True) <= 1
    assert [item["IsAnomalous"] for item in answers["stain"]].count(True) >= 3
    for item in [*answers[""], *answers["stain"]]:
        assert 0 <= item["Confidence"] <= 1
        assert item["Source"] == {"Type": "direct"}


def test_anomalies_and_mask_of_a_model_trained_with_masks(hosted: Running) -> None:
    image, truth = picture(600, "stain")
    detected = detect(hosted.client, encoded(image))
    assert detected["IsAnomalous"]
    assert detected["Anomalies"][0]["Name"] == "background"
    areas = {item["Name"]: item["PixelAnomaly"]["TotalPercentageArea"] for item in detected["Anomalies"]}
    assert sum(areas.values()) == pytest.approx(1, abs=1e-6)
    assert set(areas) <= {"background", "stain", "hole"}
    mask = Image.open(io.BytesIO(detected["AnomalyMask"]))
    assert mask.size == image.size
    shown = {value: count for count, value in mask.convert("RGB").getcolors() or []}
    for item in detected["Anomalies"]:
        color = item["PixelAnomaly"]["Color"]
        share = shown[tuple(bytes.fromhex(color[1:]))] / (image.width * image.height)
        assert share == pytest.approx(item["PixelAnomaly"]["TotalPercentageArea"], abs=1e-6)
    marked = np.asarray(mask.convert("RGB")).min(axis=-1) < 255
    there = np.asarray(truth).max(axis=-1) > 0
    assert (marked & there).sum() > 0.3 * there.sum()
    normal = detect(hosted.client, photo(601))
    if not normal["IsAnomalous"]:
        assert [item["Name"] for item in normal["Anomalies"]] == ["background"]
        assert normal["Anomalies"][0]["PixelAnomaly"] == {"TotalPercentageArea": 1.0, "Color": "#FFFFFF"}


def test_the_hosted_model_and_the_packaged_one_say_the_same(hosted: Running, tmp_path: Path) -> None:
    client = hosted.client
    job = client.start_model_packaging_job(
        **PLATES,
        Configuration={
            "Greengrass": {
                "S3OutputLocation": {"Bucket": "results", "Prefix": "packages/"},
                "ComponentName": "plates-1",
                "TargetPlatform": {"Os": "LINUX", "Arch": "ARM64"},
            }
        },
        Description="for the line",
    )["JobName"]
    look = {"ProjectName": "plates", "JobName": job}
    about = wait(
        lambda: client.describe_model_packaging_job(**look)["ModelPackagingDescription"],
        ("SUCCEEDED", "FAILED"),
    )
    assert about["Status"] == "SUCCEEDED", about
    assert about["ModelPackagingOutputDetails"]["Greengrass"]["ComponentVersion"] == "1.0.0"
    listed = client.list_model_packaging_jobs(ProjectName="plates")["ModelPackagingJobs"]
    assert job in [item["JobName"] for item in listed]
    with tarfile.open(hosted.root / "results/packages/plates-1.tar.gz") as archive:
        archive.extractall(tmp_path / "bundle", filter="data")
    bundle = Bundle.load(tmp_path / "bundle")
    assert (bundle.about["project"], bundle.about["model_version"]) == ("plates", "1")
    for seed, defect in ((700, ""), (701, "stain")):
        here, there = bundle.detect(decode(photo(seed, defect))), detect(hosted.client, photo(seed, defect))
        assert here.anomalous == there["IsAnomalous"]
        assert here.confidence == pytest.approx(there["Confidence"], abs=1e-3)


def test_packaging_refuses_what_it_cannot_do(hosted: Running) -> None:
    green = {"S3OutputLocation": {"Bucket": "results"}, "ComponentName": "c"}
    start = hosted.client.start_model_packaging_job
    with refused(hosted.client, "ValidationException", "TargetDevice and TargetPlatform"):
        both = {"TargetDevice": "jetson_xavier", "TargetPlatform": {"Os": "LINUX", "Arch": "ARM64"}}
        start(**PLATES, Configuration={"Greengrass": {**green, **both}})
    start(**PLATES, JobName="twice", Configuration={"Greengrass": green})
    with refused(hosted.client, "ConflictException", "twice") as answer:
        start(**PLATES, JobName="twice", Configuration={"Greengrass": green})
    assert answer["ResourceType"] == "MODEL_PACKAGE_JOB"
    with refused(hosted.client, "ResourceNotFoundException", "nothing"):
        hosted.client.describe_model_packaging_job(ProjectName="plates", JobName="nothing")


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        (b"a text, whatever its name", "image/jpeg", "no JPEG file"),
        (photo(1)[:900], "image/png", "damaged or cut short"),
        (encoded(Image.new("RGB", (63, 200))), "image/png", "63 x 200 pixels"),
        (encoded(Image.new("RGB", (5000, 64))), "image/png", "5000 x 64 pixels"),
        (b"\xff\xd8\xff" + b"\0" * (9 << 20), "image/jpeg", "8 MB"),
        (photo(1), "image/jpeg", "the bytes of the image are PNG"),
        (photo(1), "text/plain", "image/png or image/jpeg"),
    ],
)
def test_unusable_images_are_refused_with_the_reason(
    hosted: Running, image: bytes, kind: str, message: str
) -> None:
    with refused(hosted.client, "ValidationException", message):
        detect(hosted.client, image, kind)


def test_unknown_and_foreign_models_are_not_found(hosted: Running) -> None:
    image_request = {"Body": photo(1), "ContentType": "image/png"}
    for name, version, kind in (
        ("plate", "1", "PROJECT"),
        ("plates", "9", "MODEL"),
        ("plates", "999999999", "MODEL"),
    ):
        with refused(hosted.client, "ResourceNotFoundException") as answer:
            hosted.client.detect_anomalies(ProjectName=name, ModelVersion=version, **image_request)
        assert answer["ResourceType"] == kind
    other = client_of(hosted.url, "lookoutvision", key=OTHER)
    with refused(other, "ResourceNotFoundException"):
        other.detect_anomalies(**PLATES, **image_request)


def test_another_threshold_decides_from_the_next_detection_on(hosted: Running) -> None:
    from brume.aws.engine.store import Store
    from brume.inspection.engine import rows
    from brume.inspection.engine.tables import SCHEMA

    store = Store("", hosted.settings.data, SCHEMA)
    call: Any = type("Caller", (), {"account": "123456789012"})
    image = photo(601)
    try:
        for threshold in (0.0, 1.0, None):
            with store.write() as db:
                set_threshold(db, rows.project(db, call, "plates"), 1, threshold)
            if threshold is not None:
                assert detect(hosted.client, image)["IsAnomalous"] is (threshold == 0.0)
    finally:
        store.close()


def test_detections_are_counted_and_drift_raises_an_alarm(hosted: Running) -> None:
    before = query(hosted, "select sum(processed) from detections")[0][0] or 0
    for seed in range(monitoring.WINDOW):
        detect(hosted.client, photo(seed, light=0.4))
    assert query(hosted, "select sum(processed) from detections")[0][0] == before + monitoring.WINDOW
    assert query(hosted, "select sum(alarms) from drift_sums where statistic = 'brightness'")[0][0] >= 1
    with urllib.request.urlopen(hosted.url + "/metrics") as answer:
        metrics = answer.read().decode()
    counted = [item for item in metrics.splitlines() if 'project="plates"' in item and "_total" in item]
    alarms = [item for item in counted if "drift_alarms" in item and 'statistic="brightness"' in item]
    assert [float(item.split()[-1]) for item in alarms] == [1.0]
    detections = [item for item in counted if item.startswith("brume_inspection_detections_total")]
    assert float(detections[0].split()[-1]) >= monitoring.WINDOW


def test_a_hosted_model_is_not_deleted_or_started_again(hosted: Running) -> None:
    with refused(hosted.client, "ConflictException", "HOSTED", "stop it first"):
        hosted.client.delete_model(**PLATES)
    with refused(hosted.client, "ConflictException", "only a TRAINED one"):
        hosted.client.start_model(**PLATES, MinInferenceUnits=1)
    with refused(hosted.client, "ConflictException", "model version 1"):
        hosted.client.delete_project(ProjectName="plates")


def test_a_predictor_that_died_is_started_again(hosted: Running) -> None:
    state = next((hosted.settings.data / "processes/serving").glob("*.json"))
    pid = json.loads(state.read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: gone(pid), "the end of a killed predictor")
    with refused(hosted.client, "InternalServerException", "started again"):
        detect(hosted.client, photo(1))
    model_at(hosted.client, "plates", "1", "HOSTED")
    detect(hosted.client, photo(1))


def test_a_stopped_model_does_not_answer_and_can_be_started_again(hosted: Running) -> None:
    assert hosted.client.stop_model(**PLATES)["Status"] == "STOPPING_HOSTING"
    model_at(hosted.client, "plates", "1", "TRAINED")
    with refused(hosted.client, "ConflictException", "TRAINED", "start_model") as answer:
        detect(hosted.client, photo(1))
    assert (answer["ResourceId"], answer["ResourceType"]) == ("plates/1", "MODEL")
    with refused(hosted.client, "ConflictException", "only a HOSTED one"):
        hosted.client.stop_model(**PLATES)
    with refused(hosted.client, "ValidationException", "MaxInferenceUnits"):
        hosted.client.start_model(**PLATES, MinInferenceUnits=2, MaxInferenceUnits=1)
    with refused(hosted.client, "ServiceQuotaExceededException", "33 inference units"):
        hosted.client.start_model(**PLATES, MinInferenceUnits=33)
    with refused(hosted.client, "ServiceQuotaExceededException", "33 inference units"):
        hosted.client.start_model(**PLATES, MinInferenceUnits=1, MaxInferenceUnits=33)


def test_a_training_in_progress_stands_in_the_way_and_an_unusable_one_says_why(trained: Running) -> None:
    client, name = trained.client, "broken"
    client.create_project(ProjectName=name)
    client.create_dataset(ProjectName=name, DatasetType="train")
    (trained.root / "pictures/bad.png").write_bytes(b"no picture")
    for number in range(3):
        (trained.root / f"pictures/bad{number}.png").write_bytes(b"no picture")
    lines = [line(f"{BUCKET}normal/{number:03}.png", False) for number in range(16)]
    lines += [line(f"{BUCKET}bad{number}.png", True) for number in range(3)]
    client.update_dataset_entries(ProjectName=name, DatasetType="train", Changes="\n".join(lines))
    client.create_model(ProjectName=name, OutputConfig=OUTPUT)
    with refused(client, "ConflictException", "version 1", "being trained") as answer:
        client.create_model(ProjectName=name, OutputConfig=OUTPUT)
    assert answer["ResourceType"] == "MODEL"
    with refused(client, "ConflictException", "TRAINING"):
        client.delete_model(ProjectName=name, ModelVersion="1")
    with refused(client, "ConflictException", "being trained"):
        client.delete_dataset(ProjectName=name, DatasetType="train")
    with refused(client, "ConflictException", "TRAINING"):
        client.start_model(ProjectName=name, ModelVersion="1", MinInferenceUnits=1)
    about = model_at(client, name, "1", "TRAINED", "TRAINING_FAILED")
    assert about["Status"] == "TRAINING_FAILED"
    assert "3 of 19 images cannot be used" in about["StatusMessage"]
    assert "s3://pictures/bad0.png: the image is neither a PNG nor a JPEG" in about["StatusMessage"]
    folders = list((trained.settings.data / "models").glob("*/1"))
    client.delete_model(ProjectName=name, ModelVersion="1")
    assert len(list((trained.settings.data / "models").glob("*/1"))) == len(folders) - 1
    with refused(client, "ResourceNotFoundException"):
        client.describe_model(ProjectName=name, ModelVersion="1")
