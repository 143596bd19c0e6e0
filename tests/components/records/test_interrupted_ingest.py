"""Runs that are killed, or beside which another commits: the lake has every row once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.notes import making
from tests.components.records.exports import content, document, held, notes, patient, write

RUN = """
import sys
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.notes.making import make
if __name__ == "__main__":
    lake = Lake(sys.argv[2])
    ingest.run(sys.argv[1], lake, processes=1)
    make(lake)
"""

# Ends by SIGKILL just before an operation of a name (of Python's audit events) on a path of the lake.
KILLED_RUN = f"""
import os, signal, sys
folder, operation, name = sys.argv[2:]
def kill(event, arguments):
    if event == operation and str(arguments[0]).startswith(folder) and name in str(arguments[0]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(kill)
{RUN}
"""

MOMENTS = (
    ("os.rename", "/resources/type=Patient/"),  # the first part is written and has not its name
    ("os.rename", "/files/"),  # the last one
    ("open", "/_brume/.snapshot.json.lock"),  # all have theirs, and the commit begins
    ("os.rename", "/_brume/.snapshot.json"),  # the new state is written beside the old one
    ("os.rename", "/notes/"),  # the resources are committed, the notes are not
)


def export(folder: Path, text: str) -> str:
    return write(
        folder,
        {
            "Patient-0.ndjson": [patient(), {"resourceType": "Patient", "id": text}],
            "DocumentReference-0.ndjson": [document("a", text)],
        },
    )


def test_a_killed_run_leaves_the_lake_whole_and_the_next_one_goes_on(tmp_path: Path, lake: Lake) -> None:
    source = export(tmp_path / "export", "first")
    ingest.run(source, lake, processes=1)
    making.make(lake)
    before = content(lake)
    export(tmp_path / "export", "second")
    for moment in MOMENTS:
        command = [sys.executable, "-c", KILLED_RUN, source, lake.uri, *moment]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        if moment[1] != "/notes/":
            assert content(lake) == before
    assert {row["text"] for row in notes(lake).values()} == {"first"}
    assert "Patient/second" in held(lake)
    clean = Lake(str(tmp_path / "clean"))
    for one in (lake, clean):
        ingest.run(source, one, processes=1)
        making.make(one)
    assert content(lake) == content(clean)


def test_of_two_runs_at_once_each_row_is_there_once(tmp_path: Path, lake: Lake) -> None:
    source = export(tmp_path / "export", "text")
    command = [sys.executable, "-c", RUN, source, lake.uri]
    with subprocess.Popen(command) as one_run, subprocess.Popen(command) as other_run:
        for process in (one_run, other_run):
            process.communicate()
    assert [one_run.returncode, other_run.returncode] == [0, 0]
    clean = Lake(str(tmp_path / "clean"))
    ingest.run(source, clean, processes=1)
    making.make(clean)
    assert content(lake) == content(clean)


def test_notes_of_a_lake_that_changes_meanwhile_are_made_again(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = export(tmp_path / "export", "first")
    ingest.run(source, lake, processes=1)
    commit, meanwhile = Lake.commit, threading.Event()

    def late(self: Lake, *args: Any, **named: Any) -> Any:
        if not meanwhile.is_set():
            meanwhile.set()
            export(tmp_path / "export", "second")
            ingest.run(source, lake, processes=1)
        return commit(self, *args, **named)

    monkeypatch.setattr(Lake, "commit", late)
    making.make(lake)
    assert {row["text"] for row in notes(lake).values()} == {"second"}
    on_disk = {str(path.relative_to(lake.uri)) for path in Path(lake.uri).rglob("notes/*.parquet")}
    assert on_disk == {part.path for part in lake.snapshot().parts("notes")}
