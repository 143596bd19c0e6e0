"""Linux namespaces of their own, in which the node of a test cluster runs.

Its network (bridge, addresses, firewall), its mounts and its processes end with its first process, however
the tests end. The one thing on the outside is a pair of interfaces, and the routes over it by which the tests
reach pods and services; it too is gone with the namespace that holds its other end.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.harness.api_server import SERVICES
from tests.cluster.harness.binaries import Unavailable, system

GATEWAY = "10.244.0.1"
"""The node's address, on the bridge that its pods are plugged into."""
PODS = "10.244.0.0/24"
BRIDGE = "brume0"
OUTSIDE = "10.243.0.1"
"""The address of the machine that the tests run on, as pods see it."""
_INSIDE = "10.243.0.2"
_INTERFACE = "brume-test"
_SECONDS_TO_END = 60.0
_HERE = Path("/sys/class/net") / _INTERFACE
# A first process that only waits: children that were left to it are reaped because it ignores their end.
_FIRST = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print(flush=True); signal.pause()"


class Namespaces:
    """The namespaces; `prefix` is what takes a command into them."""

    def __init__(self) -> None:
        """Make them. Raises `Unavailable` where this machine does not allow that, or has them already."""
        if sys.platform != "linux" or os.geteuid() != 0:
            raise Unavailable("a node needs Linux, and root: it makes namespaces, mounts and interfaces")
        _remove_interface_of_the_dead()
        setpriv, unshare = (str(system(name, package="util-linux")) for name in ("setpriv", "unshare"))
        own = [
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "--propagation",
            "private",
        ]
        self._first = subprocess.Popen(
            [setpriv, "--pdeathsig", "KILL", "--", unshare, *own, "--", sys.executable, "-c", _FIRST],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._first.stdout
        assert self._first.stderr
        if not self._first.stdout.readline():
            raise Unavailable(f"namespaces cannot be made here: {self._first.stderr.read().strip()}")
        inner = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children").read_text().split()[0]
        self._inner = Path("/proc") / inner
        enter = [
            system("nsenter", package="util-linux"),
            "--target",
            inner,
            "--mount",
            "--net",
            "--pid",
            "--",
        ]
        self.prefix: list[str] = [str(word) for word in enter]
        try:
            self._connect(inner)
        except BaseException:
            self.close()
            raise

    def run(self, *argv: str | Path, stdin: bytes | None = None) -> str:
        """Run a command inside and return its output. Raises `Unavailable` with its message if it fails."""
        return _run([*self.prefix, *argv], stdin)

    def close(self) -> None:
        """End everything inside, and take away what is outside."""
        self._first.kill()
        self._first.wait()
        # The first process inside ends after all others inside have.
        until = time.monotonic() + _SECONDS_TO_END
        while self._inner.exists() and time.monotonic() < until:
            time.sleep(0.05)
        _remove_interface()

    def _connect(self, inner: str) -> None:
        ip = system("ip", package="iproute2")
        pair = ["type", "veth", "peer", "name", "eth0", "netns", inner]
        _run([ip, "link", "add", _INTERFACE, *pair])
        _run([ip, "link", "set", _INTERFACE, "alias", str(self._first.pid)])
        _run([ip, "address", "add", f"{OUTSIDE}/30", "dev", _INTERFACE])
        _run([ip, "link", "set", _INTERFACE, "up"])
        for network in (PODS, SERVICES):
            _run([ip, "route", "add", network, "via", _INSIDE])
        for command in (
            ["address", "add", f"{_INSIDE}/30", "dev", "eth0"],
            ["link", "set", "lo", "up"],
            ["link", "set", "eth0", "up"],
            ["route", "add", "default", "via", OUTSIDE],
            ["link", "add", BRIDGE, "type", "bridge"],
            ["address", "add", f"{GATEWAY}/24", "dev", BRIDGE],
            ["link", "set", BRIDGE, "up"],
        ):
            self.run(ip, *command)
        # The kubelet makes volumes that pods have to see.
        self.run("mount", "--make-rshared", "/")
        self.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        # Pods on one bridge reach a service, and are judged by policies, as if they came from afar.
        self.run("sh", "-c", "echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables")


def _remove_interface() -> None:
    # By itself it would go with the other namespace, which connections that nobody answers hold for minutes.
    if _HERE.exists():
        with contextlib.suppress(Unavailable):  # it has just gone
            _run([system("ip", package="iproute2"), "link", "delete", _INTERFACE])


def _remove_interface_of_the_dead() -> None:
    """Take away what a session left that was killed. Raises `Unavailable` where a session lives."""
    if not _HERE.exists():
        return
    owner = Path("/proc") / (_HERE / "ifalias").read_text().strip() / "cmdline"
    if owner.exists() and _FIRST.encode() in owner.read_bytes():
        raise Unavailable(f"another test cluster runs here (interface {_INTERFACE}): end it first")
    _remove_interface()


def _run(argv: Sequence[str | Path], stdin: bytes | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in argv],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(
            f"{argv[-1]}: {done.stderr.decode(errors='replace').strip()} ({' '.join(map(str, argv))})"
        )
    return done.stdout.decode()
