"""The inspection engine on a real cluster: Jobs, InferenceServices, and files in S3."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore import UNSIGNED

from brume import storage
from brume.aws.engine.catalog import Settings
from brume.cluster import diagnosis
from tests.aws.serving import client_of, serve_engine
from tests.cluster.engines import Deployed
from tests.cluster.harness.installed import STEP, Installed
from tests.components.inspection.parts import dataset_ready, model_at, photo, source, write_dataset
from tests.polling import until

BUCKET = "mlpipeline"
STORE = f"s3://{BUCKET}/brume/inspection"  # as in the overlay `local`
NORMAL, ANOMALOUS = 13, 2
_DETECT = """
from brume import storage
from brume.aws.client import client
for name in ("good", "bad"):
    picture = storage.read_bytes("{pictures}/" + name + ".png")
    result = client("lookoutvision").detect_anomalies(
        ProjectName="{project}", ModelVersion="1", Body=picture, ContentType="image/png"
    )["DetectAnomalyResult"]
    print(name, result["IsAnomalous"], result["Confidence"])
"""


@pytest.fixture(scope="module")
def pictures(brume: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Labelled pictures in the cluster's object store, and two new ones."""
    folder = tmp_path_factory.mktemp("pictures")
    key = f"tests/{secrets.token_hex(4)}"
    manifest = write_dataset(folder, NORMAL, ANOMALOUS).replace("s3://pictures/", f"s3://{BUCKET}/{key}/")
    (folder / "train.manifest").write_text(manifest)
    (folder / "good.png").write_bytes(photo(901))
    (folder / "bad.png").write_bytes(photo(901, "stain"))
    with brume.acting_as("brume-pipeline"):
        storage.upload(folder, f"s3://{BUCKET}/{key}")
    yield key
    with brume.acting_as("brume-pipeline"):
        storage.remove(f"s3://{BUCKET}/{key}")


@pytest.fixture(scope="module")
def engine(brume: Installed) -> Deployed:
    return Deployed(brume, "brume-inspection", "lookoutvision")


def begin(client: Any, project: str, pictures: str) -> None:
    """Make a project of the pictures, and begin to train version 1."""
    client.create_project(ProjectName=project)
    client.create_dataset(
        ProjectName=project, DatasetType="train", DatasetSource=source(f"{pictures}/train.manifest", BUCKET)
    )
    stats = dataset_ready(client, project)["ImageStats"]
    assert stats == {
        "Total": NORMAL + ANOMALOUS,
        "Labeled": NORMAL + ANOMALOUS,
        "Normal": NORMAL,
        "Anomaly": ANOMALOUS,
    }
    output = {"Bucket": BUCKET, "Prefix": f"{pictures}/output"}
    client.create_model(ProjectName=project, OutputConfig={"S3Location": output})


def forget(client: Any, project: str) -> None:
    client.delete_model(ProjectName=project, ModelVersion="1")
    client.delete_dataset(ProjectName=project, DatasetType="train")
    client.delete_project(ProjectName=project)


def left(brume: Installed) -> list[str]:
    """Return what is on the cluster of any training or hosted model."""
    kinds = ("jobs", "inferenceservices", "deployments", "services", "pods", "horizontalpodautoscalers")
    return [
        f"{kind}/{name}" for kind in kinds for name in brume.names(kind) if name.startswith("inspection-")
    ]


def test_a_model_lives_from_its_pictures_to_its_end(
    brume: Installed, engine: Deployed, pictures: str
) -> None:
    """The engine's pod is replaced twice: while a training runs, and while a model is hosted."""
    project = f"parts-{secrets.token_hex(4)}"
    with engine.outside() as client:
        begin(client, project, pictures)
        job = the_one(brume, "jobs")
    engine.replace_pod()
    with engine.outside() as client:
        trained = model_at(client, project, "1", "TRAINED", seconds=300)
        assert trained["EvaluationResult"]["Key"].startswith(f"{pictures}/output/")
        assert left(brume) == []
        client.start_model(ProjectName=project, ModelVersion="1", MinInferenceUnits=1)
        model_at(client, project, "1", "HOSTED", seconds=180)
        service = the_one(brume, "inferenceservices")
    inside = engine.inside(_DETECT.format(project=project, pictures=f"s3://{BUCKET}/{pictures}"))
    print(inside)
    assert [line.split()[:2] for line in inside.splitlines()] == [["good", "False"], ["bad", "True"]]
    engine.replace_pod()
    with engine.outside() as client:
        detected = {
            name: client.detect_anomalies(
                ProjectName=project, ModelVersion="1", Body=photo(901, defect), ContentType="image/png"
            )["DetectAnomalyResult"]
            for name, defect in (("good", ""), ("bad", "stain"))
        }
        outside = [f"{name} {one['IsAnomalous']} {one['Confidence']}" for name, one in detected.items()]
        assert outside == inside.splitlines()
        assert the_one(brume, "inferenceservices") == service
        client.stop_model(ProjectName=project, ModelVersion="1")
        model_at(client, project, "1", "TRAINED")
        assert left(brume) == []
        forget(client, project)
    identity = job.removeprefix("inspection-training-").removesuffix("-1")
    with brume.acting_as("brume-pipeline"):
        assert storage.list_files(f"{STORE}/models/{identity}") == []


