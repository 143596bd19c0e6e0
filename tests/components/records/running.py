"""An engine of records in a process of its own, which a test may kill."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from brume.aws.engine import catalog
from brume.aws.wire import keys
from tests.aws.serving import client_of
from tests.polling import until


@contextlib.contextmanager
def running_engine(
    root: Path, service: str, folders: Mapping[str, Path]
) -> Iterator[tuple[Any, subprocess.Popen[bytes]]]:
    """Run the engine with its state in `root`/data; yields boto3's client of a service, and the process.

    `folders` are the local folders that stand for buckets.
    """
    data = root / "data"
    command = [sys.executable, "-m", "brume", "engine", "records", "--port", "0", "--data", str(data)]
    for name, folder in folders.items():
        command += ["--folder", f"s3://{name}/={folder}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:

            def running() -> catalog.Running | None:
                assert process.poll() is None, "the engine ended"
                found = catalog.running(data)
                return found if found is not None and found.pid == process.pid else None

            state = until(running, "the start of the engine")
            (key,) = keys.load(Path(state.credentials)).values()
            yield client_of(state.url, service, key=key), process
        finally:
            process.kill()
