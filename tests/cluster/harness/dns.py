"""CoreDNS, by which pods find services: Kubernetes' own add-on, with an image made here."""

from __future__ import annotations

import string

from tests.cluster.harness import binaries, upstream
from tests.cluster.harness.node import CLUSTER_DOMAIN, DNS, Node
from tests.cluster.harness.static_image import static_image

MODULE = "github.com/coredns/coredns"
_NAME = "coredns"
# Nothing outside can be asked for: the node is alone, and answers at once that there is no such name.
_COREFILE = f"""\
{CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {{
    errors
    health
    ready
    kubernetes
}}
. {{
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def version() -> str:
    """Return the version that is pinned."""
    return binaries.version(_NAME, MODULE)


def start(node: Node) -> None:
    """Start it in the cluster, and wait until it answers."""
    image = f"brume-test/{_NAME}:{version()}"
    # As root, with no capability but the one that the add-on asks for, to listen on port 53: another user
    # would need it written on the program.
    program = {f"/{_NAME}": binaries.folder(_NAME) / _NAME}
    tar = static_image(node.folder / f"{_NAME}.tar", f"docker.io/{image}", program, [f"/{_NAME}"], user=0)
    node.load_image(tar)
    addons = binaries.module_dir("kubernetes", "k8s.io/kubernetes") / "cluster" / "addons"
    text = string.Template((addons / "dns" / "coredns" / "coredns.yaml.sed").read_text()).substitute(
        DNS_DOMAIN=CLUSTER_DOMAIN, DNS_SERVER_IP=DNS, DNS_MEMORY_LIMIT="170Mi"
    )
    objects = upstream.parsed(text)
    upstream.the(objects, "ConfigMap", _NAME)["data"]["Corefile"] = _COREFILE
    deployment = upstream.the(objects, "Deployment", _NAME)
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image
    upstream.install(node.api, objects)
    upstream.wait_for_rollout(node.api, "deployment", _NAME, "kube-system")
