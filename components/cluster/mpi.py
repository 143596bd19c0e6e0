"""One MPI job, here or on the cluster: the same command as N ranks that find each other.

On one machine `mpirun` starts the ranks; on a cluster an MPIJob does (`kubeflow.org/v2beta1`, mpi-operator
0.5 or later), one worker pod for each rank.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from brume.cluster import images
from brume.cluster.compute import ending_cleanly, in_cluster
from brume.cluster.diagnosis import Patience, problems
from brume.cluster.kube import MPI_JOB, Cluster, KubeError, own_namespace
from brume.cluster.logs import LogFollower
from brume.cluster.pods import container, dns_name, labels, metadata, pod_spec
from brume.cluster.resources import Resources

Log = Callable[[str], None]

_LAST_LINES = 30
_OWN_OUTPUT = "mpirun.log"
_TO_OWN_FILE = 'exec "$@" >>"$0/rank.$OMPI_COMM_WORLD_RANK" 2>&1'
_SECONDS_TO_END = 10.0
_SECONDS_BETWEEN_LOOKS = 0.1
_SSH_PORT = 2222
_LAUNCHER, _WORKER = "mpi-launcher", "mpi-worker"
# `--tag-output`: OpenMPI 4 writes "[1,0]<stdout>:text", OpenMPI 5 "[prterun-host-42@1,0]<stdout>:text".
_TAGGED = re.compile(r"^\[(?:[^\],]*@)?\d+,(\d+)\]<(?:stdout|stderr|stddiag)>: ?(.*)$")
_TRACEBACK = "Traceback (most recent call last):"
# The forms in which mpirun names the rank that ended the job.
_CULPRIT = re.compile(
    r"Process name: \[\[\d+,\d+\],(\d+)\]|process rank (\d+) with PID|MPI_ABORT was invoked on rank (\d+)"
)


class JobError(RuntimeError):
    """A job that failed; the message names the rank or the pod, the reason, and its last lines."""


@dataclass(frozen=True)
class MpiJob:
    """An MPI job: `command` is run by each of the `ranks`, with `env` added to its environment.

    A rank that raises must not leave the others waiting in a collective call: run Python code as
    `python -m mpi4py -m module`, or end with `MPI.COMM_WORLD.Abort`.
    `image`, `resources` (of one rank) and `namespace` are for the cluster.
    """

    name: str
    command: tuple[str, ...]
    ranks: int
    image: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)
    namespace: str = ""

    def __post_init__(self) -> None:
        """Refuse a job that has no rank or nothing to run."""
        if self.ranks < 1:
            raise ValueError(f"job {self.name}: ranks is {self.ranks}; it takes at least 1")
        if not self.command:
            raise ValueError(f"job {self.name}: the command is empty")


def run(job: MpiJob, log: Log) -> None:
    """Run a job to its end, giving its output to `log` line by line as `rank 0: text`.

    Returns when every rank has ended with code 0. Raises `JobError` when one has not, naming it; when this
    process is asked to stop (SIGTERM, Ctrl-C), the job is ended first.
    """
    with ending_cleanly():
        if in_cluster():
            _run_on_cluster(job, log)
        else:
            _run_here(job, log)


def _run_here(job: MpiJob, log: Log) -> None:
    mpirun = shutil.which("mpirun")
    if mpirun is None:
        raise JobError(
            f"job {job.name}: mpirun is not on this machine. Install OpenMPI (Debian: openmpi-bin), "
            "or run where it is installed."
        )
    # As root in a container mpirun needs a flag that allows this, and more ranks than cores are welcome:
    # a laptop runs the same job as a cluster. Without binding, ranks share the cores fairly.
    # With a core for each rank, each keeps to its own: measured worth some 5 % of the speed.
    binding = "core:overload-allowed" if len(os.sched_getaffinity(0)) == job.ranks else "none"
    command = [mpirun, "--allow-run-as-root", "--oversubscribe", "--bind-to", binding]
    environment = {
        **os.environ,
        # Containers usually forbid one process to read another's memory, which this way of copying needs.
        "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
        "OMPI_MCA_btl_base_warn_component_unused": "0",
        "PYTHONUNBUFFERED": "1",
        **job.env,
    }
    # Each rank writes to a file of its own: in its common stream mpirun mixes the lines of the ranks.
    with tempfile.TemporaryDirectory(prefix="brume-mpi-") as scratch:
        folder = Path(scratch)
        output = _Output(folder, log)
        with (folder / _OWN_OUTPUT).open("wb") as own:
            process = subprocess.Popen(
                [*command, "-n", str(job.ranks), "sh", "-c", _TO_OWN_FILE, scratch, *job.command],
                stdin=subprocess.DEVNULL,
                stdout=own,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the ranks
            )
        try:
            while process.poll() is None:
                output.forward()
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        finally:
            _end(process)
            output.forward(to_the_end=True)
    if process.returncode:
        raise JobError(_explain(job, process.returncode, output))


class _Output:
    """The output of ranks and mpirun, in files below `folder`, forwarded to `log`."""

    def __init__(self, folder: Path, log: Log) -> None:
        self.last: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_LAST_LINES))
        self._folder = folder
        self._log = log
        self._files: dict[Path, BinaryIO] = {}
        self._rest: dict[Path, bytes] = {}

    def forward(self, to_the_end: bool = False) -> None:
        """Forward every line completed since the last call; `to_the_end`: a last unfinished one too."""
        ranks = {path: f"rank {path.suffix[1:]}" for path in self._folder.glob("rank.*")}
        for path, who in [*sorted(ranks.items()), (self._folder / _OWN_OUTPUT, "mpirun")]:
            if path not in self._files:
                self._files[path] = path.open("rb")
            *lines, rest = (self._rest.get(path, b"") + self._files[path].read()).split(b"\n")
            self._rest[path] = rest
            if to_the_end:
                lines.append(rest)
                self._files[path].close()
            for raw in lines:
                # A progress bar rewrites its line by carriage returns: its last state is what counts.
                line = raw.decode(errors="replace").rstrip().rsplit("\r", 1)[-1]
                if line:
                    self.last[who].append(line)
                    self._log(f"{who}: {line}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End mpirun, which ends its ranks; does nothing when it has ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _explain(job: MpiJob, code: int, output: _Output) -> str:
    """Name the rank that failed, by OpenMPI's notice or, where 4.1 loses it, by tracebacks."""
    match = _CULPRIT.search("\n".join(output.last["mpirun"]))
    if match:
        failed = [f"rank {next(group for group in match.groups() if group)}"]
    else:
        raised = [who for who, lines in output.last.items() if _TRACEBACK in lines]
        failed = sorted(raised) or sorted(output.last)
    signalled = code - 128 if code > 128 else -code
    how = f"was ended by signal {signalled}" if signalled > 0 else f"ended with code {code}"
    parts = [f"job {job.name} of {job.ranks} ranks: {' and '.join(failed)} {how}."]
    for who in failed:
        parts.append(f"Last lines of {who}:")
        parts += [f"  {line}" for line in output.last[who]] or ["  (it wrote nothing)"]
    return "\n".join(parts)


