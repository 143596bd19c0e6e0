"""The skeleton of a system: its own tests pass, and what cannot be written is refused with the reason."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("components", "pipelines", "scripts", "tests")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the project; `site/brume` in it is the package."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = tmp_path / "site" / "brume"
    package.mkdir(parents=True)
    for path in (tmp_path / "components").iterdir():
        (package / path.name).symlink_to(path)
    (package / "pipelines").symlink_to(tmp_path / "pipelines")
    return tmp_path


def new_system(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "scripts" / "new_system.py"), *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_the_tests_of_a_new_system_pass(project: Path) -> None:
    made = new_system(project, "toy", "kendra")
    assert made.returncode == 0, made.stderr
    for room in ("pipeline", "engine", "model", "demo"):
        assert (project / "components/toy" / room / "__init__.py").exists()
    package = project / "site" / "brume" / "toy"
    package.symlink_to(project / "components" / "toy")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/components/toy", "tests/pipelines/test_toy.py"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project / "site")},
        capture_output=True,
        text=True,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    style = [sys.executable, "-m", "ruff"]
    for check in (["check", "--quiet"], ["format", "--check", "--quiet"]):
        files = made.stdout.splitlines()[:-2]  # without pyproject.toml and what to do next
        found = subprocess.run([*style, *check, *files], cwd=project, capture_output=True, text=True)
        assert found.returncode == 0, found.stdout
    again = new_system(project, "toy", "kendra")
    assert again.returncode == 1
    assert "exists: choose another NAME" in again.stderr


@pytest.mark.parametrize(
    ("name", "service", "reason"),
    [
        ("Toy", "kendra", "NAME=Toy must be a name of a Python module"),
        ("class", "kendra", "NAME=class must be"),
        ("../toy", "kendra", "NAME=../toy must be"),
        ("labels", "kendra", "exists: choose another NAME"),
        ("toy", "kendrick", "SERVICE=kendrick is no service that botocore knows"),
    ],
)
def test_what_cannot_be_written_is_refused(project: Path, name: str, service: str, reason: str) -> None:
    done = new_system(project, name, service)
    assert done.returncode == 1
    assert reason in done.stderr
    assert not (project / "components/toy").exists()


def test_an_extra_is_added_whatever_the_comments_and_refused_where_there_is_no_place(project: Path) -> None:
    path = project / "pyproject.toml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("#")))
    before = tomllib.loads(path.read_text())["project"]["optional-dependencies"]
    assert new_system(project, "toy", "kendra").returncode == 0
    after = tomllib.loads(path.read_text())["project"]["optional-dependencies"]
    assert after.pop("toy") == []
    own, taken = before["dev"].pop(0), after["dev"].pop(0)
    assert taken == own.replace("]", ",toy]")
    assert after == before
    path.write_text('[project]\nname = "brume"\n')
    refused = new_system(project, "another", "kendra")
    assert refused.returncode == 1
    assert "add another = [] by hand" in refused.stderr
    assert path.read_text() == '[project]\nname = "brume"\n'
