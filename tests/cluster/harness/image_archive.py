"""Several images in one file: what they have in common is in it once."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any


def merge(archives: Iterable[AbstractContextManager[IO[bytes]]], tar: Path) -> None:
    """Write the images of `archives`, streams of the form of `docker save`, to the one file `tar`."""
    manifest: list[Any] = []
    with tarfile.open(tar, "w") as merged:
        written: set[str] = set()
        for opened in archives:
            with opened as stream, tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 20) as archive:
                for entry in archive:
                    content = archive.extractfile(entry) if entry.isreg() else None
                    if content is None:  # links, for readers of a form long gone
                        continue
                    if entry.name == "manifest.json":
                        manifest += json.load(content)
                    elif entry.name.endswith((".json", ".tar")) and entry.name not in written:
                        merged.addfile(entry, content)
                        written.add(entry.name)
        listed = json.dumps(manifest).encode()
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(listed)
        merged.addfile(entry, io.BytesIO(listed))
