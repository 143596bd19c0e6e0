"""Runs that are killed, or beside which another commits: the lake has every row once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from brume.labels.model import ingest
from brume.labels.model.lake import Lake
from tests.components.labels.ingest.contents import clean, content
from tests.components.labels.ingest.outputs import Output, box, frame, small_job
from tests.polling import until

RUN = """
import sys
from brume.labels.model import ingest
from brume.labels.model.lake import Lake
if __name__ == "__main__":
    ingest.run(sys.argv[1], Lake(sys.argv[2]), processes=int(sys.argv[3]))
"""

# Ends by SIGKILL just before the first operation of a name (of Python's audit events) on a path of the lake.
KILLED_RUN = """
import os, signal, sys
source, lake, operation, name = sys.argv[1:]
from brume.labels.model import ingest
from brume.labels.model.lake import Lake
def kill(event, arguments):
    if event == operation and str(arguments[0]).startswith(lake) and name in str(arguments[0]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
ingest.run(source, Lake(lake), processes=1)
"""

MOMENTS = (
    ("os.rename", "/annotations_batch_manifests/"),  # the first part is written and has not its name
    ("os.remove", "/items/"),  # some parts have their names
    ("open", "/_brume/.snapshot.json.lock"),  # all have, and the commit begins
    ("os.rename", "/_brume/.snapshot.json"),  # the new state is written beside the old one
    ("os.remove", "/_brume/.snapshot.json"),  # it has replaced it, and nothing is tidied up
)

# Its processes never come to the end of a file.
STUCK_RUN = f"""
import threading
from brume import storage
if __name__ != "__main__":
    storage.read_bytes = lambda uri: threading.Event().wait()
{RUN}
"""


def start(output: Output, lake: Lake) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUN, output.root, lake.uri, "1"])


def test_a_killed_run_leaves_the_lake_whole(output: Output, lake: Lake, tmp_path: Path) -> None:
    """Killed at many moments, also while it commits: the lake is always the one before or the one after."""
    job = small_job(output, items=6)
    ingest.run(output.root, lake)
    states = [content(lake)]
    for item in range(6):
        job.sequence(item, [frame(0, box(7))])
    states.append(clean(output, tmp_path))
    for moment in MOMENTS:
        command = [sys.executable, "-c", KILLED_RUN, output.root, lake.uri, *moment]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert content(lake) in states
        assert content(lake) == states[moment == MOMENTS[-1]]
    ingest.run(output.root, lake)
    assert content(lake) == states[1]


def test_processes_of_a_killed_run_end_with_it(output: Output, lake: Lake, tmp_path: Path) -> None:
    for name in ("cars", "vans", "trucks"):
        small_job(output, name)
    script = tmp_path / "stuck.py"
    script.write_text(STUCK_RUN)
    command = [sys.executable, str(script), output.root, lake.uri, "2"]
    with subprocess.Popen(command, start_new_session=True) as process:

        def started() -> list[str]:
            listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            children = [child for child in listed if _is_worker(child)]
            return children if len(children) == 2 else []

        try:
            children = until(started, "the processes of a run")
        finally:
            process.send_signal(signal.SIGKILL)
    assert len(children) == 2
    until(lambda: not any(_is_worker(child) for child in children), "the end of a killed run's processes")


def _is_worker(process: str) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def test_of_two_runs_at_once_each_row_is_there_once(output: Output, lake: Lake, tmp_path: Path) -> None:
    for name in ("cars", "vans"):
        small_job(output, name)
    with start(output, lake) as one_run, start(output, lake) as other_run:
        for process in (one_run, other_run):
            process.communicate()
    assert [one_run.returncode, other_run.returncode] == [0, 0]
    assert content(lake) == clean(output, tmp_path)
    assert _parts_on_disk(lake) >= {part.path for part in lake.snapshot().all_parts}


def test_the_loser_of_a_commit_looks_again(
    output: Output, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run gets in between this one's reading and its commit; what it did is not done again."""
    small_job(output)
    commit, meanwhile = Lake.commit, threading.Event()

    def late(self: Lake, *args: Any, **named: Any) -> Any:
        if not meanwhile.is_set():
            meanwhile.set()
            small_job(output, "vans")
            ingest.run(output.root, lake)
        return commit(self, *args, **named)

    monkeypatch.setattr(Lake, "commit", late)
    summary = ingest.run(output.root, lake)
    assert summary.read == 0
    assert content(lake) == clean(output, tmp_path)
    assert _parts_on_disk(lake) == {part.path for part in lake.snapshot().all_parts}


def test_a_commit_of_other_tables_does_not_make_a_run_read_again(
    output: Output, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_job(output)
    commit, meanwhile = Lake.commit, threading.Event()

    def late(self: Lake, *args: Any, **named: Any) -> Any:
        if not meanwhile.is_set():
            meanwhile.set()
            lake.replace(["workers"], [])
        return commit(self, *args, **named)

    monkeypatch.setattr(Lake, "commit", late)
    summary = ingest.run(output.root, lake)
    assert (summary.read, summary.snapshot) == (5, 2)


def _parts_on_disk(lake: Lake) -> set[str]:
    return {str(path.relative_to(lake.uri)) for path in Path(lake.uri).rglob("*.parquet")}
