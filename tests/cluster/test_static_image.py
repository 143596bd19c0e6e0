"""Images of static programs, as container runtimes read them."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from tests.cluster.harness.static_image import static_image


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "program"
    file.write_bytes(b"\x7fELF")
    return file


def test_an_image_lists_what_is_in_it(tmp_path: Path, program: Path) -> None:
    tar = static_image(tmp_path / "image.tar", "docker.io/a/b:1", {"/opt/bin/b": program}, ["/opt/bin/b"])
    with tarfile.open(tar) as image:
        members = {member.name: image.extractfile(member) for member in image}
        (about,) = json.load(members["manifest.json"])  # type: ignore[arg-type]
        config = json.load(members[about["Config"]])  # type: ignore[arg-type]
        layer = members[about["Layers"][0]].read()  # type: ignore[union-attr]
    assert about["RepoTags"] == ["docker.io/a/b:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/opt/bin/b"]
    assert config["config"]["User"] == "65532:65532"


def test_anyone_may_run_what_is_in_an_image(tmp_path: Path, program: Path) -> None:
    program.chmod(0o600)
    tar = static_image(tmp_path / "image.tar", "docker.io/a/b:1", {"/opt/bin/b": program}, ["/opt/bin/b"])
    with tarfile.open(tar) as image:
        name = next(member.name for member in image if member.name.endswith(".tar"))
        with tarfile.open(fileobj=image.extractfile(name)) as layer:
            modes = {member.name: oct(member.mode) for member in layer}
    assert modes == {"opt": "0o755", "opt/bin": "0o755", "opt/bin/b": "0o755", "tmp": "0o1777"}


def test_the_same_files_are_the_same_image(tmp_path: Path, program: Path) -> None:
    first, second = (
        static_image(tmp_path / f"{number}.tar", "docker.io/a/b:1", {"/b": program}, ["/b"]).read_bytes()
        for number in (1, 2)
    )
    assert first == second


def test_a_place_that_is_not_absolute_is_refused(tmp_path: Path, program: Path) -> None:
    with pytest.raises(ValueError, match="'b' is no place in an image"):
        static_image(tmp_path / "image.tar", "docker.io/a/b:1", {"b": program}, ["/b"])
    assert [file.name for file in tmp_path.iterdir()] == ["program"]