def mpi_job_manifest(job: MpiJob, suffix: str = "") -> dict[str, Any]:
    """Return the MPIJob (`kubeflow.org/v2beta1`) of a job: a launcher, and a worker pod for each rank.

    `suffix` distinguishes the jobs of one name. The workers run sshd as an ordinary user on a high port, as
    the operator's own examples do; the launcher starts when all of them are ready.
    """
    name = dns_name(f"{job.name}-{suffix}" if suffix else job.name)
    image = job.image or images.reference("training")
    # This interpreter's path means nothing in another image.
    program = ("python3", *job.command[1:]) if job.command[0] == sys.executable else job.command
    forwarded = [word for key in sorted(job.env) for word in ("-x", key)]
    mpirun = ["brume-mpirun", "-n", str(job.ranks), "--bind-to", "none", "--tag-output", *forwarded]
    small = replace(job.resources, cpu="500m", memory="512Mi", gpus=0, node_selector={}, shared_memory="")
    launcher = container(_LAUNCHER, image, [*mpirun, "brume-rank", *program], small, job.env)
    worker = container(
        _WORKER,
        image,
        ["/usr/sbin/sshd", "-De", "-f", "/etc/brume/sshd_config"],
        job.resources,
        {},
        ports=[{"containerPort": _SSH_PORT}],
        readinessProbe={"tcpSocket": {"port": _SSH_PORT}, "periodSeconds": 2},
    )

    def replicas(count: int, spec: dict[str, Any]) -> dict[str, Any]:
        return {
            "replicas": count,
            "restartPolicy": "Never",
            "template": {"metadata": {"labels": labels("mpi")}, "spec": spec},
        }

    return {
        "apiVersion": f"{MPI_JOB.group}/{MPI_JOB.version}",
        "kind": MPI_JOB.title,
        "metadata": metadata(name, job.namespace or own_namespace(), "mpi", owned=True),
        "spec": {
            "slotsPerWorker": 1,
            "mpiImplementation": "OpenMPI",
            "sshAuthMountPath": "/home/mpiuser/.ssh",
            "launcherCreationPolicy": "WaitForWorkersReady",
            # Trying again is the pipeline's business, which knows what is worth it.
            "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": 0},
            "mpiReplicaSpecs": {
                "Launcher": replicas(1, pod_spec(launcher, small)),
                "Worker": replicas(job.ranks, pod_spec(worker, job.resources)),
            },
        },
    }


