"""Reasons of pods, from the objects that the real client makes of the API's JSON."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client

from brume.cluster import diagnosis
from brume.cluster.diagnosis import Patience, problems


def pod(**status: Any) -> Any:
    body = {"metadata": {"name": "p-0"}, "spec": {"containers": [{"name": "c"}]}, "status": status}
    return client.ApiClient().deserialize(SimpleNamespace(data=json.dumps(body)), "V1Pod")


def container(restarts: int = 0, **state: Any) -> dict[str, Any]:
    found = {"name": "c", "image": "reg/i:1", "imageID": "", "ready": False, "restartCount": restarts}
    last = state.pop("last", None)
    return {**found, "state": state, **({"lastState": last} if last else {})}


def waiting(reason: str, message: str = "") -> Any:
    return pod(phase="Pending", containerStatuses=[container(waiting={"reason": reason, "message": message})])


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (pod(phase="Running"), ""),
        (waiting("ContainerCreating"), ""),
        (
            waiting("ImagePullBackOff", "no such tag"),
            "its image cannot be pulled (ImagePullBackOff: no such tag)",
        ),
        (waiting("InvalidImageName"), "its image's name is not valid (InvalidImageName: reg/i:1)"),
        (
            pod(
                phase="Failed",
                containerStatuses=[container(terminated={"exitCode": 137, "reason": "OOMKilled"})],
            ),
            "OOMKilled: it needed more memory than its limit; give it more (memory)",
        ),
        (
            pod(
                phase="Failed", containerStatuses=[container(terminated={"exitCode": 139, "reason": "Error"})]
            ),
            "it ended with code 139, signal 11 (Error)",
        ),
        (
            pod(
                phase="Succeeded",
                containerStatuses=[container(terminated={"exitCode": 0, "reason": "Completed"})],
            ),
            "",
        ),
        (
            pod(
                phase="Failed",
                initContainerStatuses=[container(terminated={"exitCode": 2, "reason": "Error"})],
            ),
            "it ended with code 2 (Error)",
        ),
        (pod(phase="Failed", reason="Evicted", message="low on disk"), "Evicted (low on disk)"),
        (
            pod(phase="Running", containerStatuses=[container(1, waiting={"reason": "CrashLoopBackOff"})]),
            "",
        ),
    ],
)
def test_reasons(found: Any, text: str) -> None:
    assert [problem.text for problem in problems("job", [found])] == ([text] if text else [])
    assert all(str(problem).startswith("pod p-0: ") for problem in problems("job", [found]))


def test_what_may_mend_itself_gets_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull that fails shows under two reasons in turn: the time runs on through both."""
    now = 1000.0
    monkeypatch.setattr(diagnosis.time, "monotonic", lambda: now)
    patience = Patience()
    for second in range(0, 170, 10):
        now = 1000.0 + second
        reason = "ErrImagePull" if second % 20 else "ImagePullBackOff"
        assert not patience.exhausted(problems("job", [waiting(reason)]))
    now = 1181.0
    assert patience.exhausted(problems("job", [waiting("ErrImagePull")]))
    assert not patience.exhausted(problems("job", [pod(phase="Running")]))
    assert not patience.exhausted(problems("job", [waiting("ErrImagePull")]))  # a new one has its own time


def test_that_no_pod_was_made_is_a_problem_with_time() -> None:
    """mpi-operator is not installed, or a quota is used up: nothing else would ever say so."""
    (problem,) = problems("job", [])
    assert "none of job was created. Is its operator running" in str(problem)
    assert problem.patience > 300
