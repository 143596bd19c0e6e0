"""Kubeflow Pipelines from its own manifests: API server, controllers, and their needs.

They are pods, since they know no other way to the Kubernetes API. What its manifests bring as images of
others runs beside the cluster instead: the database (`database.py`) and the metadata (`metadata_store.py`).
Its S3 server is the test cluster's. Left out are the user interface, and what serves pipelines of version 1.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.cluster.harness import argo, binaries, database, metadata_store, upstream
from tests.cluster.harness.made_node import MadeNode
from tests.cluster.harness.object_store import ObjectStore
from tests.cluster.harness.static_image import static_image

MODULE = "github.com/kubeflow/pipelines"
NAMESPACE = "kubeflow"
SERVICE = "ml-pipeline"
PORT = 8888
RUNNER = "pipeline-runner"
"""The Role with the rights that every step needs, and the account that has it."""
_NAME = "kubeflow-pipelines"
_API_SERVER = "kubeflow-pipelines-api"
_CONTROLLERS = {
    # Deployment: what it starts; NAMESPACE is a variable of the container.
    SERVICE: ["/bin/apiserver", "--config=/config", "--sampleconfig=/config/samples.json", "-logtostderr"],
    "ml-pipeline-persistenceagent": ["/bin/persistence", "--logtostderr", "--namespace=$(NAMESPACE)"],
    "ml-pipeline-scheduledworkflow": ["/bin/scheduledworkflow", "--logtostderr", "--namespace=$(NAMESPACE)"],
}
_BESIDE = {"mysql": database.PORT, "metadata-grpc-service": metadata_store.PORT}
_KEPT = {
    *(f"{name}{end}" for name in (*_CONTROLLERS, RUNNER) for end in ("", "-role", "-binding")),
    *("kfp-launcher", "metadata-grpc-configmap", "pipeline-install-config", "workflow-controller-configmap"),
    *("mlpipeline-minio-artifact", "mysql-secret"),
    "ml-pipeline-visualizationserver",  # a Service that leads nowhere: the API server will not start without
}


def start(node: MadeNode) -> None:
    """Start it in a cluster that has DNS and the S3 server, and wait until it runs. Raises `Unavailable`."""
    names = (NAMESPACE, "scheduledworkflows.kubeflow.org")
    objects = [
        *(
            item
            for item in _kustomized(node, "cluster-scoped-resources")
            if item["metadata"]["name"] in names
        ),
        *argo.objects(node, NAMESPACE),
        *_objects(node),
    ]
    # Services first: a program that connects before its node knows the way waits for minutes.
    upstream.install(node.api, upstream.without(objects, ["Deployment"]))
    _load_images(node)
    database.start(node.api.processes, node.api.host)
    metadata_store.start(node.api.processes, node.api.host)
    upstream.install(node.api, [item for item in objects if item["kind"] == "Deployment"])
    for name in (argo.CONTROLLER, *_CONTROLLERS):
        upstream.wait_for_rollout(node.api, "deployment", name, NAMESPACE)


def versions() -> dict[str, str]:
    """Return the version of each part."""
    return {
        "Kubeflow Pipelines": (_source() / "VERSION").read_text().strip(),
        "Argo Workflows": argo.version(),
        "ML Metadata (its store, behind a server of the tests' own)": metadata_store.VERSION,
        "MariaDB": database.version(),
    }


def _load_images(node: MadeNode) -> None:
    argo.load_images(node)
    programs = binaries.folder(_NAME)
    api_server = binaries.folder(_API_SERVER) / "apiserver"
    samples = node.folder / "samples.json"
    samples.write_text("[]")

    def image(name: str, files: Mapping[str, Path]) -> None:
        tar = static_image(
            node.folder / f"{name}.tar", f"docker.io/{_image(name)}", files, [next(iter(files))]
        )
        node.load_image(tar)

    config = _source() / "backend" / "src" / "apiserver" / "config" / "config.json"
    api_files = {"/bin/apiserver": api_server, "/config/config.json": config, "/config/samples.json": samples}
    image(SERVICE, api_files | {str(library): library for library in _libraries(api_server)})
    for deployment, command in _CONTROLLERS.items():
        if deployment != SERVICE:
            image(deployment, {command[0]: programs / Path(command[0]).name})
    image("driver", {"/bin/driver": programs / "adapter", "/bin/kfp-driver": programs / "driver"})
    image("launcher", {"/bin/launcher-v2": programs / "launcher-v2"})


def _objects(node: MadeNode) -> Iterator[upstream.Object]:
    for item in _kustomized(node, "env/platform-agnostic"):
        kind, name = item["kind"], item["metadata"]["name"]
        if kind == "Service" and name in _BESIDE:
            del item["spec"]["selector"]
            yield _endpoints(item, node.api.host)
        elif name not in _KEPT or (kind == "Deployment" and name not in _CONTROLLERS):
            continue
        elif kind == "Deployment":
            _adapt(item)
        elif name == "workflow-controller-configmap":
            del item["data"]["containerRuntimeExecutor"]  # the Argo of today has one way, and no such word
        elif name == "mlpipeline-minio-artifact":
            item["stringData"] = {"accesskey": ObjectStore.key, "secretkey": ObjectStore.secret}
        elif kind == "Role" and name == RUNNER:
            # As its later versions have it: today's Argo has a step report its results so.
            results = {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"]}
            item["rules"].append(results | {"verbs": ["create", "patch"]})
        yield item


def _adapt(deployment: upstream.Object) -> None:
    """Let a Deployment run the image made here, which has no shell, on a node that is small."""
    name = deployment["metadata"]["name"]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container |= {"image": _image(name), "command": _CONTROLLERS[name]}
    container.pop("resources", None)
    if name == SERVICE:
        del container["livenessProbe"], container["startupProbe"]
        probe = {"httpGet": {"path": "/apis/v2beta1/healthz", "port": PORT}, "periodSeconds": 1}
        container["readinessProbe"] = probe
        variables = {
            "V2_DRIVER_IMAGE": _image("driver"),
            "V2_LAUNCHER_IMAGE": _image("launcher"),
            "MINIO_SERVICE_REGION": "minio",  # as its launcher, which can do no other
        }
        container["env"] += [{"name": name, "value": value} for name, value in variables.items()]


def _endpoints(service: upstream.Object, host: str) -> upstream.Object:
    """Return what leads a Service to a program beside the cluster."""
    name = service["metadata"]["name"]
    labels = {"kubernetes.io/service-name": name}
    port = {"name": service["spec"]["ports"][0].get("name", ""), "port": _BESIDE[name]}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host]}],
        "ports": [port],
    }


def _image(name: str) -> str:
    return f"brume-test/kfp-{name}:{binaries.version(_NAME, MODULE)}"


def _kustomized(node: MadeNode, name: str) -> list[upstream.Object]:
    return upstream.kustomized(node.api, _source() / "manifests" / "kustomize" / name)


def _source() -> Path:
    return binaries.module_dir(_NAME, MODULE)


def _libraries(program: Path) -> list[Path]:
    """Return the shared libraries that a program loads."""
    output = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [Path(word) for word in output.split() if word.startswith("/")]
