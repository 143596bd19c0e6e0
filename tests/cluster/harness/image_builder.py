"""buildah, run by `images/build.sh` where neither a registry nor a service is at hand.

Debian's packages and Python's come from where this machine takes its own; pip's cache is the machine's.
"""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from brume.cluster import images
from tests.cluster.harness import base_image
from tests.cluster.harness.binaries import Unavailable, system

_ROOT = Path(__file__).resolve().parents[3]
# Settings of pip for where packages come from.
_SOURCES = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")


class Builder:
    """buildah with a store of its own, of plain files: each command's mounts end with it."""

    def __init__(self, store: Path, wheels: Path, scratch: Path) -> None:
        """Keep images in `store`, Horovod's wheel in `wheels`. Raises `Unavailable` if it cannot."""
        if sys.platform != "linux" or os.geteuid() != 0:
            raise Unavailable("the images are built by root on Linux: buildah makes mounts")
        unshare = system("unshare", package="util-linux")
        self._buildah = system("buildah", package="buildah")
        self._prefix = [str(unshare), "--mount", "--propagation", "private", "--"]
        self._scratch, self._wheels = scratch, wheels
        configuration = scratch / "storage.conf"
        configuration.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{store}"\nrunroot = "{scratch}/run"\n'
        )
        # Without control groups and namespaces, which a container or an old machine may not have.
        self._environment = {"CONTAINERS_STORAGE_CONF": str(configuration), "BUILDAH_ISOLATION": "chroot"}

    def build(self, names: Sequence[str], lists: Path | None = None) -> None:
        """Build some of the images, with the lists of their contents in the folder `lists`.

        Raises `Unavailable` with the last lines of what fails.
        """
        if subprocess.run(
            [*self._prefix, self._buildah, "inspect", "--type", "image", base_image.NAME],
            env=os.environ | self._environment,
            capture_output=True,
            check=False,
        ).returncode:
            context = self._scratch / "base"
            context.mkdir()
            base_image.fill(context, self.run)
            self.run([self._buildah, "build", "--tag", base_image.NAME, context])
        environment = images.environment()
        self.run(
            [_ROOT / "images" / "build.sh", environment[images.REGISTRY], environment[images.TAG]],
            {
                "ENGINE": "buildah",
                "IMAGES": " ".join(names),
                "SBOM": str(lists or "no"),
                "OPTIONS": " ".join(self._options()),
            },
        )

    @contextlib.contextmanager
    def saved(self, reference: str) -> Iterator[IO[bytes]]:
        """Give an image as a stream of the form of `docker save`. Raises `Unavailable` if it is cut off."""
        command = [self._buildah, "push", "--quiet", reference, f"docker-archive:/dev/stdout:{reference}"]
        with subprocess.Popen(
            [*self._prefix, *map(str, command)], env=os.environ | self._environment, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout
            yield process.stdout
        if process.returncode:
            raise Unavailable(
                f"{reference} cannot be exported: buildah push ended with code {process.returncode}"
            )

    def run(self, command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> None:
        """Run a command where buildah's store is. Raises `Unavailable` with its last lines."""
        done = subprocess.run(
            [*self._prefix, *map(str, command)],
            env=os.environ | self._environment | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            last = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-15:])
            raise Unavailable(f"{Path(command[0]).name} failed while the images were built:\n{last}")

    def _options(self) -> list[str]:
        """Return buildah's options that give a build the machine's sources and caches."""
        settings = self._scratch / "pip"
        settings.mkdir()
        found = _pip_settings()
        lines = ["[global]", *(f"{key} = {value}" for key, value in found.items() if key in _SOURCES)]
        if "cert" in found:
            shutil.copy(found["cert"], settings / "authorities.pem")
            lines.append("cert = /root/.config/pip/authorities.pem")
        (settings / "pip.conf").write_text("\n".join([*lines, ""]))
        packages = _pip("cache", "dir").strip()
        Path(packages).mkdir(parents=True, exist_ok=True)
        volumes = {settings: "/root/.config/pip", packages: "/root/.cache/pip", self._wheels: "/wheels"}
        return [
            *("--build-arg", "PIP_NO_CACHE_DIR="),
            *(word for here, there in volumes.items() for word in ("--volume", f"{here}:{there}")),
        ]


def _pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"pip {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout


def _pip_settings() -> dict[str, str]:
    """Return pip's settings by name; those of the environment, which come last, have the last word."""
    found = {}
    for line in _pip("config", "list").splitlines():  # global.index-url='...', :env:.index-url='...'
        place, _, value = line.partition("=")
        found[place.rpartition(".")[2]] = str(ast.literal_eval(value))
    return found
