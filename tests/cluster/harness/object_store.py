"""The S3 server of the test cluster: versitygw in a pod, at the address of overlay `local`.

Kubeflow Pipelines brings a server of this name and these keys. Its launcher signs for the region "minio",
everything else for that of AWS's default, and a versitygw knows one region: two of them share the folder,
as they may. The former's port is the first of the service, by which pods of Kubeflow Pipelines find it.
"""

from __future__ import annotations

from typing import Any

import boto3

from tests.cluster.harness import binaries, upstream
from tests.cluster.harness.api_server import Api
from tests.cluster.harness.forwarding import Forward
from tests.cluster.harness.made_node import MadeNode
from tests.cluster.harness.static_image import static_image

MODULE = "github.com/versity/versitygw"
NAMESPACE = "kubeflow"
SERVICE = "minio-service"
BUCKET = "mlpipeline"
_NAME = "versitygw"
_PORT = 9000
_REGION = "us-east-1"
_SERVERS = {"minio": (9001, "minio"), "s3": (_PORT, _REGION)}
_USER = 65532


def version() -> str:
    """Return the version that is pinned."""
    return binaries.version(_NAME, MODULE)


class ObjectStore:
    """The server, for programs on this machine; in the cluster: `minio-service.kubeflow`."""

    key = "minio"
    secret = "minio123"

    def __init__(self, api: Api) -> None:
        """Reach nothing yet."""
        self._way = Forward(api, NAMESPACE, f"service/{SERVICE}", _PORT)

    @property
    def endpoint(self) -> str:
        """Return its URL: the same one always, which leads there from when it is asked for."""
        return self._way.url

    def close(self) -> None:
        """Close the way to it."""
        self._way.close()

    def environment(self) -> dict[str, str]:
        """Return the variables by which AWS's clients reach it from this machine."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": _REGION,
        }

    def client(self) -> Any:
        """Return a boto3 client of it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=_REGION,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )


def start(node: MadeNode) -> ObjectStore:
    """Start it in the cluster, and wait until it answers; its bucket is there, and empty."""
    image = f"brume-test/{_NAME}:{version()}"
    program = {f"/{_NAME}": binaries.folder(_NAME) / _NAME}
    tar = static_image(node.folder / f"{_NAME}.tar", f"docker.io/{image}", program, [f"/{_NAME}"], _USER)
    node.load_image(tar)
    upstream.install(node.api, _objects(image))
    upstream.wait_for_rollout(node.api, "deployment", _NAME, NAMESPACE)
    store = ObjectStore(node.api)
    try:
        store.client().create_bucket(Bucket=BUCKET)
    except BaseException:
        store.close()
        raise
    return store


def _objects(image: str) -> list[dict[str, Any]]:
    def of(version: str, kind: str, name: str, **content: Any) -> dict[str, Any]:
        about = {"name": name, "namespace": NAMESPACE, "labels": {"app": _NAME}}
        return {"apiVersion": version, "kind": kind, "metadata": about, **content}

    root = {"ROOT_ACCESS_KEY_ID": ObjectStore.key, "ROOT_SECRET_ACCESS_KEY": ObjectStore.secret}
    ports = [{"name": name, "port": port} for name, (port, _) in _SERVERS.items()]
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_server(image, name, port, region) for name, (port, region) in _SERVERS.items()],
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "attributes", "emptyDir": {}}],
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        of("v1", "Secret", _NAME, stringData=root),
        of("v1", "Service", SERVICE, spec={"selector": {"app": _NAME}, "ports": ports}),
        of(
            "apps/v1",
            "Deployment",
            _NAME,
            spec={
                "selector": {"matchLabels": {"app": _NAME}},
                "template": {"metadata": {"labels": {"app": _NAME}}, "spec": pod},
            },
        ),
    ]


def _server(image: str, name: str, port: int, region: str) -> dict[str, Any]:
    # Attributes of objects in files of their own: not every file system under a node has extended attributes.
    folder = ["posix", "--sidecar", "/attributes", "/data"]
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "Never",
        "args": ["--port", f":{port}", "--region", region, "--health", "/healthz", "--quiet", *folder],
        "envFrom": [{"secretRef": {"name": _NAME}}],
        "ports": [{"name": name, "containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": name}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "attributes", "mountPath": "/attributes"},
        ],
    }
