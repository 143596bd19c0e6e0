"""The operators at the API level: they act on what Brume makes, and refuse what is wrong."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from brume.cluster.mpi import MpiJob, mpi_job_manifest
from brume.cluster.pods import SERVICE_ACCOUNT
from brume.cluster.serving import Model, inference_service_manifest
from tests.cluster.harness import given, kserve, mpi_operator
from tests.cluster.harness.api_server import Api, ApiServer, KubectlError
from tests.cluster.harness.binaries import Unavailable
from tests.polling import until

PREDICTOR = "brume.slides.model.predictor"

SECONDS = 30.0
MADE = {"mpi-operator": "mpijobs.kubeflow.org", "kserve": "inferenceservices.serving.kserve.io"}


@pytest.fixture(scope="module")
def operated(api: Api) -> Iterator[Api]:
    """The API with the MPI operator and KServe at work on it."""
    if not isinstance(api, ApiServer):
        try:
            for definition in MADE.values():
                given.require(api, "customresourcedefinition", definition)
        except Unavailable as error:
            pytest.skip(str(error))
        yield api
        return
    mpi_operator.start(api)
    kserve.start(api)
    yield api
    # Without KServe nobody would answer the API server's questions about the objects of later tests.
    api.kubectl("delete", "mutatingwebhookconfigurations,validatingwebhookconfigurations", "--all")
    for name in reversed(MADE):
        api.processes.stop(name)


@pytest.fixture
def namespace(operated: Api) -> Iterator[str]:
    """A namespace with the account that Brume's pods run as."""
    name = f"operated-{secrets.token_hex(4)}"
    about = {"name": SERVICE_ACCOUNT, "namespace": name}
    operated.apply(
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
        ]
    )
    yield name
    # Nobody empties a namespace where there is no controller manager.
    operated.kubectl("delete", "namespace", name, "--wait=false")


def _eventually(look: Callable[[], Any]) -> Any:
    """Return what `look` returns once that is something; an object that is not there is nothing yet."""

    def there() -> Any:
        with contextlib.suppress(KubectlError):
            return look()
        return None

    return until(there, seconds=SECONDS, pause=0.1)


def _job(namespace: str) -> dict[str, Any]:
    # An image that nobody has: what the operator does is looked at before any worker is ready.
    job = MpiJob("Training", ("true",), ranks=2, image="brume-test/absent:1", namespace=namespace)
    return mpi_job_manifest(job, "a1")


def _service(namespace: str) -> dict[str, Any]:
    return inference_service_manifest(
        Model("Tiles", "s3://models/tiles", namespace=namespace, module=PREDICTOR)
    )


def test_an_mpi_job_gets_its_workers_their_keys_and_their_names(operated: Api, namespace: str) -> None:
    operated.apply([_job(namespace)])

    def workers() -> list[Any]:
        pods: list[Any] = operated.get("pods", "--namespace", namespace)["items"]
        return pods if len(pods) == 2 else []

    pods = _eventually(workers)
    assert [pod["metadata"]["name"] for pod in pods] == ["training-a1-worker-0", "training-a1-worker-1"]
    assert all(pod["metadata"]["labels"]["training.kubeflow.org/job-name"] == "training-a1" for pod in pods)
    keys = operated.get("secret", "training-a1-ssh", "--namespace", namespace)
    assert set(keys["data"]) == {"ssh-privatekey", "ssh-publickey"}
    hosts = operated.get("configmap", "training-a1-config", "--namespace", namespace)["data"]["hostfile"]
    assert hosts.split("\n")[0] == f"training-a1-worker-0.training-a1.{namespace}.svc slots=1"
    assert operated.get("service", "training-a1", "--namespace", namespace)["spec"]["clusterIP"] == "None"
    # The launcher waits for workers that are ready, and none of these has run yet.
    assert operated.get("jobs", "--namespace", namespace)["items"] == []


def test_an_mpi_job_that_the_operator_does_not_take_has_an_event(operated: Api, namespace: str) -> None:
    job = _job(namespace)
    job["spec"]["mpiReplicaSpecs"]["Worker"]["replicas"] = 0
    operated.apply([job])

    def warnings() -> str:
        return operated.kubectl("events", "--namespace", namespace, "--types=Warning")

    assert "ValidationError" in _eventually(lambda: warnings() if "MPIJob" in warnings() else "")
    assert operated.get("pods", "--namespace", namespace)["items"] == []


def test_a_model_becomes_a_deployment_with_its_predictor(operated: Api, namespace: str) -> None:
    service = _service(namespace)
    operated.apply([service])
    found = _eventually(
        lambda: operated.get("deployment", "tiles-predictor", "--namespace", namespace)["spec"]
    )
    ours = service["spec"]["predictor"]["containers"][0]
    made = found["template"]["spec"]["containers"][0]
    assert made["command"] == ours["command"]
    assert made["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert made["securityContext"] == ours["securityContext"]
    assert found["template"]["spec"]["serviceAccountName"] == SERVICE_ACCOUNT
    named = operated.get("service", "tiles-predictor", "--namespace", namespace)["spec"]
    assert [(port["port"], port["targetPort"]) for port in named["ports"]] == [(80, 8080)]
    mode = _eventually(
        lambda: (
            operated.get("inferenceservice", "tiles", "--namespace", namespace)
            .get("status", {})
            .get("deploymentMode")
        )
    )
    assert mode == "Standard"


def _called_wrongly(service: dict[str, Any]) -> None:
    service["metadata"]["name"] = "1-tiles"


def _served_twice(service: dict[str, Any]) -> None:
    service["spec"]["predictor"]["model"] = {"modelFormat": {"name": "tensorflow"}}


def _scaled_backwards(service: dict[str, Any]) -> None:
    service["spec"]["predictor"] |= {"minReplicas": 3, "maxReplicas": 2}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_called_wrongly, 'InferenceService "1-tiles" is invalid'),
        (_served_twice, "must be specified in PredictorSpec"),
        (_scaled_backwards, "'MinReplicas' cannot be greater than MaxReplicas"),
    ],
)
def test_a_wrong_model_is_refused_by_kserve_itself(
    operated: Api, namespace: str, spoil: Callable[[dict[str, Any]], None], reason: str
) -> None:
    service = _service(namespace)
    spoil(service)
    with pytest.raises(KubectlError, match=r"inferenceservice\.kserve-webhook-server\.validator") as refused:
        operated.apply([service])
    assert reason in str(refused.value)


def test_kserve_sees_the_pods_of_models(operated: Api, namespace: str) -> None:
    about = {
        "name": "predictor",
        "namespace": namespace,
        "labels": {"serving.kserve.io/inferenceservice": "tiles"},
        "annotations": {"internal.serving.kserve.io/storage-initializer-sourceuri": "s3://models/tiles"},
    }
    containers = [{"name": "kserve-container", "image": "predictor:1"}]
    spec = {"serviceAccountName": SERVICE_ACCOUNT, "containers": containers}
    operated.apply([{"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}])
    pod = operated.get("pod", "predictor", "--namespace", namespace)
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["storage-initializer"]
