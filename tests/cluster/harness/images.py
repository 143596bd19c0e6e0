"""The project's images as one file that a container runtime imports.

They are built once and kept outside the project. A change of the code makes their last layers new; a change
of what they require, all of them, and what there was before is removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from brume.cluster import images
from tests.cluster.harness import base_image, image_archive
from tests.cluster.harness.binaries import cache
from tests.cluster.harness.image_builder import Builder

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("pipeline", "training", "serving", "engines")
_REQUIRED = (
    "pyproject.toml",
    "constraints.txt",
    "images/Dockerfile",
    "images/install.py",
    "images/training/horovod.sh",
)
_ALL = (*_REQUIRED, "README.md", "LICENSE", "components", "pipelines", "images")


def archive(names: Sequence[str] = NAMES) -> Path:
    """Return a file of the form of `docker save` with some of the images, under the names that pods know.

    Raises `Unavailable` where they cannot be built.
    """
    references = [images.reference(name) for name in names]
    with _folder() as folder:
        tar = folder / f"{_digest(_ALL, *references)}.tar"
        if not tar.exists():
            print(f"cluster: building the images {', '.join(names)}", file=sys.stderr, flush=True)
            with _builder(folder) as builder:
                builder.build(names)
                for old in folder.glob("*.tar"):
                    old.unlink()
                partial = tar.with_suffix(".partial")
                image_archive.merge(map(builder.saved, references), partial)
                partial.rename(tar)
    return tar


@contextlib.contextmanager
def builder() -> Iterator[Builder]:
    """Give what builds the images, with all that is there already. Raises `Unavailable`."""
    with _folder() as folder, _builder(folder) as one:
        yield one


def tensorflow() -> str:
    """Return the version of TensorFlow that the images have."""
    found = re.search(r"^tensorflow.cpu==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert found
    return found[1]


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Give the folder of all that has today's requirements, to one session at a time."""
    place = cache() / "images"
    folder = place / _digest(_REQUIRED, base_image.RECIPE)
    folder.mkdir(parents=True, exist_ok=True)
    with (cache() / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for other in place.iterdir():
            if other != folder:
                shutil.rmtree(other)
        yield folder


@contextlib.contextmanager
def _builder(folder: Path) -> Iterator[Builder]:
    with tempfile.TemporaryDirectory(prefix="brume-images-") as scratch:
        yield Builder(folder / "store", _wheels(folder), Path(scratch))


def _wheels(folder: Path) -> Path:
    """Return where Horovod's wheel is kept; that of `make horovod` will do on a machine like the base."""
    wheels = folder / "wheels"
    wheels.mkdir(exist_ok=True)
    if platform.freedesktop_os_release().get("VERSION_CODENAME") == base_image.SUITE:
        kind = f"{tensorflow()}-cp{sys.version_info[0]}{sys.version_info[1]}-{sysconfig.get_platform()}"
        for wheel in (cache().parent / "wheels" / kind).glob("*.whl"):
            shutil.copy(wheel, wheels)
    return wheels


def _digest(paths: Sequence[str], *words: str) -> str:
    """Return a digest of these files, or of all in these folders, and of some words."""
    found = hashlib.sha256("\0".join(words).encode())
    for top in paths:
        files = [file for file in sorted((ROOT / top).rglob("*")) if file.is_file() and file.suffix != ".pyc"]
        for file in files or [ROOT / top]:
            found.update(f"\0{file.relative_to(ROOT)}\0{os.access(file, os.X_OK)}\0".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:12]
