"""A kill of the engine in the middle of a batch job: the next engine does the rest, and no file twice."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.processes import EngineProcess
from tests.components.records.terminologies import extractor
from tests.components.records.test_comprehend_medical import ended, start
from tests.polling import until

FILES = 2000


@contextlib.contextmanager
def engine(root: Path) -> Iterator[tuple[Any, subprocess.Popen[bytes]]]:
    with EngineProcess(root, "records", {name: root / name for name in ("texts", "found")}) as made:
        yield made.connect("comprehendmedical"), made.process


@pytest.mark.slow
def test_a_kill_in_the_middle_loses_and_repeats_nothing(tmp_path: Path) -> None:
    extractor()  # or a reason to skip
    (tmp_path / "texts/notes").mkdir(parents=True)
    (tmp_path / "found").mkdir()
    for number in range(FILES):
        (tmp_path / f"texts/notes/{number:04}.txt").write_text(f"Note {number}: no fever. Asthma.")
    with engine(tmp_path) as (boto, process):
        job = start(boto, "icd10_cm_inference", tmp_path)
        until(lambda: list(tmp_path.glob("found/here/*/*.out")), "the first file")
        process.kill()
        process.wait()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("found/here/*/*.out")}
    assert 0 < len(before) < FILES
    with engine(tmp_path) as (boto, _):
        assert ended(boto, "icd10_cm_inference", job)["JobStatus"] == "COMPLETED"
        again = boto.infer_icd10_cm(Text="Note 7: no fever. Asthma.")["Entities"]
    after = list(tmp_path.glob("found/here/*/*.out"))
    assert len(after) == FILES
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (
        json.loads(next(path for path in after if path.name == "0007.txt.out").read_text())["Entities"]
        == again
    )
