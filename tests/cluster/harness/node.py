"""The node of a test cluster: containerd, kubelet, kube-proxy, Kubernetes' controllers.

containerd, runc, the CNI plugins and iptables are Debian's. Images are loaded from files, since there is no
registry.
"""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
from pathlib import Path
from typing import Any, Self

import yaml

from tests.cluster.harness import binaries
from tests.cluster.harness.api_server import ApiServer
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.made_node import MadeNode
from tests.cluster.harness.namespaces import BRIDGE, GATEWAY, PODS, Namespaces
from tests.cluster.harness.processes import Processes
from tests.cluster.harness.static_image import static_image
from tests.polling import until

NODE = "brume-test"
CLUSTER_DOMAIN = "cluster.local"
DNS = "10.96.0.10"
"""The address of the service that pods ask for names."""
PAUSE = "docker.io/brume-test/pause:1"
"""The image whose only process holds a pod's namespaces open."""
_PAUSE_PROGRAM = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n"
_CGROUP = "brume-test"
_CGROUPS = Path("/sys/fs/cgroup")
_VOLUMES = 8
_SECONDS_TO_LEAVE = 30.0


class Node(MadeNode):
    """The node, and the API server that it belongs to."""

    api: ApiServer
    way = "a node of the tests' own"
    signs_kubelet = True

    def __init__(self, folder: Path) -> None:
        """Make the namespaces that it runs in. Raises `Unavailable` where that cannot be."""
        self._plugins = _plugins()
        for program, package in (("containerd", "containerd"), ("runc", "runc"), ("iptables", "iptables")):
            binaries.system(program, package=package)
        self.folder = folder
        self.namespaces = Namespaces()
        self.processes = Processes(folder, self.namespaces.prefix)
        self.api = ApiServer(folder, self.processes, host=GATEWAY, port=6443)
        self._socket = folder / "containerd.sock"

    def start(self) -> Self:
        """Start everything, and wait until the node is ready for pods. Raises `Unavailable`."""
        try:
            # What programs write where the machine keeps its own: for them alone, and gone with them.
            for place in ("/run", "/var/log", "/var/lib"):
                self.namespaces.run("mount", "-t", "tmpfs", "tmpfs", place)
            self.api.start()
            self._start_controllers()
            self._start_containerd()
            self.load_image(self._pause())
            _make_cgroups()
            self.start_kubelet()
            self._start_proxy()
            self.api.apply(self._volumes())
        except BaseException:
            self.close()
            raise
        return self

    def start_kubelet(self) -> None:
        """Start the kubelet, again perhaps, and wait until the node is ready."""
        file = self.folder / "kubelet.yaml"
        file.write_text(yaml.safe_dump(self._kubelet_configuration()))
        self.processes.start(
            "kubelet",
            [
                binaries.folder("kubernetes") / "kubelet",
                *("--config", file, "--root-dir", self.folder / "kubelet"),
                *("--kubeconfig", self.api.kubeconfig_for(f"system:node:{NODE}", ["system:nodes"])),
                *("--hostname-override", NODE, "--node-ip", GATEWAY),
            ],
            ready=self._is_ready,
            seconds=120,
        )

    def load_image(self, tar: Path) -> None:
        """Load the images in a file that `docker save` could have written."""
        self.namespaces.run(
            binaries.system("ctr", package="containerd"),
            *("--address", self._socket, "--namespace", "k8s.io", "images", "import", tar),
        )

    def versions(self) -> dict[str, str]:
        """Return the version of each part, as it reports it."""
        runc = self.namespaces.run("runc", "--version").split("\n")[0].split()[-1]
        return {**self.api.versions(), **self.api.node_versions(), "runc": runc}

    def close(self) -> None:
        """End everything that runs on the node, and the node."""
        # Those on the outside of the namespaces wait for those inside: all at once is quicker.
        self.namespaces.close()
        self.processes.stop()
        _remove_cgroups()

    def _is_ready(self) -> bool:
        conditions = self.api.get("node", NODE)["status"]["conditions"]
        return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)

    def _start_controllers(self) -> None:
        programs = binaries.folder("kubernetes")
        administrator = ["--kubeconfig", str(self.api.kubeconfig), "--leader-elect=false"]
        certificates = self.api.certificates
        self.processes.start(
            "kube-controller-manager",
            [
                programs / "kube-controller-manager",
                *administrator,
                *("--service-account-private-key-file", certificates.folder / "service-accounts.key"),
                *("--root-ca-file", certificates.authority, "--use-service-account-credentials"),
                # A node that is silent is given up sooner than the usual 40 s.
                *("--node-monitor-period=2s", "--node-monitor-grace-period=20s"),
            ],
        )
        self.processes.start("kube-scheduler", [programs / "kube-scheduler", *administrator])

    def _start_containerd(self) -> None:
        file = self.folder / "containerd.toml"
        file.write_text(self._containerd_configuration())
        network = {
            "cniVersion": "1.0.0",
            "name": "brume-test",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": BRIDGE,
                    "isGateway": True,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": PODS, "gateway": GATEWAY}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                }
            ],
        }
        (self.folder / "cni").mkdir()
        (self.folder / "cni" / "10-brume.conflist").write_text(json.dumps(network))
        program = binaries.system("containerd", package="containerd")
        self.processes.start("containerd", [program, "--config", file], ready=self._socket.exists)

    def _containerd_configuration(self) -> str:
        cri = 'plugins."io.containerd.grpc.v1.cri"'
        return f"""\
version = 2
root = "{self.folder}/containerd"
state = "/run/containerd"
[grpc]
address = "{self._socket}"
[{cri}]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
[{cri}.cni]
bin_dir = "{self._plugins}"
conf_dir = "{self.folder}/cni"
"""

    def _kubelet_configuration(self) -> dict[str, Any]:
        certificate, key = self.api.certificates.issue(f"kubelet-{NODE}", hosts=[GATEWAY, NODE])
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.api.certificates.authority)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(certificate),
            "tlsPrivateKeyFile": str(key),
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "podLogsDir": str(self.folder / "logs"),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{_CGROUP}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "resolvConf": "",
            "clusterDNS": [DNS],
            "clusterDomain": CLUSTER_DOMAIN,
            "nodeStatusUpdateFrequency": "4s",
            # The disk is the machine's, and its images are only loaded once.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
            },
        }

    def _start_proxy(self) -> None:
        self.processes.start(
            "kube-proxy",
            [
                binaries.folder("kubernetes") / "kube-proxy",
                *("--kubeconfig", self.api.kubeconfig_for("system:kube-proxy", ["system:node-proxier"])),
                *("--hostname-override", NODE, "--bind-address", GATEWAY, "--cluster-cidr", PODS),
                *("--proxy-mode=iptables", "--healthz-bind-address=127.0.0.1:10256"),
                # These settings are the whole machine's, and not to be changed from here.
                *("--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0"),
                *("--conntrack-tcp-timeout-close-wait=0",),
            ],
            ready=lambda: "KUBE-SERVICES" in self.namespaces.run("iptables-save", "-t", "nat"),
        )

    def _pause(self) -> Path:
        program = self.folder / "pause"
        compiler = binaries.system("cc", "gcc", package="gcc libc6-dev")
        subprocess.run(
            [compiler, "-static", "-Os", "-x", "c", "-o", program, "-"],
            input=_PAUSE_PROGRAM.encode(),
            check=True,
        )
        return static_image(self.folder / "pause.tar", PAUSE, {"/pause": program}, ["/pause"])

    def _volumes(self) -> list[dict[str, Any]]:
        """Return volumes that claims of no storage class find; like a disk, each belongs to the node."""
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
        volumes = []
        for number in range(_VOLUMES):
            path = self.folder / "volumes" / str(number)
            path.mkdir(parents=True)
            volumes.append(
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolume",
                    "metadata": {"name": f"disk-{number}"},
                    "spec": {
                        "capacity": {"storage": "100Gi"},
                        "accessModes": ["ReadWriteOnce"],
                        "local": {"path": str(path)},
                        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
                    },
                }
            )
        return volumes