def _run_on_cluster(job: MpiJob, log: Log) -> None:
    manifest = mpi_job_manifest(job, secrets.token_hex(3))
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    try:
        cluster = Cluster(namespace)
        try:
            cluster.create(MPI_JOB, manifest)
            each = f"{job.resources.cpu} CPU, {job.resources.memory}, {job.resources.gpus} GPU"
            log(f"MPIJob {namespace}/{name}: {job.ranks} workers of {each}")
            _watch(cluster, name, log)
        finally:
            try:
                cluster.delete(MPI_JOB, name)
            except KubeError as error:  # what the job did counts, and its owner's end will remove it
                log(str(error))
    except KubeError as error:
        raise JobError(f"job {job.name}: {error}") from error


def _watch(cluster: Cluster, name: str, log: Log) -> None:
    """Follow an MPIJob and its launcher's log to the end; raises `KubeError` when it fails."""
    selector = f"training.kubeflow.org/job-name={name}"
    patience = Patience()
    logged: set[str] = set()
    follower: LogFollower | None = None
    for found in cluster.follow(MPI_JOB, name):
        pods = cluster.pods(selector)
        started = [
            str(pod.metadata.name)
            for pod in pods
            if pod.spec.containers[0].name == _LAUNCHER and pod.status.phase != "Pending"
        ]
        launcher = started[0] if started else ""
        if launcher and follower is None:
            follower = LogFollower(
                lambda since, pod=launcher: cluster.open_log(pod, _LAUNCHER, since),  # type: ignore[misc]
                lambda line: log(_by_rank(line)),
            )
        conditions = {
            item["type"]: item
            for item in found.get("status", {}).get("conditions", [])
            if item["status"] == "True"
        }
        cluster.log_warnings(name, logged, log)
        wrong = patience.exhausted(problems(name, pods))
        failed = conditions.get("Failed")
        if follower and (failed or "Succeeded" in conditions):
            follower.drain()
        if "Succeeded" in conditions:
            return
        if failed or wrong:
            parts = [f"MPIJob {cluster.namespace}/{name} failed"]
            if failed:
                parts[0] += f": {failed.get('reason', '')} {failed.get('message', '')}".rstrip()
            parts += [str(problem) for problem in (problems(name, cluster.pods(selector)) or wrong)]
            if not pods:  # only a warning has the reason why none could be made
                parts += sorted(logged)
            if launcher and (last := cluster.last_lines(launcher, _LAUNCHER)):
                parts += [
                    f"Last lines of {launcher}:",
                    *(f"  {_by_rank(line)}" for line in last.splitlines()),
                ]
            raise KubeError("\n".join(parts))


def _by_rank(line: str) -> str:
    match = _TAGGED.match(line.rstrip())
    return f"rank {match[1]}: {match[2]}" if match else line.rstrip()
