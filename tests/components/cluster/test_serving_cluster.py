"""Serving on a cluster: our side of the conversation, against a double of its API."""

from __future__ import annotations

import pytest

from brume.cluster import serving
from brume.cluster.serving import Model, ServingError
from tests.components.cluster.cancelled import cancel
from tests.components.cluster.conftest import Start
from tests.components.cluster.kubernetes_double import KubernetesDouble

PREDICTOR = "brume.slides.model.predictor"

MODEL = Model("Lung_tiles", "s3://bucket/model", "an-image", namespace="lab", module=PREDICTOR)


def ready(double: KubernetesDouble, name: str) -> None:
    double.pod(f"{name}-predictor-5d6f", "kserve-container", "Pending")
    double.condition(name, "PredictorReady")
    double.await_reader(name)
    double.status(
        name,
        conditions=[{"type": "IngressReady", "status": "True"}, {"type": "Ready", "status": "True"}],
        address={"url": "http://lung-tiles-predictor.lab"},
    )


def crash(double: KubernetesDouble, name: str) -> None:
    pod = f"{name}-predictor-5d6f"
    double.write(pod, "error: s3://bucket/model: no SavedModel")
    container = {"name": "kserve-container", "image": "i", "imageID": "", "ready": False, "restartCount": 3}
    container["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}
    container["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error"}}
    double.pod(pod, "kserve-container", "Running", containerStatuses=[container])


def test_a_model_is_served_and_stopped(start: Start) -> None:
    with start(ready) as double:
        endpoint = serving.serve(MODEL, print)
        assert endpoint.url == "http://lung-tiles-predictor.lab"
        assert endpoint.handle == "lab/lung-tiles"
        assert list(double.objects) == ["lung-tiles"]
        serving.stop(endpoint)
        serving.stop(endpoint)
        assert double.deleted == ["lung-tiles"]


def test_a_model_of_the_same_name_is_replaced(start: Start) -> None:
    with start(ready) as double:
        serving.serve(MODEL, print)
        serving.serve(MODEL, print)
        assert double.deleted == ["lung-tiles"]
        assert len(double.created) == 2


def test_a_model_can_be_stopped_by_its_name(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFP_NAMESPACE", "lab")
    with start(ready) as double:
        serving.serve(MODEL, print)
        serving.stop("Lung_tiles")
        assert double.deleted == ["lung-tiles"]


def test_a_predictor_that_ends_again_and_again_is_explained_and_removed(start: Start) -> None:
    with start(crash) as double:
        with pytest.raises(ServingError) as caught:
            serving.serve(MODEL, print)
        assert double.deleted == ["lung-tiles"]
    text = str(caught.value)
    assert "pod lung-tiles-predictor-5d6f: started 3 times, it ended with code 1" in text
    assert "  error: s3://bucket/model: no SavedModel" in text


def test_one_that_is_never_ready_is_given_up_with_its_conditions(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_SECONDS_TO_DEPLOY", 0.5)

    def never(double: KubernetesDouble, name: str) -> None:
        double.status(name, conditions=[{"type": "Ready", "status": "False", "reason": "NoCapacity"}])

    with start(never) as double:
        with pytest.raises(ServingError, match=r"Ready: NoCapacity(.|\n)*not ready in 0\.5 s"):
            serving.serve(MODEL, print)
        assert double.deleted == ["lung-tiles"]


def test_a_cancelled_step_removes_what_is_not_ready(start: Start) -> None:
    code = (
        "from brume.cluster import serving; "
        f"serving.serve(serving.Model('m', 'uri', 'i', namespace='lab', module='{PREDICTOR}'), print)"
    )
    with start(lambda double, name: double.condition(name, "PredictorReady")) as double:
        assert cancel(code, lambda: double.objects) == 143
        assert double.deleted == ["m"]