def _plugins() -> Path:
    for place in (Path("/usr/lib/cni"), Path("/opt/cni/bin")):
        if (place / "bridge").exists():
            return place
    raise Unavailable("the CNI plugins are not here: apt-get install containernetworking-plugins")


def _roots() -> list[Path]:
    """Return the roots of the control groups: version 2 has one, version 1 one for each controller."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [path for path in _CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]


def _make_cgroups() -> None:
    for root in _roots():
        (root / _CGROUP).mkdir(exist_ok=True)
        if root == _CGROUPS:
            controllers = (root / "cgroup.controllers").read_text().split()
            (root / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))
        if root.name == "cpuset":
            for setting in ("cpuset.cpus", "cpuset.mems"):
                (root / _CGROUP / setting).write_text((root / setting).read_text())


def _remove_cgroups() -> None:
    for root in _roots():
        groups = [root / _CGROUP, *(root / _CGROUP).rglob("*/")] if (root / _CGROUP).exists() else []
        for group in sorted(groups, reverse=True):
            until(functools.partial(_removed, group), f"{group} to be empty", seconds=_SECONDS_TO_LEAVE)


def _removed(group: Path) -> bool:
    with contextlib.suppress(OSError):  # what was killed may take a moment to leave it
        group.rmdir()
    return not group.exists()
