"""A Kubernetes API server of the tests' own: etcd and kube-apiserver with certificates."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from kubernetes import client, config

from tests.cluster.harness import binaries, ports
from tests.cluster.harness.certificates import Certificates
from tests.cluster.harness.processes import Processes

ADMINISTRATORS = "system:masters"
SERVICES = "10.96.0.0/16"
_FIRST_SERVICE = "10.96.0.1"


class KubectlError(RuntimeError):
    """A kubectl command that failed, with kubectl's message."""


class Api:
    """A Kubernetes API, reached as its administrator by the file `kubeconfig`."""

    def __init__(self, kubeconfig: Path) -> None:
        """Reach nothing yet."""
        self.kubeconfig = kubeconfig

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl and return its output. Raises `KubectlError` with its message when it fails."""
        kubectl = binaries.folder("kubernetes") / "kubectl"
        done = subprocess.run(
            [kubectl, "--kubeconfig", self.kubeconfig, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def apply(self, objects: Iterable[Mapping[str, Any]] | str) -> str:
        """Apply objects, or the YAML of some, as they are: an unknown field is an error."""
        text = objects if isinstance(objects, str) else yaml.safe_dump_all(objects)
        return self.kubectl(
            "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-", stdin=text
        )

    def get(self, *arguments: str) -> Any:
        """Return the JSON output of `kubectl get`."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def client(self) -> client.ApiClient:
        """Return a new client of the `kubernetes` library."""
        return config.new_client_from_config(config_file=str(self.kubeconfig))

    @property
    def version(self) -> str:
        """Return the server's version."""
        return str(json.loads(self.kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"])

    def node_versions(self) -> dict[str, str]:
        """Return the version of each part of the first node, as the node reports it."""
        node = self.get("nodes")["items"][0]["status"]["nodeInfo"]
        runtime, _, version = str(node["containerRuntimeVersion"]).partition("://")
        return {"kubelet": node["kubeletVersion"], runtime: version, "kernel": node["kernelVersion"]}


class OperatedApi(Api):
    """The API of a cluster of the tests: operators run beside it as `processes`.

    It calls them at `host`, an address of theirs, with certificates that the tests' authority signs.
    """

    def __init__(self, folder: Path, processes: Processes, host: str) -> None:
        """Reach nothing yet: `folder / "kubeconfig"` may come later."""
        super().__init__(folder / "kubeconfig")
        self.folder = folder
        self.processes = processes
        self.host = host
        self.certificates = Certificates(folder / "certificates")


class ApiServer(OperatedApi):
    """The API server that listens at `host`, whose parts run as `processes`.

    Pods need a host that is not the loopback; without one it
    holds objects and judges them, which takes no privileges.
    """

    def __init__(self, folder: Path, processes: Processes, host: str = "127.0.0.1", port: int = 0) -> None:
        """Start nothing yet."""
        super().__init__(folder, processes, host)
        self.port = port or ports.free()

    @property
    def address(self) -> str:
        """Return the URL of the API."""
        return f"https://{self.host}:{self.port}"

    def start(self) -> Self:
        """Start etcd and the API server, and wait until it is ready."""
        store = f"http://127.0.0.1:{ports.free()}"
        self.processes.start(
            "etcd",
            [
                binaries.system("etcd", package="etcd-server"),
                *("--data-dir", self.folder / "etcd", "--unsafe-no-fsync"),
                *("--listen-client-urls", store, "--advertise-client-urls", store),
                *("--listen-peer-urls", f"http://127.0.0.1:{ports.free()}"),
            ],
            # The API server waits for it.
        )
        self._write_kubeconfig(self.kubeconfig, "administrator", [ADMINISTRATORS])
        self.processes.start("kube-apiserver", self._command(store), ready=self._is_ready)
        return self

    def versions(self) -> dict[str, str]:
        """Return the version of each part, as it reports it."""
        etcd = subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=True).stdout
        return {"kube-apiserver": self.version, "etcd": etcd.split("\n")[0].split()[-1]}

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return the kubeconfig of a user with a certificate; what it may do is up to roles."""
        file = self.folder / f"{user.replace(':', '-')}.kubeconfig"
        self._write_kubeconfig(file, user, groups)
        return file

    def _command(self, store: str) -> list[str | Path]:
        issue = self.certificates.issue
        names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        certificate, key = issue("kube-apiserver", hosts=[*names, "127.0.0.1", self.host, _FIRST_SERVICE])
        kubelet_certificate, kubelet_key = issue("kube-apiserver-kubelet-client", groups=[ADMINISTRATORS])
        proxy_certificate, proxy_key = issue("front-proxy-client")
        tokens = self.certificates.signing_key("service-accounts")
        authority = self.certificates.authority
        alone = self.host == "127.0.0.1"
        settings = {
            "etcd-servers": store,
            "bind-address": "127.0.0.1" if alone else "0.0.0.0",
            "advertise-address": self.host,
            "endpoint-reconciler-type": "none" if alone else "lease",
            "secure-port": self.port,
            "tls-cert-file": certificate,
            "tls-private-key-file": key,
            "client-ca-file": authority,
            "kubelet-client-certificate": kubelet_certificate,
            "kubelet-client-key": kubelet_key,
            "kubelet-certificate-authority": authority,
            "kubelet-preferred-address-types": "InternalIP",
            "requestheader-client-ca-file": authority,
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": proxy_certificate,
            "proxy-client-key-file": proxy_key,
            "enable-aggregator-routing": "true",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": tokens,
            "service-account-signing-key-file": tokens,
            "service-cluster-ip-range": SERVICES,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true",
            # Debian's etcd reports no progress of watches, without which these would fail.
            "feature-gates": "WatchList=false",
            # Pods of a node that is gone are given up after these seconds, not after five minutes.
            "default-not-ready-toleration-seconds": "10",
            "default-unreachable-toleration-seconds": "10",
        }
        program = binaries.folder("kubernetes") / "kube-apiserver"
        return [program, *(f"--{name}={value}" for name, value in settings.items())]

    def _is_ready(self) -> bool:
        trusted = ssl.create_default_context(cafile=str(self.certificates.authority))
        with urllib.request.urlopen(f"{self.address}/readyz", context=trusted, timeout=5) as answer:
            return bool(answer.status == 200)

    def _write_kubeconfig(self, file: Path, user: str, groups: Sequence[str]) -> None:
        certificate, key = self.certificates.issue(user, groups=groups)
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "brume-test",
                    "cluster": {
                        "server": self.address,
                        "certificate-authority": str(self.certificates.authority),
                    },
                }
            ],
            "users": [
                {
                    "name": user,
                    "user": {"client-certificate": str(certificate), "client-key": str(key)},
                }
            ],
            "contexts": [{"name": user, "context": {"cluster": "brume-test", "user": user}}],
            "current-context": user,
        }
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(content))
