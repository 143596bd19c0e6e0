"""The generations of the graph on the disk: which is the newest, and who reads and changes which."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from brume import storage
from brume.aws.engine.sandbox import Sandbox

_SECONDS = 60.0  # to make an empty generation
_PAUSE = 0.05


class Change:
    """A change under way: what it begins with, and the folder of the generation that it makes."""

    def __init__(self, generation: Path, folder: Path) -> None:
        self.generation, self.folder = generation, folder
        self.whole = False

    def publish(self) -> None:
        """Have the new generation become the newest when the change ends."""
        self.whole = True


class Generations:
    """Generations by number. One engine alone uses the folder (it holds the lock of its data)."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        """Open the folder, with an empty graph when there is none; what a killed engine left is removed."""
        self._folder = folder
        self._pointer = folder / "newest"
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        self._readers: Counter[int] = Counter()
        self._sandbox = sandbox
        self._watching: list[Callable[[Path], None]] = []
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._newest = int(self._pointer.read_text()) if self._pointer.exists() else 0
        for left in folder.iterdir():
            if left.is_dir() and left != self._path(self._newest):
                shutil.rmtree(left)
        if not self._newest:
            self.empty()

    @property
    def newest(self) -> int:
        """The number of the newest generation: another number, another graph."""
        return self._newest

    def watch(self, published: Callable[[Path], None]) -> None:
        """Have this called with the folder of each generation that becomes the newest."""
        self._watching.append(published)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Path]:
        """Yield the folder of the newest generation, which stays for as long as it is read."""
        with self._lock:
            number = self._newest
            self._readers[number] += 1
        try:
            yield self._path(number)
        finally:
            with self._lock:
                self._readers[number] -= 1
                self._remove_unread()

    @contextlib.contextmanager
    def changing(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Change]:
        """Yield a change, alone; it is published if it says so and its block ends well, else removed.

        Raises `InterruptedError` when `stop()` turns true while another change goes on.
        """
        while not self._changing.acquire(timeout=_PAUSE):
            if stop():
                raise InterruptedError
        try:
            number = self._newest + 1
            change = Change(self._path(self._newest), self._path(number))
            shutil.rmtree(change.folder, ignore_errors=True)
            try:
                yield change
                if change.whole:
                    self._publish(number)
            finally:
                if self._newest != number:
                    shutil.rmtree(change.folder, ignore_errors=True)
        finally:
            self._changing.release()

    def empty(self) -> None:
        """Make an empty graph the newest generation."""
        with self.changing() as change:
            self._sandbox.start({"job": "create", "folder": str(change.folder)}).answer(_SECONDS)
            change.publish()

    def _publish(self, number: int) -> None:
        for place in (self._path(number), self._folder):
            handle = os.open(place, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        storage.write_bytes(str(self._pointer), str(number).encode())
        with self._lock:
            self._newest = number
            self._remove_unread()
        for published in self._watching:
            published(self._path(number))

    def _remove_unread(self) -> None:
        for path in self._folder.iterdir():
            number = int(path.name) if path.is_dir() and path.name.isdigit() else self._newest
            if number < self._newest and not self._readers[number]:
                shutil.rmtree(path, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}"
