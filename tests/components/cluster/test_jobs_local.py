"""Background jobs on this machine: real processes, whose state other processes read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brume.cluster import jobs
from brume.cluster.jobs import Job, JobState
from brume.run import lifeline
from tests.polling import until

ROOT = Path(__file__).resolve().parents[3]
LOOK = "import sys; from brume.cluster import jobs; print(jobs.state('train', sys.argv[1]).phase)"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUME_COMPUTE", "local")


@pytest.fixture
def job(tmp_path: Path) -> Callable[[str], Job]:
    """Return what makes a job of some code; the code finds its folder in `here`."""
    modules = tmp_path / "modules"
    modules.mkdir()

    def of(code: str, name: str = "train") -> Job:
        (modules / f"program_{name}.py").write_text(f"import os, sys, time\nhere = sys.argv[1]\n{code}\n")
        path = f"{modules}{os.pathsep}{ROOT}"
        return Job(name, f"program_{name}", [str(tmp_path)], {"PYTHONPATH": path}, folder=str(tmp_path))

    return of


def ended(folder: Path, name: str = "train") -> JobState:
    until(lambda: jobs.state(name, str(folder)).phase != "running", f"the end of the job {name}")
    return jobs.state(name, str(folder))


def wait_for(path: Path) -> str:
    return until(lambda: path.exists() and path.read_text(), f"something in {path.name}") or ""


def test_a_job_is_known_to_any_process_until_it_is_stopped(job: Callable[[str], Job], tmp_path: Path) -> None:
    def elsewhere() -> str:
        done = subprocess.run([sys.executable, "-c", LOOK, str(tmp_path)], capture_output=True, text=True)
        return done.stdout.strip()

    assert jobs.state("train", str(tmp_path)) == JobState("absent")
    code = """
assert __name__ == "__main__" and __spec__.name == sys.argv[0].rsplit("/")[-1].removesuffix(".py")
while not os.path.exists(here + "/go"): time.sleep(0.02)"""
    jobs.start(job(code))
    assert elsewhere() == "running"
    (tmp_path / "go").touch()
    assert ended(tmp_path) == JobState("succeeded")
    assert elsewhere() == "succeeded"
    jobs.stop("train", str(tmp_path))
    jobs.stop("train", str(tmp_path))
    assert jobs.state("train", str(tmp_path)) == JobState("absent")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print('epoch 1'); sys.exit(3)", "it ended with code 3\n  epoch 1"),
        ("sys.exit('error: no images')", "it ended with code 1\n  error: no images"),
        ("raise ValueError('photo 7 is no picture')", "ValueError: photo 7 is no picture"),
        ("os.kill(os.getpid(), 9)", "it was killed; the machine may have run out of memory"),
        ("os.abort()", "Fatal Python error: Aborted"),
    ],
)
def test_a_job_that_fails_says_why(job: Callable[[str], Job], tmp_path: Path, code: str, reason: str) -> None:
    jobs.start(job(code))
    found = ended(tmp_path)
    assert found.phase == "failed"
    assert reason in found.reason


def test_a_job_outlives_the_program_that_started_it(job: Callable[[str], Job], tmp_path: Path) -> None:
    """kill -9 of the starter: the job goes on, and its end is known to the next one who asks."""
    started = job("while not os.path.exists(here + '/go'): time.sleep(0.02)\nsys.exit(5)")
    code = (
        "import os, sys; from brume.cluster import jobs; "
        "jobs.start(jobs.Job('train', 'program_train', [sys.argv[1]], folder=sys.argv[1])); "
        "os.kill(os.getpid(), 9)"
    )
    starter = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, **started.env}, cwd=ROOT
    )
    assert starter.returncode == -signal.SIGKILL
    assert jobs.state("train", str(tmp_path)).phase == "running"
    (tmp_path / "go").touch()
    assert ended(tmp_path).reason == "it ended with code 5"


def test_a_job_of_the_same_name_is_replaced_and_its_end_forgotten(
    job: Callable[[str], Job], tmp_path: Path
) -> None:
    jobs.start(job("open(here + '/pid', 'w').write(str(os.getpid()))\ntime.sleep(600)"))
    first = int(wait_for(tmp_path / "pid"))
    jobs.start(job("sys.exit(4)"))
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert ended(tmp_path).reason == "it ended with code 4"
    jobs.start(job("time.sleep(600)"))
    assert jobs.state("train", str(tmp_path)).phase == "running"
    jobs.stop("train", str(tmp_path))


@pytest.mark.parametrize("listens", [True, False])
def test_a_job_is_ended_with_the_processes_that_it_started(
    job: Callable[[str], Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    from brume.cluster import process

    monkeypatch.setattr(process, "_SECONDS_TO_END", 35.0 if listens else 0.3)
    code = f"""
import signal, subprocess
signal.signal(signal.SIGTERM, signal.{"SIG_DFL" if listens else "SIG_IGN"})
child = subprocess.Popen(["sleep", "600"])
open(here + "/pid", "w").write(str(child.pid))
time.sleep(600)"""
    jobs.start(job(code))
    child = int(wait_for(tmp_path / "pid"))
    jobs.stop("train", str(tmp_path))
    until(lambda: not process._started(child), "the end of the child")


def test_a_job_ends_with_its_local_run(
    job: Callable[[str], Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = lifeline.Lifeline(tmp_path / "lock")
    for name, value in run.environment().items():
        monkeypatch.setenv(name, value)
    jobs.start(job("time.sleep(600)"))
    assert jobs.state("train", str(tmp_path)).phase == "running"
    run.release()
    found = ended(tmp_path)
    assert found.phase == "failed"
    assert "the run that started this process is gone" in found.reason


def test_without_a_folder_the_account_lies_with_the_run(
    job: Callable[[str], Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRUME_OUT", str(tmp_path / "out"))
    started = job("")
    jobs.start(Job("train", started.module, started.arguments, started.env))
    until(lambda: jobs.state("train").phase != "running", "the end of the job")
    assert (tmp_path / "out" / "work" / "jobs" / "train.exit").read_text() == "0"
    with pytest.raises(ValueError, match="cannot be a name"):
        jobs.state("../train")
