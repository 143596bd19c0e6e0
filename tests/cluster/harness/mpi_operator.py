"""The MPI operator, which runs MPIJobs, beside the API server."""

from __future__ import annotations

from tests.cluster.harness import binaries, upstream
from tests.cluster.harness.accounts import kubeconfig_of
from tests.cluster.harness.api_server import Api, OperatedApi

MODULE = "github.com/kubeflow/mpi-operator"
_NAME = "mpi-operator"


def version() -> str:
    """Return the version that is pinned."""
    return binaries.version(_NAME, MODULE)


def install(api: Api) -> None:
    """Install the definition of MPIJobs, the operator's account and what it may do."""
    overlay = binaries.module_dir(_NAME, MODULE) / "manifests" / "overlays" / "standalone"
    upstream.install(api, upstream.without(upstream.kustomized(api, overlay), ["Deployment"]))


def start(api: OperatedApi) -> None:
    """Install and start it, and wait until it works. Raises `Unavailable`.

    It listens on port 8080 of all addresses, for its own health; that cannot be changed.
    """
    install(api)
    kubeconfig = kubeconfig_of(api, _NAME, _NAME, api.folder / f"{_NAME}.kubeconfig")
    api.processes.start(
        _NAME,
        [
            *(binaries.folder(_NAME) / "mpi-operator", "-kubeConfig", kubeconfig),
            *("-alsologtostderr", f"-lock-namespace={_NAME}"),
        ],
        # It elects a leader even where it is alone.
        ready=lambda: bool(api.get("lease", _NAME, "--namespace", _NAME)["spec"]["holderIdentity"]),
    )
