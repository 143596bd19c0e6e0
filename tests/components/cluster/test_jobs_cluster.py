"""Background jobs on a cluster: our side of the conversation, against a double of its API."""

from __future__ import annotations

import re
from typing import Any

import pytest

from brume.cluster import diagnosis, jobs, kube
from brume.cluster.jobs import Job, JobError, JobState
from tests.components.cluster.conftest import Start
from tests.components.cluster.kubernetes_double import CUT, PASS, KubernetesDouble

JOB = Job("Cookies_1", "components.a.training", ["--model", "s3://bucket/model"], {"WORD": "w"})
NAME = "cookies-1"
POD = f"{NAME}-x7k2p"


def nothing(_double: KubernetesDouble, _name: str) -> None:
    pass


@pytest.fixture(autouse=True)
def namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFP_NAMESPACE", "lab")


def waiting(reason: str, message: str) -> list[dict[str, Any]]:
    container = {"name": "job", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    return [{**container, "state": {"waiting": {"reason": reason, "message": message}}}]


def test_a_job_is_started_looked_at_and_stopped(start: Start) -> None:
    with start(nothing) as double:
        assert jobs.state(JOB.name) == JobState("absent")
        jobs.start(JOB)
        (created,) = double.created
        assert (created["kind"], created["metadata"]["name"], created["metadata"]["namespace"]) == (
            "Job",
            NAME,
            "lab",
        )
        double.pod(POD, "job")
        assert jobs.state(JOB.name) == JobState("running")
        double.end(POD)
        double.condition(NAME, "Complete")
        assert jobs.state(JOB.name) == JobState("succeeded")
        jobs.stop(JOB.name)
        jobs.stop(JOB.name)
        assert double.deleted == [NAME]
        assert jobs.state(JOB.name) == JobState("absent")


def test_a_job_of_the_same_name_is_replaced(start: Start) -> None:
    with start(nothing) as double:
        jobs.start(JOB)
        double.condition(NAME, "Failed", reason="BackoffLimitExceeded")
        jobs.start(JOB)
        assert double.deleted == [NAME]
        double.pod(POD, "job")
        assert jobs.state(JOB.name) == JobState("running")


def test_a_job_that_fails_says_why(start: Start) -> None:
    with start(nothing) as double:
        jobs.start(JOB)
        double.pod(POD, "job")
        double.write(POD, "fold 3 of 5", "Killed")
        double.end(POD, 137, "OOMKilled")
        assert jobs.state(JOB.name).phase == "running"  # the Job has not judged it yet
        double.condition(NAME, "Failed", reason="PodFailurePolicy", message="Container job failed")
        found = jobs.state(JOB.name)
    assert found.phase == "failed"
    assert found.reason == (
        "PodFailurePolicy Container job failed\n"
        f"pod {POD}: OOMKilled: it needed more memory than its limit; give it more (memory)\n"
        "  fold 3 of 5\n  Killed"
    )
    assert found.hopeless


def test_a_program_that_fails_may_do_better_another_time(start: Start) -> None:
    with start(nothing) as double:
        jobs.start(JOB)
        double.pod(POD, "job")
        double.end(POD, 1, "Error")
        double.condition(NAME, "Failed", reason="PodFailurePolicy", message="Container job failed")
        found = jobs.state(JOB.name)
    assert f"pod {POD}: it ended with code 1 (Error)" in found.reason
    assert not found.hopeless


def test_a_pod_that_cannot_run_fails_the_job_after_a_while(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Job whose image is missing waits for ever, as far as Kubernetes is concerned."""
    now = 1000.0
    with start(nothing) as double:
        jobs.start(JOB)
        double.pod(
            POD, "job", "Pending", containerStatuses=waiting("ImagePullBackOff", "engines:9: not found")
        )
        double.warnings = [(POD, "Failed", "Error: ErrImagePull"), ("other", "X", "y")]
        monkeypatch.setattr(diagnosis.time, "monotonic", lambda: now)
        waits = JobState(
            "running", f"pod {POD}: its image cannot be pulled (ImagePullBackOff: engines:9: not found)"
        )
        assert jobs.state(JOB.name) == waits
        now += 170
        assert jobs.state(JOB.name) == waits
        now += 20
        found = jobs.state(JOB.name)
    assert found.phase == "failed"
    assert found.reason == (
        f"pod {POD}: its image cannot be pulled (ImagePullBackOff: engines:9: not found)\n"
        f"{POD}: Failed: Error: ErrImagePull"
    )
    assert found.hopeless


def test_a_job_without_a_pod_is_explained(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "_TO_SCHEDULE", 0.0)
    with start(nothing) as double:
        jobs.start(JOB)
        double.warnings = [(NAME, "FailedCreate", "exceeded quota: brume-gpus")]
        found = jobs.state(JOB.name)
    assert re.search(
        r"none of cookies-1 was created.*\ncookies-1: FailedCreate: exceeded quota", found.reason
    )


def test_a_pod_that_lost_its_node_is_not_the_end(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Job makes another one, and waits longer each time before it does."""
    monkeypatch.setattr(diagnosis, "_TO_SPEAK", 0.0)
    with start(nothing) as double:
        jobs.start(JOB)
        double.pod(POD, "job", "Failed", reason="Evicted", message="low on memory")
        assert jobs.state(JOB.name).phase == "running"
        double.pod(f"{NAME}-abcde", "job", "Running")
        assert jobs.state(JOB.name).phase == "running"


def test_an_api_that_fails_for_a_while_is_asked_again(start: Start) -> None:
    with start(nothing) as double:
        jobs.start(JOB)
        double.failures = [503, CUT]
        double.pod(POD, "job")
        assert jobs.state(JOB.name) == JobState("running")


def test_what_the_cluster_refuses_names_the_job(start: Start) -> None:
    calls = (lambda: jobs.start(JOB), lambda: jobs.state(JOB.name), lambda: jobs.stop(JOB.name))
    with start(nothing) as double:
        for call in calls:
            double.failures = [403]
            with pytest.raises(JobError, match=r"job Cookies_1.*403"):
                call()
        jobs.start(JOB)
        double.failures = [PASS, 403]  # the job may be read, its pods may not
        with pytest.raises(JobError, match=r"job Cookies_1: pods of lab cannot be listed: 403"):
            jobs.state(JOB.name)


def test_an_api_that_stays_away_names_the_job(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube.time, "sleep", lambda _seconds: None)
    with start(nothing) as double:
        double.failures = [CUT] * 100
        with pytest.raises(JobError, match="job Cookies_1: the Kubernetes API does not answer"):
            jobs.state(JOB.name)
