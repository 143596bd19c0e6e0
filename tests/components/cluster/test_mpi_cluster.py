"""MPI jobs on a cluster: our side of the conversation, against a double of its API."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from brume.cluster import diagnosis, kube, mpi
from brume.cluster.mpi import JobError, MpiJob
from brume.cluster.resources import Resources
from tests.components.cluster.cancelled import cancel
from tests.components.cluster.conftest import Start
from tests.components.cluster.kubernetes_double import CUT, LOST, KubernetesDouble
from tests.polling import until

JOB = MpiJob("Slides training", (sys.executable, "-m", "a.module"), 2, image="an-image", namespace="lab")


def workers(double: KubernetesDouble, name: str) -> None:
    for index in range(2):
        double.pod(f"{name}-worker-{index}", "mpi-worker")


def success(double: KubernetesDouble, name: str) -> None:
    workers(double, name)
    launcher = f"{name}-launcher-x7k2p"
    double.pod(launcher, "mpi-launcher")
    double.condition(name, "Running")
    for epoch in range(20):
        double.write(launcher, f"[1,0]<stdout>:epoch {epoch}", f"[1,1]<stdout>:epoch {epoch}")
    double.write(launcher, "same", "same", "same", same_time=True)
    double.write(launcher, "mpirun's own")
    double.end(launcher)
    double.condition(name, "Succeeded")


LINES = [f"rank {rank}: epoch {epoch}" for epoch in range(20) for rank in range(2)]
LINES += ["same", "same", "same", "mpirun's own"]


def run(job: MpiJob = JOB) -> list[str]:
    lines: list[str] = []
    mpi.run(job, lines.append)
    assert re.fullmatch(r"MPIJob lab/slides-training-\w{6}: 2 workers of 2 CPU, 8Gi, 0 GPU", lines[0])
    return lines[1:]


def test_a_job_is_created_followed_and_deleted(start: Start) -> None:
    with start(success) as double:
        assert run() == LINES
    (created,) = double.created
    assert created["kind"] == "MPIJob"
    assert created["metadata"]["namespace"] == "lab"
    assert double.deleted == [created["metadata"]["name"]]


@pytest.mark.parametrize("cuts", [[0], [1], [200], [333, 700, 50], [2000, 2000]])
def test_a_log_that_is_cut_loses_and_doubles_no_line(start: Start, cuts: list[int]) -> None:
    with start(success) as double:
        double.log_cuts = cuts
        assert run() == LINES


def test_watches_that_are_cut_or_too_old_are_opened_again(start: Start) -> None:
    def slow_success(double: KubernetesDouble, name: str) -> None:
        until(lambda: not double.watch_faults, "the watches that fail")
        success(double, name)

    with start(slow_success) as double:
        double.watch_faults = ["gone", "cut"]
        assert run() == LINES
        assert not double.watch_faults


def test_an_api_that_fails_for_a_while_is_asked_again(start: Start) -> None:
    with start(success) as double:
        double.failures = [503, CUT, LOST]
        assert run() == LINES
        assert len(double.created) == 1


def test_an_image_that_is_missing_is_named_with_its_pod(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(diagnosis._WAITING, "ErrImagePull", (0.0, "its image cannot be pulled"))

    def play(double: KubernetesDouble, name: str) -> None:
        waiting = {"reason": "ErrImagePull", "message": "registry/training:9: not found"}
        double.pod(
            f"{name}-worker-1",
            "mpi-worker",
            "Pending",
            containerStatuses=[
                {"name": "mpi-worker", "image": "i", "imageID": "", "ready": False, "restartCount": 0,
                 "state": {"waiting": waiting}}
            ],
        )  # fmt: skip

    with start(play) as double:
        with pytest.raises(
            JobError, match=r"pod \S+-worker-1: its image cannot be pulled .*registry/training:9"
        ):
            run()
        assert len(double.deleted) == 1


def test_a_job_that_fits_on_no_node_is_explained(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "_TO_SCHEDULE", 0.0)

    def play(double: KubernetesDouble, name: str) -> None:
        why = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why}
        double.pod(f"{name}-worker-0", "mpi-worker", "Pending", conditions=[condition])

    with start(play) as double:
        with pytest.raises(
            JobError, match=r"worker-0: no node can take it: .*3 Insufficient nvidia\.com/gpu"
        ):
            run()
        assert len(double.deleted) == 1


def test_a_worker_out_of_memory_is_the_reason_not_the_launcher_alone(start: Start) -> None:
    def play(double: KubernetesDouble, name: str) -> None:
        workers(double, name)
        launcher = f"{name}-launcher-abcde"
        double.pod(launcher, "mpi-launcher")
        double.write(launcher, "[1,1]<stderr>:loading tiles")
        double.end(f"{name}-worker-1", 137, "OOMKilled")
        double.end(launcher, 1)
        double.condition(name, "Failed", reason="MPIJobFailed", message="Job has reached the backoff limit")

    with start(play) as double:
        with pytest.raises(JobError) as caught:
            run()
        assert len(double.deleted) == 1
    text = str(caught.value)
    assert "backoff limit" in text
    assert re.search(r"pod \S+-worker-1: OOMKilled: it needed more memory", text)
    assert re.search(r"pod \S+-launcher-abcde: it ended with code 1", text)
    assert "  rank 1: loading tiles" in text


def test_a_node_that_is_lost_is_named(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "_TO_SPEAK", 0.0)

    def play(double: KubernetesDouble, name: str) -> None:
        lost = "Node gpu-7 which was running pod is unresponsive"
        double.pod(f"{name}-worker-0", "mpi-worker", "Unknown", reason="NodeLost", message=lost)

    with start(play), pytest.raises(JobError, match=r"worker-0: NodeLost \(Node gpu-7"):
        run()


def test_a_warning_of_the_cluster_is_told_once(start: Start) -> None:
    """A quota that is used up leaves a job without pods: only an event says why."""

    def play(double: KubernetesDouble, name: str) -> None:
        double.warnings = [
            (f"{name}-worker-0", "FailedCreate", "exceeded quota: brume-gpus"),
            ("other", "X", "y"),
        ]
        double.await_lists_of_events()
        success(double, name)

    with start(play):
        warning, *lines = run()
    assert re.fullmatch(r"slides-training-\w{6}-worker-0: FailedCreate: exceeded quota: brume-gpus", warning)
    assert lines == LINES


def test_a_job_that_somebody_deletes_ends_the_step(start: Start) -> None:
    def play(double: KubernetesDouble, name: str) -> None:
        double.delete(name)

    with start(play), pytest.raises(JobError, match="deleted by somebody else"):
        run()


def test_a_refused_job_says_what_the_api_said(start: Start) -> None:
    with start(success) as double:
        double.failures = [403]
        with pytest.raises(JobError, match=r"was refused: 403.*it is Trouble"):
            mpi.run(JOB, lambda _line: None)


def test_a_failure_of_the_clean_up_does_not_undo_a_success(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_self: object, _kind: object, name: str) -> None:
        raise kube.KubeError(f"{name} cannot be deleted")

    monkeypatch.setattr(kube.Cluster, "delete", fails)
    with start(success):
        *lines, last = run()
    assert lines == LINES
    assert "cannot be deleted" in last


def test_a_cancelled_step_deletes_its_job(start: Start) -> None:
    def play(double: KubernetesDouble, name: str) -> None:
        workers(double, name)
        double.condition(name, "Running")

    code = (
        "from brume.cluster import mpi; "
        "mpi.run(mpi.MpiJob('trial', ('true',), 2, image='i', namespace='lab'), print)"
    )
    with start(play) as double:
        assert cancel(code, lambda: double.pods) == 143
        assert double.deleted
        assert not double.objects


def test_two_jobs_of_one_name_do_not_meet(start: Start) -> None:
    with start(success) as double:
        run()
        run()
        first, second = (item["metadata"]["name"] for item in double.created)
        assert first != second


def test_no_way_into_a_cluster_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BRUME_COMPUTE", "cluster")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    with pytest.raises(JobError, match="Set KUBECONFIG, or BRUME_COMPUTE=local"):
        mpi.run(JOB, lambda _line: None)


@pytest.mark.parametrize(
    ("choice", "in_pod", "expected"),
    [("", True, True), ("", False, False), ("local", True, False), ("cluster", False, True)],
)
def test_where_work_runs(monkeypatch: pytest.MonkeyPatch, choice: str, in_pod: bool, expected: bool) -> None:
    from brume.cluster.compute import in_cluster

    monkeypatch.setenv("BRUME_COMPUTE", choice)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    if in_pod:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert in_cluster() is expected
    monkeypatch.setenv("BRUME_COMPUTE", "clutser")
    with pytest.raises(ValueError, match="local or cluster"):
        in_cluster()


def test_resources_are_checked() -> None:
    with pytest.raises(ValueError, match="gpus is -1"):
        Resources(gpus=-1)
