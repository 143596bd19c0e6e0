"""A kill of the engine in each state of a task, and a full disk.

The next engine completes what was killed, once, to the same bytes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.processes import EngineProcess
from tests.components.narration.test_tasks import finished, start


@contextlib.contextmanager
def engine(root: Path, most: int = 0, **more: str) -> Iterator[tuple[Any, subprocess.Popen[bytes]]]:
    """Run the engine with its voices of tones; yields boto3's client and the process.

    `most` is the size that a file may have, in blocks of 512 bytes; 0: any.
    """
    sounds, toned = {"sounds": root / "out"}, "tests.components.narration.toned_engine"
    with EngineProcess(root, "narration", sounds, module=toned, environment=more, most=most) as made:
        yield made.connect("polly"), made.process


@pytest.mark.slow
def test_a_kill_loses_no_task(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with engine(tmp_path, TONES_WAIT=str(pipe)) as (boto, process):
        done = start(boto, "Done before.")["TaskId"]
        assert finished(boto, done)["TaskStatus"] == "completed"
        held = start(boto, "First. Wait here. Last.")["TaskId"]
        waiting = start(boto, "Never begun.")["TaskId"]
        assert pipe.read_text() == "waiting"  # it is in the middle of a task
        second = start(boto, "Wait again.")["TaskId"]
        states = [
            boto.get_speech_synthesis_task(TaskId=name)["SynthesisTask"]["TaskStatus"]
            for name in (done, held, waiting, second)
        ]
        assert states == ["completed", "inProgress", "scheduled", "scheduled"]
        process.kill()
        process.wait()
    before = (tmp_path / "out" / f"{done}.pcm").stat()
    with engine(tmp_path) as (boto, _):
        for name in (done, held, waiting, second):
            assert finished(boto, name)["TaskStatus"] == "completed"
            assert (tmp_path / "out" / f"{name}.pcm").stat().st_size > 0
        again = start(boto, "First. Wait here. Last.")["TaskId"]
        finished(boto, again)
        assert (tmp_path / "out" / f"{again}.pcm").read_bytes() == (
            tmp_path / "out" / f"{held}.pcm"
        ).read_bytes()
    after = (tmp_path / "out" / f"{done}.pcm").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert len(list((tmp_path / "out").iterdir())) == 5  # nothing half-made beside them


@pytest.mark.slow
def test_a_full_disk_fails_the_task_alone(tmp_path: Path) -> None:
    """The system's limit on a file's size replaces a full disk: the same write fails."""
    (tmp_path / "out").mkdir()
    with engine(tmp_path, most=2000) as (boto, _):
        found = finished(boto, start(boto, "So long a text. " * 150)["TaskId"])
        assert found["TaskStatus"] == "failed"
        assert "File too large" in found["TaskStatusReason"]
        assert finished(boto, start(boto, "A short one.")["TaskId"])["TaskStatus"] == "completed"
    assert len(list((tmp_path / "out").iterdir())) == 1
    assert not list((tmp_path / "data/tasks").iterdir())
