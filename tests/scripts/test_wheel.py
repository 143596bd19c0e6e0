"""The installed form: a wheel holds the package with its data files, and works without the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"brume": "components", "brume/pipelines": "pipelines"}
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
DATA = {".html", ".css", ".js", ".json", ".sql", ".svg"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a copy: a build writes into its tree."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in FOLDERS.values():
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    built = subprocess.run([*command, "-w", "dist", "."], cwd=tree, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (made,) = (tree / "dist").glob("*.whl")
    return made


def test_it_holds_every_module_and_data_file_under_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {
        f"{package}/{path.relative_to(ROOT / folder).as_posix()}"
        for package, folder in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.suffix in DATA | {".py"} or path.name == "py.typed"
    }
    assert "brume/py.typed" in expected
    assert not expected - names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"brume"}


def test_it_works_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    def python(*words: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(site)}
        done = subprocess.run(
            [sys.executable, *words], cwd=empty, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    code = "import brume, brume.pipelines.slides as slides; print(brume.__file__, slides.__file__, sep='\\n')"
    package, slides = python("-c", code).splitlines()
    assert (Path(package), Path(slides)) == (site / "brume/__init__.py", site / "brume/pipelines/slides.py")
    assert "slides" in python("-m", "brume", "list")
