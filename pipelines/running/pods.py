"""What the pod of a step gets on a cluster; a local run ignores it."""

from __future__ import annotations

from typing import Any

from brume.cluster.images import environment

ENDPOINTS = "brume-endpoints"  # ConfigMap, manifests/base
STORAGE = "brume-s3"  # Secret, made by the cluster's administrator
_SETTINGS = (
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_ATHENA",
    "AWS_ENDPOINT_URL_LOOKOUTVISION",
    "AWS_ENDPOINT_URL_BRUMEINSPECTION",
    "AWS_ENDPOINT_URL_BRUMERECORDS",
    "AWS_ENDPOINT_URL_COMPREHENDMEDICAL",
    "AWS_ENDPOINT_URL_HEALTHLAKE",
    "AWS_ENDPOINT_URL_KENDRA",
    "AWS_ENDPOINT_URL_NEPTUNEDATA",
    "AWS_ENDPOINT_URL_POLLY",
    "AWS_ENDPOINT_URL_TRANSCRIBE",
    "AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING",
    "AWS_DEFAULT_REGION",
)
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def pod(task: Any, *, cpu: str, memory: str) -> Any:
    """Give a step's pod its share of a node, the endpoints and credentials, and the names of the images.

    A step may use `cpu`, and is promised a quarter of it: while it waits for AWS or for pods of its own it
    needs next to nothing, and a step of two CPUs finds a place on a node of two, where others are already.
    Memory, which cannot be taken back, is promised whole. Both the ConfigMap and the Secret are optional: on
    AWS the service account's role answers instead.
    """
    from kfp import kubernetes
    from kfp.dsl import structures

    # Not by the task's setters: each of them reads the source of all its callers, 15 ms a call.
    task.container_spec.resources = structures.ResourceSpec(
        cpu_request=_quarter(cpu), cpu_limit=cpu, memory_request=memory, memory_limit=memory
    )
    task.container_spec.env = {**(task.container_spec.env or {}), **environment()}
    same_names = {name: name for name in _SETTINGS}
    kubernetes.use_config_map_as_env(task, ENDPOINTS, same_names, optional=True)
    kubernetes.use_secret_as_env(task, STORAGE, {name: name for name in _KEYS}, optional=True)
    return task


def _quarter(cpu: str) -> str:
    """Return a quarter of a Kubernetes quantity ("2", "500m")."""
    thousandths = int(cpu[:-1]) if cpu.endswith("m") else int(cpu) * 1000
    return f"{thousandths // 4}m"
