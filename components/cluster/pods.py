"""What the pods of every job have in common, as plain dictionaries (core/v1 PodSpec)."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from brume.cluster.resources import GPU, Resources

# Both are made by manifests/; a cluster that needs neither (AWS with roles) has neither.
ENDPOINTS, CREDENTIALS = "brume-endpoints", "brume-s3"
# It has no rights in Kubernetes; on AWS it carries the role that may read and write the buckets.
SERVICE_ACCOUNT = "brume-jobs"
USER = 1000  # the user `mpiuser` of the training image; the others run as any


def dns_name(text: str, limit: int = 40) -> str:
    """Return `text` as a DNS-1035 label: lower case letters, digits, hyphens, a letter first.

    40 characters leave room for what operators append (`-worker-12`, `-predictor-5f7c9d-x2x4z`). A name
    that had to be cut ends in a hash of the whole, so that two long names stay two.
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not name[:1].isalpha():
        name = f"x-{name}".rstrip("-")
    if len(name) > limit:
        name = f"{name[: limit - 7].rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    return name


def owners() -> list[dict[str, Any]]:
    """Return the owner references to the pod that this step runs in; none where it is not known.

    Kubernetes deletes what a step created when it deletes the step's pod, even if the step was killed.
    """
    for prefix in ("KFP_POD", "POD"):
        name, uid = os.environ.get(f"{prefix}_NAME"), os.environ.get(f"{prefix}_UID")
        if name and uid:
            return [{"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}]
    return []


def labels(component: str) -> dict[str, str]:
    """Return the labels by which the policies of manifests/ know a pod: one of mpi, job and predictor."""
    return {"app.kubernetes.io/part-of": "brume", "app.kubernetes.io/component": component}


def metadata(name: str, namespace: str, component: str, *, owned: bool, **more: Any) -> dict[str, Any]:
    """Return an object's metadata with this project's labels, and, when `owned`, with its owner.

    What must outlive the step that makes it, as a served model does, is not owned: some installations
    delete a step's pod as soon as it is done.
    """
    found: dict[str, Any] = {"name": name, "namespace": namespace, **more}
    found["labels"] = {**more.get("labels", {}), **labels(component)}
    if owned and (references := owners()):
        found["ownerReferences"] = references
    return found


def container(
    name: str, image: str, command: Sequence[str], resources: Resources, env: Mapping[str, str], **more: Any
) -> dict[str, Any]:
    """Return a container that may do nothing beyond its own work (Pod Security Standard "restricted").

    It writes to /tmp alone.
    Endpoints and credentials come by reference, so that no secret is ever written into an object.
    """
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the pod's own
    if resources.shared_memory:
        mounts.append({"name": "shared-memory", "mountPath": "/dev/shm"})  # noqa: S108 - the pod's own
    return {
        "name": name,
        "image": image,
        "command": list(command),
        "env": [{"name": key, "value": value} for key, value in sorted(env.items())],
        "envFrom": [
            {"configMapRef": {"name": ENDPOINTS, "optional": True}},
            {"secretRef": {"name": CREDENTIALS, "optional": True}},
        ],
        "resources": resources.container(),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": USER,
        },
        "volumeMounts": mounts,
        **more,
    }


def pod_spec(main: Mapping[str, Any], resources: Resources, **more: Any) -> dict[str, Any]:
    """Return the spec of a pod of one container, on the nodes that `resources` asks for."""
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if resources.shared_memory:
        memory = {"medium": "Memory", "sizeLimit": resources.shared_memory}
        volumes.append({"name": "shared-memory", "emptyDir": memory})
    tolerations = [dict(item) for item in resources.tolerations]
    if resources.gpus:  # nodes with devices usually keep other pods away by this taint
        tolerations.append({"key": GPU, "operator": "Exists", "effect": "NoSchedule"})
    spec: dict[str, Any] = {
        "containers": [main],
        "volumes": volumes,
        "serviceAccountName": SERVICE_ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"fsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"}},
        **more,
    }
    if tolerations:
        spec["tolerations"] = tolerations
    if resources.node_selector:
        spec["nodeSelector"] = dict(resources.node_selector)
    return spec
