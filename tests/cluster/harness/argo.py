"""Argo Workflows, which runs the steps of Kubeflow Pipelines."""

from __future__ import annotations

from tests.cluster.harness import binaries, upstream
from tests.cluster.harness.made_node import MadeNode
from tests.cluster.harness.static_image import static_image

MODULE = "github.com/argoproj/argo-workflows/v3"
CONTROLLER = "workflow-controller"
_EXECUTOR = "argoexec"
_NAME = "argo"


def version() -> str:
    """Return the version that is pinned."""
    return binaries.version(_NAME, MODULE)


def load_images(node: MadeNode) -> None:
    """Load the images of both programs."""
    for name in (CONTROLLER, _EXECUTOR):
        program = {f"/bin/{name}": binaries.folder(_NAME) / name}
        tar = static_image(
            node.folder / f"{name}.tar", f"docker.io/{_image(name)}", program, [f"/bin/{name}"]
        )
        node.load_image(tar)


def objects(node: MadeNode, namespace: str) -> list[upstream.Object]:
    """Return the objects of its own manifests, for the workflows of one namespace.

    Its configuration is not among them, and no user interface.
    """
    manifests = binaries.module_dir(_NAME, MODULE) / "manifests" / "namespace-install"
    kept = [
        item
        for item in upstream.without(upstream.kustomized(node.api, manifests), ["ConfigMap"])
        if not item["metadata"]["name"].startswith("argo-server")
    ]
    for item in upstream.without(kept, ["CustomResourceDefinition", "PriorityClass"]):
        item["metadata"]["namespace"] = namespace
    controller = upstream.the(kept, "Deployment", CONTROLLER)["spec"]["template"]["spec"]["containers"][0]
    controller["image"] = _image(CONTROLLER)
    controller["args"] = ["--namespaced", "--executor-image", _image(_EXECUTOR)]
    return kept


def _image(name: str) -> str:
    return f"brume-test/{name}:{version()}"
