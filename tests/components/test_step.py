"""A step is done again when, and only when, what its result depends on has changed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from brume.run.step import OUT, Output, Step


class Pipeline:
    """One step that copies its input, counted."""

    def __init__(self, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(OUT, str(out))
        monkeypatch.setenv("BRUME_PROGRESS", str(out / "progress.jsonl"))
        out.mkdir()
        self.out = out
        self.source = out / "source.txt"
        self.source.write_text("first")
        self.runs = 0

    def run(self, **parameters: Any) -> tuple[Any, Any]:
        copy: Any = SimpleNamespace(uri="elsewhere", metadata={})
        step = Step(
            "copy", inputs=[str(self.source)], parameters=parameters, outputs=[Output(copy, "copy.txt")]
        )

        def work() -> dict[str, int]:
            self.runs += 1
            Path(copy.uri).write_text(self.source.read_text())
            copy.metadata["size"] = len(self.source.read_text())
            return {"runs": self.runs}

        return step.run(work), copy

    def events(self) -> list[str]:
        lines = (self.out / "progress.jsonl").read_text().splitlines()
        return [json.loads(line)["event"] for line in lines]


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    return Pipeline(tmp_path / "out", monkeypatch)


def test_finished_work_stands_and_says_so(pipeline: Pipeline) -> None:
    first, _ = pipeline.run(size=1)
    second, copy = pipeline.run(size=1)
    assert first == second == {"runs": 1}
    assert pipeline.runs == 1
    assert copy.uri == str(pipeline.out / "copy.txt")
    assert copy.metadata == {"size": 5}
    assert pipeline.events() == ["started", "finished", "reused"]


def test_changed_parameters_inputs_or_outputs_are_worked_on_again(pipeline: Pipeline) -> None:
    pipeline.run(size=1)
    pipeline.run(size=2)
    assert pipeline.runs == 2
    pipeline.source.write_text("second")
    pipeline.run(size=2)
    assert pipeline.runs == 3
    (pipeline.out / "copy.txt").unlink()
    pipeline.run(size=2)
    assert pipeline.runs == 4
    assert (pipeline.out / "copy.txt").read_text() == "second"


def test_a_failure_is_told_and_not_remembered(pipeline: Pipeline, tmp_path: Path) -> None:
    step = Step("copy", parameters={}, outputs=[])
    with pytest.raises(ZeroDivisionError):
        step.run(lambda: 1 // 0)
    assert pipeline.events() == ["started", "failed"]
    assert not step.reusable()


def test_on_a_cluster_artifacts_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OUT, raising=False)
    artifact: Any = SimpleNamespace(uri="s3://bucket/run/model", metadata={})
    step = Step("train", parameters={}, outputs=[Output(artifact, "model")])
    assert step.run(lambda: "done") == "done"
    assert artifact.uri == "s3://bucket/run/model"
    assert step.place("rejects.csv") is None
