"""An engine on a cluster: Jobs, InferenceServices, and files in an object store.

A double stands for the API of Kubernetes; the containers that it is given run as processes here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from brume import storage
from brume.aws.client import client as aws
from brume.aws.engine.catalog import Settings
from brume.cluster import kube
from tests.aws.serving import client_of, serve_engine
from tests.components.cluster.kubernetes_double import KubernetesDouble
from tests.components.inspection.parts import dataset_ready, model_at, photo, source, write_dataset
from tests.polling import until

pytestmark = pytest.mark.long
STORE = "s3://cluster-files/inspection"


def containers(body: dict[str, Any]) -> list[dict[str, Any]]:
    spec = body["spec"]
    pod = spec["predictor"] if "predictor" in spec else spec["template"]["spec"]
    return list(pod["containers"])


def _answers(url: str) -> bool:
    """Tell whether a predictor is ready to answer."""
    try:
        return urllib3.request("GET", f"{url}/healthz", retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


class Pods:
    """Runs what the double is given to run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def play(self, double: KubernetesDouble, name: str) -> None:
        body = double.objects[name]
        (container,) = containers(body)
        command = [sys.executable, *(container.get("command", []) + container.get("args", []))[1:]]
        if body["kind"] == "Job":
            double.pod(f"{name}-pod", "job")
            done = subprocess.run(command, check=False, capture_output=True)
            double.write(f"{name}-pod", done.stderr.decode()[-500:])
            double.condition(name, "Failed" if done.returncode else "Complete")
            return
        port_file = self._folder / name
        command[command.index("--port") + 1] = "0"
        command[command.index("--host") + 1] = "127.0.0.1"
        self.processes.append(subprocess.Popen([*command, "--port-file", str(port_file)]))
        until(port_file.exists, "the predictor's port")
        url = f"http://127.0.0.1:{port_file.read_text()}"
        until(lambda: _answers(url), "the predictor has loaded its model")
        double.status(name, conditions=[{"type": "Ready", "status": "True"}], address={"url": url})


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesDouble]:
    pods = Pods(tmp_path)
    with KubernetesDouble(pods.play) as double:
        monkeypatch.setenv("BRUME_COMPUTE", "cluster")
        monkeypatch.setenv("KFP_NAMESPACE", "lab")
        monkeypatch.setenv("KUBECONFIG", str(double.kubeconfig(tmp_path / "kubeconfig")))
        monkeypatch.setattr(kube, "_SECONDS_BETWEEN_LOOKS", 1.0)
        yield double
        for process in pods.processes:
            process.terminate()
            process.wait()


def test_a_model_is_trained_by_a_job_and_hosted_by_an_inference_service(
    s3_server: str, cluster: KubernetesDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brume.inspection.engine import engine

    for bucket in ("cluster-files", "parts"):
        aws("s3").create_bucket(Bucket=bucket)
    text = write_dataset(tmp_path / "parts", 14, 6).replace("s3://pictures/", "s3://parts/")
    (tmp_path / "parts/train.manifest").write_text(text)
    storage.upload(tmp_path / "parts", "s3://parts")
    monkeypatch.setenv("BRUME_INSPECTION_STORE", STORE)

    def created(kind: str) -> list[dict[str, Any]]:
        return [item for item in cluster.created if item["kind"] == kind]

    with serve_engine(engine.create(Settings(tmp_path / "data", {}))) as url:
        client = client_of(url, "lookoutvision")
        client.create_project(ProjectName="p")
        client.create_dataset(
            ProjectName="p", DatasetType="train", DatasetSource=source("train.manifest", "parts")
        )
        dataset_ready(client, "p")
        client.create_model(ProjectName="p", OutputConfig={"S3Location": {"Bucket": "parts"}})
        model_at(client, "p", "1", "TRAINED", seconds=600)
        (job,) = created("Job")
        (container,) = containers(job)
        assert container["image"].startswith("brume-engines:")
        assert any(word.startswith(STORE + "/models/") for word in container["command"])
        client.start_model(ProjectName="p", ModelVersion="1", MinInferenceUnits=3)
        model_at(client, "p", "1", "HOSTED")
        (service,) = created("InferenceService")
        assert service["spec"]["predictor"]["minReplicas"] == 3
        detected = client.detect_anomalies(
            ProjectName="p", ModelVersion="1", Body=photo(5, "stain"), ContentType="image/png"
        )
        assert detected["DetectAnomalyResult"]["IsAnomalous"]
    # The engine ended: what it hosts stays.
    name = service["metadata"]["name"]
    assert name in cluster.objects
    with serve_engine(engine.create(Settings(tmp_path / "data", {}))) as url:
        client = client_of(url, "lookoutvision")
        client.detect_anomalies(
            ProjectName="p", ModelVersion="1", Body=photo(5, "stain"), ContentType="image/png"
        )
        assert len(created("InferenceService")) == 1
        client.stop_model(ProjectName="p", ModelVersion="1")
        model_at(client, "p", "1", "TRAINED")
        assert name not in cluster.objects
