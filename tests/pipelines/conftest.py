"""A small cohort, and a finished run on it that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.runs import QUICK, brume, write_cohort


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "O'Brien's slides"
    write_cohort(folder)
    return folder


@pytest.fixture(scope="session")
def finished(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of the slides pipeline."""
    out = tmp_path_factory.mktemp("run") / "out"
    ran = brume("run", "slides", f"slides={cohort}", f"labels={cohort}/labels.csv", *QUICK, "--out", str(out))
    assert ran.returncode == 0, ran.stderr + (out / "work" / "run.log").read_text()[-3000:]
    return out
