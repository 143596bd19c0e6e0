"""One MPI job, here or on the cluster: the same command as N ranks that find each other.

On one machine `mpirun` starts the ranks; on a cluster an MPIJob does (`kubeflow.org/v2beta1`, mpi-operator
0.5 or later), one worker pod for each rank.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from components.cluster.place import ending_cleanly, in_cluster
from components.cluster.resources import Resources

Log = Callable[[str], None]

_LAST_LINES = 30
_OWN_OUTPUT = "mpirun.log"
_TO_OWN_FILE = 'exec "$@" >>"$0/rank.$OMPI_COMM_WORLD_RANK" 2>&1'
_SECONDS_TO_END = 10.0
_SECONDS_BETWEEN_LOOKS = 0.1
_TRACEBACK = "Traceback (most recent call last):"
# The ways in which mpirun says which rank ended the job.
_CULPRIT = re.compile(
    r"Process name: \[\[\d+,\d+\],(\d+)\]|process rank (\d+) with PID|MPI_ABORT was invoked on rank (\d+)"
)


class JobError(RuntimeError):
    """A job that failed; the message names the rank or the pod, the reason, and its last lines."""


@dataclass(frozen=True)
class MpiJob:
    """What to run: `command` is what each of the `ranks` processes executes, `env` is added to theirs.

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
    process is told to stop (SIGTERM, Ctrl-C), the job is ended first.
    """
    with ending_cleanly():
        if in_cluster():
            raise NotImplementedError
        _run_here(job, log)


def _run_here(job: MpiJob, log: Log) -> None:
    mpirun = shutil.which("mpirun")
    if mpirun is None:
        raise JobError(
            f"job {job.name}: mpirun is not on this machine. Install OpenMPI (Debian: openmpi-bin), "
            "or run where it is installed."
        )
    # As root in a container mpirun has to be told that this is meant, and more ranks than cores are welcome:
    # a laptop runs the same job as a cluster. Without binding, ranks share the cores fairly.
    command = [mpirun, "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
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
    """What the ranks, and mpirun itself, have written to files below `folder`, forwarded to `log`."""

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
    """Name the rank that failed. OpenMPI 4.1 sometimes loses its own notice: then the tracebacks tell."""
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
