"""Forwarded ports: from this machine to what listens in a cluster."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.cluster.harness import binaries
from tests.cluster.harness.api_server import Api, KubectlError
from tests.cluster.harness.processes import ending_with_this
from tests.polling import until

_READY = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


class Forward:
    """A local port that leads to `port` of `target` ("service/NAME", "pod/NAME").

    A way ends with the kubelet between, or when its pod turns out to be gone: it is opened, or opened again
    at the same port of this machine, whenever its `url` is asked for.
    """

    def __init__(self, api: Api, namespace: str, target: str, port: int) -> None:
        """Open nothing yet."""
        self._command = [
            *ending_with_this(),
            *(str(binaries.folder("kubernetes") / "kubectl"), "--kubeconfig", str(api.kubeconfig)),
            *("--namespace", namespace, "port-forward", target),
        ]
        self._target, self._port = target, port
        self._here = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Leave it open for a while."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def url(self) -> str:
        """Return the URL of the port. Raises `KubectlError` where nothing can be reached."""
        if self._process is None or self._process.poll() is not None:
            self._open()
        return f"http://127.0.0.1:{self._here}"

    def close(self) -> None:
        """Close it, if it is open."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _open(self) -> None:
        # A file, since it writes a line for every connection, which nobody reads.
        with tempfile.NamedTemporaryFile("w") as output:
            self._process = process = subprocess.Popen(
                [*self._command, f"{self._here}:{self._port}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )

            def ready() -> re.Match[str] | None:
                ended = process.poll() is not None
                printed = Path(output.name).read_text()
                found = _READY.search(printed)
                if ended and not found:
                    raise KubectlError(f"{self._target} cannot be reached: {printed.strip()}")
                return found

            found = until(ready, f"a way to {self._target}", error=KubectlError)
        assert found
        self._here = found[1]
