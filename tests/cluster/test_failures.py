"""Failures on a real cluster: messages name the pod and the reason, and nothing is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from brume.cluster import diagnosis, mpi
from brume.cluster.mpi import JobError, MpiJob
from brume.cluster.resources import Resources
from tests.cluster.harness.installed import OF_A_JOB, Installed
from tests.cluster.harness.node import Node
from tests.polling import until

SHARE = Resources(cpu="100m", memory="128Mi")
HUNGRY = "held = b'x' * (1 << 30); print(len(held))"
_SOON = 3.0


def job(program: str, *, resources: Resources = SHARE, image: str = "") -> MpiJob:
    return MpiJob("Failing", ("python3", "-c", program), 1, image=image, resources=resources)


def run(brume: Installed, failing: MpiJob) -> str:
    """Run a job that fails; return the message that its step would raise."""
    with brume.acting_as("brume-pipeline"), pytest.raises(JobError) as failure:
        mpi.run(failing, print)
    print(failure.value)
    assert left(brume) == []
    return str(failure.value)


def left(brume: Installed) -> list[str]:
    return brume.left("failing-", *OF_A_JOB)


def test_a_program_that_fails(brume: Installed) -> None:
    message = run(brume, job("import sys; print('the reason'); sys.exit(3)"))
    assert "rank 0: the reason" in message
    assert "Exit code:    3" in message


def test_an_image_that_is_missing(brume: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    for reason in ("ErrImagePull", "ImagePullBackOff"):
        _, meaning = diagnosis._WAITING[reason]
        monkeypatch.setitem(diagnosis._WAITING, reason, (_SOON, meaning))
    message = run(brume, job("pass", image="brume-training:none"))
    assert "-worker-0: its image cannot be pulled" in message
    assert "brume-training:none" in message


def test_memory_that_does_not_suffice(brume: Installed) -> None:
    message = run(brume, job(HUNGRY))
    assert re.search(r"pod failing-\w+-worker-0: OOMKilled: .*needed more memory than", message), message


def test_a_job_that_fits_on_no_node(brume: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "_TO_SCHEDULE", _SOON)
    message = run(brume, job("pass", resources=Resources(cpu="500", memory="128Mi")))
    assert "-worker-0: no node can take it: 0/1 nodes are available: 1 Insufficient cpu" in message


def test_a_quota_that_leaves_no_room(brume: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "_TO_SCHEDULE", _SOON)
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-room", "namespace": brume.namespace},
        "spec": {"hard": {"requests.nvidia.com/gpu": "0"}},
    }
    brume.api.apply([quota])
    try:
        message = run(brume, job("pass", resources=Resources(cpu="100m", memory="128Mi", gpus=1)))
    finally:
        brume.api.kubectl("delete", "resourcequota", "no-room", "--namespace", brume.namespace)
    assert "none of failing-" in message
    assert "exceeded quota: no-room" in message


def test_a_step_that_is_cancelled_takes_its_job_along(brume: Installed) -> None:
    """SIGTERM, as Kubernetes sends it to the step's pod."""
    with brume.acting_as("brume-pipeline"):
        program = (
            "from brume.cluster.mpi import MpiJob, run;"
            "from brume.cluster.resources import Resources;"
            "run(MpiJob('Failing', ('python3', '-c', 'import time; print(1); time.sleep(600)'), 1,"
            "resources=Resources(cpu='100m', memory='128Mi')), lambda line: print(line, flush=True))"
        )
        step = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert step.stdout
        with step, step.stdout:
            for line in step.stdout:
                if line.startswith("rank 0: 1"):
                    break
            assert left(brume)
            os.kill(step.pid, signal.SIGTERM)
            assert step.wait(60) == 128 + signal.SIGTERM
    assert left(brume) == []


def test_a_node_that_falls_silent(brume: Installed, own_node: Node) -> None:
    """The kubelet is stopped while a job runs; afterwards the node is back, and nothing of the job is."""
    stopped = False

    def hear(line: str) -> None:
        nonlocal stopped
        print(line)
        if line.startswith("rank 0: 1") and not stopped:
            stopped = True
            own_node.processes.stop("kubelet")

    lasting = job("import time; print(1, flush=True); time.sleep(600)")
    try:
        with brume.acting_as("brume-pipeline"), pytest.raises(JobError) as failure:
            mpi.run(lasting, hear)
    finally:
        own_node.start_kubelet()
    assert stopped
    assert "DeletionByTaintManager" in str(failure.value)
    until(lambda: left(brume) == [], lambda: str(left(brume)), pause=0.3)
