"""A comparison of models goes on by itself when the engine is killed and started again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.components.inspection.console.conftest import PROJECT, Served, plant_model
from tests.components.inspection.parts import BUCKET, Running, dataset_ready, source
from tests.components.inspection.test_engine_kill import Process
from tests.polling import until

pytestmark = pytest.mark.slow


def rows(data: Path, statement: str) -> list[Any]:
    with sqlite3.connect(data / "state.db", timeout=30) as database:
        return list(database.execute(statement))


@contextlib.contextmanager
def without_graph(bundle: Path) -> Iterator[None]:
    """Take the graph out of a bundle, which cannot be loaded then, and put it back."""
    graph = bundle / "model.tflite"
    aside = graph.rename(bundle.parent / "aside")
    yield
    aside.rename(graph)


def test_a_failure_is_reported_once_and_a_kill_is_made_up_for_without_a_request(
    trained: Running, tmp_path: Path
) -> None:
    shutil.copytree(trained.root / "pictures", tmp_path / "pictures")
    data = tmp_path / "data"
    process = Process(tmp_path)
    vision = process.client
    vision.create_project(ProjectName=PROJECT)
    vision.create_dataset(ProjectName=PROJECT, DatasetType="train", DatasetSource=source("train.manifest"))
    dataset_ready(vision, PROJECT)
    served = Served("", vision, process.console, None, tmp_path, data)
    for version, threshold in ((1, None), (2, 0.0)):
        plant_model(trained, served, version, threshold)
    ((project,),) = rows(data, "select id from projects")
    learned = json.loads((data / f"models/{project}/1/bundle/training.json").read_text())["out_of_fold"]
    refs = [row[0] for row in rows(data, "select source_ref from entries order by position")]
    compared = [ref for ref in refs if ref not in learned]
    # A picture that never comes to its end: the comparison waits for it until the engine is killed.
    last = tmp_path / "pictures" / compared[-1].removeprefix(BUCKET)
    picture = last.read_bytes()
    last.unlink()
    os.mkfifo(last)
    request = {"ProjectName": PROJECT, "ModelVersions": ["1", "2"]}
    with without_graph(data / f"models/{project}/2/bundle"):
        assert process.console.compare_models(**request)["Status"] == "IN_PROGRESS"
        until(
            lambda: rows(data, "select status from console_comparisons") == [("FAILED",)], "the failure's row"
        )
        failed = process.console.compare_models(**request)
        assert failed["Status"] == "FAILED"
        assert "model.tflite" in failed["StatusMessage"]
    assert process.console.compare_models(**request)["Status"] == "IN_PROGRESS"
    predicted = "select count(*) from console_predictions"
    until(lambda: rows(data, predicted) == [(2 * len(compared) - 2,)], "the pictures before the last")
    process.kill()
    last.unlink()
    last.write_bytes(picture)
    process = Process(tmp_path)
    try:
        until(lambda: not rows(data, "select * from console_comparisons"), "the end of the comparison")
        assert rows(data, predicted) == [(2 * len(compared),)]
        found = process.console.compare_models(**request)
        assert (found["Status"], found["Images"]) == ("COMPLETE", len(compared))
    finally:
        process.stop()
