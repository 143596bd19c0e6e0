"""A cluster that is there already, and may be used for the tests."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cluster.harness.api_server import Api, KubectlError
from tests.cluster.harness.binaries import Unavailable

ALLOWED = "BRUME_TEST_CLUSTER"
WAY = "the cluster of KUBECONFIG"
"""What it is called in the report."""


def kubeconfig() -> Path | None:
    """Return the kubeconfig of the cluster that the tests may use; None: they make their own.

    Raises `Unavailable` when they may, and there is none.
    """
    if os.environ.get(ALLOWED) != "1":
        return None
    file = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if not file.exists():
        raise Unavailable(f"{ALLOWED}=1 says that the tests may use a cluster, and there is no {file}")
    return file


def require(api: Api, *which: str) -> None:
    """Raise `Unavailable` when the cluster lacks an object."""
    try:
        api.kubectl("get", *which)
    except KubectlError as error:
        raise Unavailable(f"the cluster of KUBECONFIG has no {' '.join(which)}: {error}") from error
