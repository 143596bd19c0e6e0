"""An image of a few static programs, as a file that a container runtime imports."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PATH = "/usr/local/bin:/usr/bin:/bin"


def static_image(
    tar: Path, reference: str, files: Mapping[str, Path], entrypoint: Sequence[str], user: int = 65532
) -> Path:
    """Write the image `reference` to `tar`, as `docker save` does; returns `tar`.

    `files` are what it holds, by their absolute paths inside; whatever their modes here, everyone may read
    and run them there. /tmp is for all to write. The same files give the same image, byte for byte.
    """
    tar.parent.mkdir(parents=True, exist_ok=True)
    layer = tar.with_suffix(".layer")
    try:
        with tarfile.open(layer, "w") as inside:
            _fill(inside, files)
        digest = _sha256(layer)
        config = json.dumps(_config(digest, entrypoint, user), sort_keys=True).encode()
        name = f"{hashlib.sha256(config).hexdigest()}.json"
        manifest = [{"Config": name, "RepoTags": [reference], "Layers": [f"{digest}.tar"]}]
        with tarfile.open(tar, "w") as image:
            _add_bytes(image, name, config)
            with layer.open("rb") as stream:
                image.addfile(_entry(f"{digest}.tar", size=layer.stat().st_size), stream)
            _add_bytes(image, "manifest.json", json.dumps(manifest).encode())
    finally:
        layer.unlink(missing_ok=True)
    return tar


def _fill(layer: tarfile.TarFile, files: Mapping[str, Path]) -> None:
    folders = {"tmp": 0o1777}
    for target in files:
        path = PurePosixPath(target)
        if not path.is_absolute():
            raise ValueError(f"{target!r} is no place in an image: name an absolute path")
        for parent in path.parents[:-1]:
            folders.setdefault(str(parent.relative_to("/")), 0o755)
    for folder in sorted(folders):
        entry = _entry(folder, mode=folders[folder])
        entry.type = tarfile.DIRTYPE
        layer.addfile(entry)
    for target in sorted(files):
        with files[target].open("rb") as stream:
            layer.addfile(_entry(target.lstrip("/"), size=files[target].stat().st_size, mode=0o755), stream)


def _config(layer: str, entrypoint: Sequence[str], user: int) -> dict[str, Any]:
    return {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint), "Env": [f"PATH={_PATH}"], "User": f"{user}:{user}"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
        "history": [{"created_by": "static_image"}],
    }


def _entry(name: str, *, size: int = 0, mode: int = 0o644) -> tarfile.TarInfo:
    """Return a member whose owner and time are the same on every machine."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    archive.addfile(_entry(name, size=len(content)), io.BytesIO(content))


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
