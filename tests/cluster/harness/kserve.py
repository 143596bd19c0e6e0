"""KServe's controller in Standard mode (plain Deployments), beside the API server.

Its manifests give its certificates to cert-manager and its webhooks to a Service; here the authority of the
test cluster signs, and the API server calls the program by its address.
"""

from __future__ import annotations

import base64
import json
import shutil
import urllib.request
from typing import Any

from tests.cluster.harness import binaries, ports, upstream
from tests.cluster.harness.accounts import kubeconfig_of
from tests.cluster.harness.api_server import OperatedApi
from tests.cluster.harness.upstream import Object

MODULE = "github.com/kserve/kserve"
_NAME = "kserve"
_ACCOUNT = "kserve-controller-manager"
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_REPLACED = ("Deployment", "Service", "Certificate", "Issuer", *_WEBHOOKS)


def version() -> str:
    """Return the version that is pinned."""
    return binaries.version(_NAME, MODULE)


def start(api: OperatedApi) -> None:
    """Install and start it, and wait until it and its webhooks answer. Raises `Unavailable`."""
    overlay = binaries.module_dir(_NAME, MODULE) / "config" / "overlays" / "standalone" / "kserve"
    objects = upstream.kustomized(api, overlay)
    _configure(upstream.the(objects, "ConfigMap", "inferenceservice-config"))
    upstream.install(api, upstream.without(objects, _REPLACED))
    port, health = ports.free(), ports.free()
    scratch = api.folder / _NAME
    # It looks for its certificate there, below its temporary folder.
    place = scratch / "k8s-webhook-server" / "serving-certs"
    place.mkdir(parents=True)
    certificate, key = api.certificates.issue("kserve-webhook", hosts=[api.host])
    shutil.copy(certificate, place / "tls.crt")
    shutil.copy(key, place / "tls.key")
    api.processes.start(
        _NAME,
        [
            *(binaries.folder(_NAME) / "manager", "--metrics-addr=0", f"--webhook-port={port}"),
            f"--health-probe-addr={api.host}:{health}",
        ],
        env={
            "KUBECONFIG": str(kubeconfig_of(api, _ACCOUNT, _NAME, api.folder / f"{_NAME}.kubeconfig")),
            "POD_NAMESPACE": _NAME,
            "TMPDIR": str(scratch),
        },
        ready=lambda: _is_ready(f"http://{api.host}:{health}/readyz"),
    )
    hooks = [found for found in objects if found["kind"] in _WEBHOOKS]
    for configuration in hooks:
        _call_directly(configuration, f"https://{api.host}:{port}", api.certificates.authority.read_bytes())
    upstream.install(api, hooks)


def _configure(configuration: Object) -> None:
    """Set what a cluster without Knative, Istio and an Ingress controller needs."""
    sections: dict[str, str] = configuration["data"]
    changes: dict[str, dict[str, Any]] = {
        "deploy": {"defaultDeploymentMode": "Standard"},
        "ingress": {"disableIstioVirtualHost": True, "disableIngressCreation": True},
    }
    for section, values in changes.items():
        sections[section] = json.dumps(json.loads(sections[section]) | values)


def _call_directly(configuration: Object, address: str, authority: bytes) -> None:
    for hook in configuration["webhooks"]:
        path = hook["clientConfig"]["service"]["path"]
        hook["clientConfig"] = {"url": address + path, "caBundle": base64.b64encode(authority).decode()}


def _is_ready(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