def the_one(brume: Installed, kind: str) -> str:
    """Return the name of the one object of a kind that the engine has made, once it has."""

    def made() -> list[str]:
        return [name for name in brume.names(kind) if name.startswith("inspection-")]

    (name,) = until(made, f"one of {kind}, made by the engine", pause=0.2)
    return name


def test_only_who_signs_with_a_key_is_let_in(brume: Installed, engine: Deployed) -> None:
    with brume.forwarded("service/brume-inspection", 8080) as url:
        assert "Projects" in client_of(url, "lookoutvision", key=engine.key).list_projects()
        stranger = replace(engine.key, access_key="AKIDSTRANGER")
        forger = replace(engine.key, secret="guessed")
        codes = [
            engine.refuses(url, "list_projects", signature_version=UNSIGNED),
            engine.refuses(url, "list_projects", key=stranger),
            engine.refuses(url, "list_projects", key=forger),
        ]
    assert codes == [
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    ]


def test_only_the_pods_that_policies_name_reach_it(engine: Deployed) -> None:
    until(lambda: engine.reached(STEP), "a way from a step to the engine")
    assert not engine.reached({"app": "somebody-elses"})


# What goes wrong in an engine's job. The engine is this process, acting by its service account, so that the
# test can shorten its patience; what it starts runs on the cluster.


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param(
            {"BRUME_TAG": "none"},
            r"started once: pod inspection-training-\S+: its image cannot be pulled .*brume-engines:none",
            id="image missing",
        ),
        pytest.param(
            {"BRUME_INSPECTION_TRAINING_CPU": "500"},
            r"started once: pod inspection-training-\S+: no node can take it: 0/\d+ nodes .*Insufficient cpu",
            id="unschedulable",
        ),
        pytest.param(
            {"BRUME_INSPECTION_TRAINING_MEMORY": "64Mi"},
            r"started once: PodFailurePolicy [\s\S]*\npod inspection-training-\S+: OOMKilled: it needed more",
            id="out of memory",
        ),
    ],
)
def test_a_training_that_cannot_be_done_names_its_pod_and_the_reason(
    brume: Installed,
    pictures: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    message: str,
) -> None:
    from brume.inspection.engine import engine as inspection

    be_impatient(monkeypatch)
    share = {"BRUME_INSPECTION_TRAINING_CPU": "100m", "BRUME_INSPECTION_TRAINING_MEMORY": "128Mi"}
    root = f"s3://{BUCKET}/{pictures}-engine"
    for name, value in (share | {"BRUME_INSPECTION_STORE": root} | variables).items():
        monkeypatch.setenv(name, value)
    with (
        brume.acting_as("brume-engine"),
        serve_engine(inspection.create(Settings(tmp_path / "data", {}))) as url,
    ):
        client = client_of(url, "lookoutvision")
        begin(client, "p", pictures)
        failed = model_at(client, "p", "1", "TRAINING_FAILED", seconds=200)
        print(failed["StatusMessage"])
        assert left(brume) == []
        forget(client, "p")
        assert storage.list_files(root) == []
    assert re.search(message, failed["StatusMessage"])


def be_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what may mend itself have three seconds for it."""
    monkeypatch.setattr(diagnosis, "_TO_SCHEDULE", 3.0)
    for reason, (patience, meaning) in diagnosis._WAITING.items():
        monkeypatch.setitem(diagnosis._WAITING, reason, (min(patience, 3.0), meaning))
