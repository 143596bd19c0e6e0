"""Acting as a service account of the cluster: with its own token, so with its own rights."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cluster.harness.api_server import Api


def kubeconfig_of(api: Api, account: str, namespace: str, file: Path) -> Path:
    """Write the kubeconfig of a service account to `file`; returns it. Its token is good for a day."""
    token = api.kubectl("create", "token", account, "--namespace", namespace, "--duration=24h").strip()
    content = yaml.safe_load(api.kubeconfig.read_text())
    cluster = content["clusters"][0]["name"]
    content["users"] = [{"name": account, "user": {"token": token}}]
    content["contexts"] = [{"name": account, "context": {"cluster": cluster, "user": account}}]
    content["current-context"] = account
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content))
    return file
