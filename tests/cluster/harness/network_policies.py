"""kube-network-policies, which enforces NetworkPolicies: its DaemonSet, an image made here.

The kernel hands it the first packet of each connection to judge. It asks for that by nftables' `queue`, which
not every kernel has; here iptables' NFQUEUE asks for the same, for the same program, on every kernel alike.
These rules end with the node's network.
"""

from __future__ import annotations

from tests.cluster.harness import binaries, upstream
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.namespaces import PODS
from tests.cluster.harness.node import Node
from tests.cluster.harness.static_image import static_image
from tests.polling import until

MODULE = "sigs.k8s.io/kube-network-policies"
_NAME = "kube-network-policies"
_MODULE_NAME = "network-policies"
_PROGRAM = "/bin/netpol"
_QUEUE = "98"  # as in its DaemonSet
_SECONDS = 30.0
_RULES = (
    # The kubelet asks after the health of pods that let nobody else in.
    ["-m", "owner", "--uid-owner", "0", "-j", "RETURN"],
    ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "RETURN"],
    ["-s", PODS, "-j", "NFQUEUE", "--queue-num", _QUEUE],
    ["-d", PODS, "-j", "NFQUEUE", "--queue-num", _QUEUE],
)


def version() -> str:
    """Return the version that is pinned."""
    return binaries.version(_MODULE_NAME, MODULE)


def start(node: Node) -> None:
    """Start it on the node; from then on policies hold. Raises `Unavailable`, as where the kernel cannot."""
    image = f"brume-test/{_NAME}:{version()}"
    program = {_PROGRAM: binaries.folder(_MODULE_NAME) / "cmd"}
    node.load_image(static_image(node.folder / f"{_NAME}.tar", f"docker.io/{image}", program, [], user=0))
    objects = upstream.parsed((binaries.module_dir(_MODULE_NAME, MODULE) / "install.yaml").read_text())
    daemons = upstream.the(objects, "DaemonSet", _NAME)
    daemons["spec"]["template"]["spec"]["containers"][0]["image"] = image
    upstream.install(node.api, objects)
    upstream.wait_for_rollout(node.api, "daemonset", _NAME, "kube-system")
    _wait_for_queue(node)
    node.namespaces.run("iptables", "-t", "mangle", "-N", "BRUME-POLICIES")
    for rule in _RULES:
        node.namespaces.run("iptables", "-t", "mangle", "-A", "BRUME-POLICIES", *rule)
    # After the address of a service has become a pod's, before a pod's has become the node's.
    node.namespaces.run("iptables", "-t", "mangle", "-A", "POSTROUTING", "-j", "BRUME-POLICIES")


def _wait_for_queue(node: Node) -> None:
    def listens() -> bool:
        queues = node.namespaces.run("cat", "/proc/net/netfilter/nfnetlink_queue")
        return any(line.split()[0] == _QUEUE for line in queues.splitlines())

    def described() -> str:
        log = node.api.kubectl("logs", f"daemonset/{_NAME}", "--namespace", "kube-system", "--tail=15")
        return f"{_NAME} takes no packets from the kernel:\n{log}"

    until(listens, described, seconds=_SECONDS, pause=0.1, error=Unavailable)
