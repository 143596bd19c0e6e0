"""The records pipeline, and again with each input changed."""

import json
from pathlib import Path

from brume.records.demo.text import write_text
from tests.pipelines.runs import brume


def test_a_run_counts_and_runs_again_when_an_argument_changes(tmp_path: Path) -> None:
    source, out = tmp_path / "text", tmp_path / "out"
    write_text(source)

    def run(least: int) -> tuple[int, str]:
        done = brume("run", "records", f"source={source}", f"least={least}", "--out", str(out))
        assert done.returncode == 0, done.stdout + done.stderr
        record = json.loads((out / "run.json").read_text())
        states = {step["step"]: step["state"] for step in record["steps"]}
        return json.loads((out / "metrics.json").read_text())["lines"], states["count"]

    assert run(0) == (10, "finished")
    assert run(0) == (10, "reused")
    assert run(5) == (5, "finished")
    source.write_text("another text\n")
    assert run(5) == (1, "finished")
