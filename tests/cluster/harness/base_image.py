"""A stand-in for python:3.11-slim-bookworm, where no registry is at hand.

It is made of Debian's packages, from the mirror that this machine installs its own from, with Debian's Python
in the place of the original's, and pip.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.cluster.harness.binaries import system

NAME = "docker.io/library/python:3.11-slim-bookworm"
SUITE = "bookworm"
_PIP = "24.0"
_UNNEEDED = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
)
RECIPE = """\
FROM scratch
ADD base.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["python3"]
"""

Run = Callable[[Sequence[str | Path]], None]


def fill(folder: Path, run: Run) -> None:
    """Fill `folder` with what an engine builds the image from; `run` runs a command as root."""
    with tempfile.TemporaryDirectory(prefix="brume-base-") as scratch:
        root = Path(scratch) / "root"
        debootstrap = system("debootstrap", package="debootstrap")
        run([debootstrap, "--variant=minbase", "--include=python3.11", SUITE, root, *_mirror()])
        for unneeded in _UNNEEDED:
            shutil.rmtree(root / unneeded)
            (root / unneeded).mkdir()
        # As in the original, pip may install beside the system's Python.
        (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink()
        (root / "usr/local/bin/python3").symlink_to("/usr/bin/python3.11")
        run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", scratch, f"pip=={_PIP}"])
        wheel = shutil.copy(next(Path(scratch).glob("pip-*.whl")), root)
        inside = f"/{Path(wheel).name}"
        run(["chroot", root, "python3", f"{inside}/pip", "install", "-q", "--no-index", inside])
        Path(wheel).unlink()
        with tarfile.open(folder / "base.tar", "w") as tar:
            tar.add(root, ".", filter=lambda entry: None if entry.isdev() else entry)
    (folder / "Dockerfile").write_text(RECIPE)


def _mirror() -> list[str]:
    """Return the mirror of this suite that the machine's apt uses; none: debootstrap knows one."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(CODENAME) $(SITE)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return [
        site for name, _, site in (line.partition(" ") for line in targets.splitlines()) if name == SUITE
    ][:1]
