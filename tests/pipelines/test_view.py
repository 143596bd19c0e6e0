"""What a local run prints where there is no terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from brume.pipelines.running.view import View
from brume.run import progress


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "progress.jsonl"
    monkeypatch.setenv(progress.PROGRESS_FILE, str(file))
    return file


def test_each_epoch_is_a_line_with_its_figures(events: Path) -> None:
    screen = io.StringIO()
    with View(Console(file=screen, width=80), events, ["tiling", "training"], "a run"):
        progress.step("tiling", "started")
        progress.step("tiling", "finished")
        progress.step("training", "started")
        for epoch in (1, 2):
            progress.report("training", 10 * epoch - 5, 20, f"epoch {epoch}/2 loss 0.9")
            progress.report("training", 10 * epoch, 20, f"epoch {epoch}/2 loss 0.5", milestone=True)
        progress.step("training", "finished")
    lines = screen.getvalue().splitlines()
    assert lines[:3] == ["tiling ...", "tiling finished in 0.0 s", "training ..."]
    assert lines[3:5] == ["training: 10/20, epoch 1/2 loss 0.5", "training: 20/20, epoch 2/2 loss 0.5"]
    assert lines[5].startswith("training finished in ")
    assert len(lines) == 6


def test_the_log_of_a_run_keeps_the_milestones(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress.report("training", 5, 20, "epoch 1/2 loss 0.9")
    progress.report("training", 10, 20, "epoch 1/2 loss 0.5", milestone=True)
    assert capsys.readouterr().out == "training: 10/20 epoch 1/2 loss 0.5\n"
    assert len(events.read_text().splitlines()) == 2
