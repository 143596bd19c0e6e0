"""MPI jobs on this machine, under the real mpirun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from brume.cluster import mpi
from brume.cluster.mpi import JobError, MpiJob
from tests.polling import until

pytestmark = pytest.mark.mpi


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUME_COMPUTE", "local")


def ranks(code: str, count: int = 2, env: dict[str, str] | None = None) -> MpiJob:
    program = "from mpi4py import MPI\nimport os, sys\nworld = MPI.COMM_WORLD\n" + textwrap.dedent(code)
    return MpiJob("trial", (sys.executable, "-m", "mpi4py", "-c", program), count, env=env or {})


def test_two_ranks_meet_and_get_their_environment() -> None:
    lines: list[str] = []
    mpi.run(
        ranks(
            "n = world.allreduce(world.rank + 1)\nprint('sum', n, 'of', world.size, os.environ['WORD'])",
            env={"WORD": "a b; $c"},
        ),
        lines.append,
    )
    assert sorted(lines) == ["rank 0: sum 3 of 2 a b; $c", "rank 1: sum 3 of 2 a b; $c"]


def test_lines_of_the_ranks_are_never_mixed() -> None:
    lines: list[str] = []
    mpi.run(ranks("for i in range(300): print('x' * 500, world.rank, i)", count=3), lines.append)
    assert sorted(lines) == sorted(f"rank {r}: {'x' * 500} {r} {i}" for r in range(3) for i in range(300))


def test_a_rank_that_raises_ends_the_job_and_is_named() -> None:
    """The other rank waits in a collective call: it must not wait for ever."""
    with pytest.raises(JobError, match=r"rank 1 ended with code 1") as caught:
        mpi.run(
            ranks("if world.rank == 1: raise ValueError('no tile at byte 42')\nworld.Barrier()"),
            lambda _line: None,
        )
    assert "ValueError: no tile at byte 42" in str(caught.value)


def test_a_rank_that_exits_with_a_code_is_named() -> None:
    with pytest.raises(JobError, match=r"rank 0 ended with code 7\.\nLast lines of rank 0:\n  going"):
        mpi.run(ranks("print('going')\nif world.rank == 0: os._exit(7)\nworld.Barrier()"), lambda _line: None)


def test_a_killed_rank_does_not_hang_the_others() -> None:
    with pytest.raises(JobError, match="rank 1 was ended by signal 9"):
        mpi.run(ranks("if world.rank == 1: os.kill(os.getpid(), 9)\nworld.Barrier()"), lambda _line: None)


def test_a_cancelled_job_leaves_no_rank_behind(tmp_path: Path) -> None:
    program = "import os,sys,time; open(sys.argv[1]+'/'+str(os.getpid()),'w'); time.sleep(600)"
    launcher = (
        "import sys; from brume.cluster import mpi; "
        f"mpi.run(mpi.MpiJob('t', (sys.executable, '-c', {program!r}, {str(tmp_path)!r}), 2), print)"
    )
    process = subprocess.Popen([sys.executable, "-c", launcher], stderr=subprocess.PIPE)

    def started() -> bool:
        assert process.poll() is None
        return len(list(tmp_path.iterdir())) == 2

    until(started, "both ranks")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    for path in tmp_path.iterdir():  # mpirun signals its ranks as it ends; they follow in an instant
        with pytest.raises(ProcessLookupError):
            until(lambda pid=int(path.name): os.kill(pid, 0), "the end of a rank")  # type: ignore[misc]


def test_without_mpirun_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(JobError, match="openmpi-bin"):
        mpi.run(ranks("pass"), lambda _line: None)


@pytest.mark.parametrize(("count", "command"), [(0, ("true",)), (-1, ("true",)), (2, ())])
def test_a_job_of_nothing_is_refused(count: int, command: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="job empty"):
        MpiJob("empty", command, count)
