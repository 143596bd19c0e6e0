"""An engine in a process of its own, which a test may kill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from brume.aws.engine import catalog
from brume.aws.wire import keys
from tests.aws.serving import client_of
from tests.polling import until


class EngineProcess:
    """An engine that runs, with its state in ROOT/data and its log in ROOT/engine.log.

    `folders` are the local folders of buckets, `options` more words of its command, `environment` more
    variables, `module` the program, and `most` the size that a file may have, in blocks of 512 bytes; 0: any.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        folders: Mapping[str, Path],
        *,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        module: str = "brume.aws.engine.run",
        most: int = 0,
    ) -> None:
        """Start it, and return once it answers."""
        self.data = root / "data"
        command = [sys.executable, "-m", module, name, "--port", "0", "--data", str(self.data), *options]
        for bucket, folder in folders.items():
            command += ["--folder", f"s3://{bucket}/={folder}"]
        if most:
            command = ["/bin/sh", "-c", f'ulimit -f {most} && exec "$0" "$@"', *command]
        log = root / "engine.log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=file, env=os.environ | dict(environment or {})
            )

        def running() -> catalog.Running | None:
            assert self.process.poll() is None, log.read_text()
            found = catalog.running(self.data)
            return found if found is not None and found.pid == self.process.pid else None

        try:
            self.url = until(running, "the start of the engine").url
        except BaseException:
            self.kill()
            raise

    @property
    def key(self) -> keys.Key:
        """The key that it made."""
        (key,) = keys.load(self.data / "credentials").values()
        return key

    def connect(self, service: str) -> Any:
        """Return boto3's client of a service."""
        return client_of(self.url, service, key=self.key)

    def kill(self) -> None:
        """Kill it, if it has not ended, and wait for its end."""
        self.process.kill()
        self.process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.kill()
