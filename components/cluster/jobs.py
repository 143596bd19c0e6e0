"""A job in the background, here or on the cluster: it outlives the process that starts it.

On one machine it is a detached process whose exit code is kept in a file; on a cluster a Job (`batch/v1`).
Any later process (an engine that was started again, for example) can ask how it went and end it, by its name.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from brume.cluster import images
from brume.cluster.compute import in_cluster
from brume.cluster.diagnosis import OUT_OF_MEMORY, Patience, problems
from brume.cluster.kube import JOB, Cluster, KubeError, own_namespace
from brume.cluster.pods import container, dns_name, metadata, pod_spec
from brume.cluster.process import DetachedProcess
from brume.cluster.resources import Resources

Phase = Literal["running", "succeeded", "failed", "absent"]

_KIND = "jobs"
_CONTAINER = "job"
_DAY = 86_400
# Pods that were moved off their node, or whose node was lost. A program that fails is not tried again.
_STARTS_AGAIN = 3
_SECONDS_TO_END = 5
_patience: dict[str, Patience] = defaultdict(Patience)  # by job, for as long as this process looks at it


class JobError(RuntimeError):
    """A job that cannot be started, looked at or ended; the message names it and the reason."""


@dataclass(frozen=True)
class Job:
    """What to run: `python -m MODULE ARGUMENT...`, with `env` added to its environment.

    `image` (one of the project's, by its short name) and `resources` are for the cluster, where `arguments`
    have to be URIs that another pod can read, not paths. `folder` is where this machine keeps the account of
    the process; empty: that of the run. Nothing secret belongs in `arguments` or `env`: both can be read by
    anyone who may look at the job.
    """

    name: str
    module: str
    arguments: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    image: str = "engines"
    resources: Resources = field(default_factory=Resources)
    folder: str = ""


@dataclass(frozen=True)
class JobState:
    """How a job stands.

    `reason` is why one failed (the pod's problem, and its last lines), or what a running one waits for.
    One that failed is `hopeless` when it would fail again: nothing that it waited for has come, or its memory
    does not suffice.
    """

    phase: Phase
    reason: str = ""
    hopeless: bool = False


def start(job: Job) -> None:
    """Start a job and return at once; one of the same name is ended first, and its end forgotten.

    Raises `JobError` when the cluster refuses it, `ValueError` for a name that cannot be one.
    """
    if in_cluster():
        try:
            cluster = Cluster(own_namespace())
            cluster.delete(JOB, dns_name(job.name))
            _patience.pop(job.name, None)
            cluster.create(JOB, job_manifest(job))
        except KubeError as error:
            raise JobError(f"job {job.name} cannot be started: {error}") from error
        return
    process, result = _here(job.name, job.folder)
    process.stop()
    result.unlink(missing_ok=True)
    recorder = [sys.executable, "-m", "brume.cluster.recorder", str(result)]
    process.start([*recorder, job.module, *job.arguments], job.env)


def state(name: str, folder: str = "") -> JobState:
    """Return how a job stands, from any process; `folder` is that of the job.

    A job on a cluster has also failed when its pod cannot run (no such image, no node that takes it) for
    longer than such things last. It is then still there, as a failed one always is: `stop` removes it.
    Raises `JobError` when the cluster does not answer.
    """
    if in_cluster():
        try:
            return _on_cluster(Cluster(own_namespace()), name)
        except KubeError as error:
            raise JobError(f"job {name}: {error}") from error
    process, result = _here(name, folder)
    if process.pid() is not None:
        return JobState("running")
    if not process.known():
        return JobState("absent")
    try:
        code = result.read_text()  # written before the process ended, if at all
    except FileNotFoundError:
        how = "it was killed; the machine may have run out of memory"
    else:
        if code == "0":
            return JobState("succeeded")
        how = f"it ended with code {code}"
    return JobState("failed", _reason(how, process.last_lines()))


def stop(name: str, folder: str = "") -> None:
    """End a job, if it runs, and forget it, from any process and any number of times.

    Raises `JobError` when the cluster does not let it.
    """
    if in_cluster():
        try:
            Cluster(own_namespace()).delete(JOB, dns_name(name))
        except KubeError as error:
            raise JobError(f"job {name}: {error}") from error
        _patience.pop(name, None)
        return
    process, result = _here(name, folder)
    process.stop()
    result.unlink(missing_ok=True)


def _here(name: str, folder: str) -> tuple[DetachedProcess, Path]:
    process = DetachedProcess(name, _KIND, folder)
    return process, process.log.with_suffix(".exit")


def _reason(how: str, last_lines: str) -> str:
    return "\n".join([how, *(f"  {line}" for line in last_lines.splitlines())])


def job_manifest(job: Job) -> dict[str, Any]:
    """Return the Job (`batch/v1`) of a job.

    It is owned by nobody, since it outlives the pod that starts it, and is removed a day after its end.
    """
    main = container(
        _CONTAINER,
        images.reference(job.image),
        ["python3", "-m", job.module, *job.arguments],
        job.resources,
        {"HOME": "/tmp", **job.env},  # noqa: S108 - the pod's own
    )
    # As process 1 of its container Python ignores SIGTERM: all of this time would pass.
    ending = {"restartPolicy": "Never", "terminationGracePeriodSeconds": _SECONDS_TO_END}
    about = metadata(dns_name(job.name), own_namespace(), "job", owned=False)
    return {
        "apiVersion": f"{JOB.group}/{JOB.version}",
        "kind": JOB.title,
        "metadata": about,
        "spec": {
            "backoffLimit": _STARTS_AGAIN,
            "podFailurePolicy": {
                "rules": [
                    {"action": "Count", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [0]}},
                ]
            },
            "ttlSecondsAfterFinished": _DAY,
            "template": {
                "metadata": {"labels": about["labels"]},
                "spec": pod_spec(main, job.resources, **ending),
            },
        },
    }


def _on_cluster(cluster: Cluster, name: str) -> JobState:
    called = dns_name(name)
    found = cluster.get(JOB, called)
    if found is None:
        return JobState("absent")
    conditions = {
        item["type"]: item
        for item in found.get("status", {}).get("conditions", [])
        if item["status"] == "True"
    }
    if "Complete" in conditions:
        return JobState("succeeded")
    pods = cluster.pods(f"batch.kubernetes.io/job-name={called}")
    if failed := conditions.get("Failed"):
        trouble = problems(called, pods) if pods else []
        hopeless = any(problem.kind == OUT_OF_MEMORY for problem in trouble)
        wrong = [f"{failed.get('reason', '')} {failed.get('message', '')}".strip(), *map(str, trouble)]
    else:
        # A pod that has ended is for the Job to handle: it may make another.
        alive = [pod for pod in pods if pod.status.phase not in ("Failed", "Succeeded")]
        trouble = problems(called, alive) if alive or not pods else []
        wrong = [str(problem) for problem in _patience[name].exhausted(trouble)]
        if not wrong:
            return JobState("running", "\n".join(map(str, trouble)))
        hopeless = True
        cluster.log_warnings(called, set(wrong), wrong.append)
    last_lines = [cluster.last_lines(str(pod.metadata.name), _CONTAINER) for pod in pods]
    reason = _reason("\n".join(wrong), "\n".join(filter(None, last_lines)))
    return JobState("failed", reason, hopeless)
