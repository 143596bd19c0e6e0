"""Files of resources in the layout of bulk exports: FOLDER/TYPE-NUMBER.ndjson, so many resources in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import orjson

OF_FILE = 20_000
"""Resources of one file at most."""


class ResourceFiles:
    """Writes resources into files by their type; a context manager. `counts` has their numbers by type."""

    def __init__(self, folder: Path, most: int = OF_FILE) -> None:
        """Write into `folder`, `most` resources into a file."""
        self._folder, self._most = folder, most
        self._open: dict[str, BinaryIO] = {}
        self.counts: Counter[str] = Counter()
        self.names: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> ResourceFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open.values():
            file.close()

    def add(self, resource: Mapping[str, Any]) -> None:
        """Write a resource behind those of its type."""
        kind = str(resource["resourceType"])
        if self.counts[kind] % self._most == 0:
            if kind in self._open:
                self._open.pop(kind).close()
            self.names.append(f"{kind}-{self.counts[kind] // self._most}.ndjson")
            self._open[kind] = (self._folder / self.names[-1]).open("wb")
        self._open[kind].write(orjson.dumps(resource) + b"\n")
        self.counts[kind] += 1
