"""metrics-server, which measures what pods use: its manifests, with an image made here."""

from __future__ import annotations

from tests.cluster.harness import binaries, upstream
from tests.cluster.harness.made_node import MadeNode
from tests.cluster.harness.static_image import static_image

MODULE = "sigs.k8s.io/metrics-server"
_NAME = "metrics-server"


def version() -> str:
    """Return the version that is pinned."""
    return binaries.version(_NAME, MODULE)


def start(node: MadeNode) -> None:
    """Start it in the cluster, and wait until it reports what nodes use. Raises `Unavailable`."""
    image = f"brume-test/{_NAME}:{version()}"
    program = {f"/{_NAME}": binaries.folder(_NAME) / _NAME}
    tar = static_image(node.folder / f"{_NAME}.tar", f"docker.io/{image}", program, [f"/{_NAME}"])
    node.load_image(tar)
    overlay = binaries.module_dir(_NAME, MODULE) / "manifests" / "overlays" / "release"
    objects = upstream.kustomized(node.api, overlay)
    container = upstream.the(objects, "Deployment", _NAME)["spec"]["template"]["spec"]["containers"][0]
    container["image"] = image
    if not node.signs_kubelet:
        container["args"].append("--kubelet-insecure-tls")
    # It has asked twice when it is ready, which takes long enough.
    container["readinessProbe"].update(initialDelaySeconds=0, periodSeconds=1)
    upstream.install(node.api, objects)
    upstream.wait_for_rollout(node.api, "deployment", _NAME, "kube-system")
    node.api.kubectl(
        "wait", "--for=condition=Available", "--timeout=60s", "apiservice/v1beta1.metrics.k8s.io"
    )
