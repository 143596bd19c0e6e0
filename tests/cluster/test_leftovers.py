"""A cluster that was brought up leaves nothing behind on the machine, however it ends."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.harness.api_server import Api
from tests.cluster.harness.node import PAUSE
from tests.polling import until

ROOT = Path(__file__).resolve().parents[2]
_PLACES = ("/run/containerd", "/run/netns", "/var/lib/kubelet", "/var/lib/cni", "/var/log/pods")


def _machine(folder: Path) -> dict[str, list[str]]:
    """Return what a cluster changes on a machine: what belongs to others may come and go meanwhile."""
    return {
        "processes": sorted(_processes(folder)),
        "mounts": [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()],
        "interfaces": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "routes": Path("/proc/net/route").read_text().splitlines(),
        "firewall": _firewall(),
        "control groups": sorted(str(path) for path in Path("/sys/fs/cgroup").glob("**/brume-test*")),
        "places of its own": sorted(
            str(path)
            for place in (
                "/run/containerd",
                "/run/netns",
                "/var/lib/kubelet",
                "/var/lib/cni",
                "/var/log/pods",
            )
            for path in Path(place).glob("**/*")
        ),
        "ip_forward": [Path("/proc/sys/net/ipv4/ip_forward").read_text()],
    }


def _clean(machine: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return it as it is after the next cluster, when an earlier session was killed and left its groups."""
    return {**machine, "control groups": []}


def _run_a_pod(api: Api) -> None:
    until(
        lambda: api.get("serviceaccounts", "--namespace", "default")["items"], "a service account", pause=0.2
    )
    api.kubectl("run", "pause", f"--image={PAUSE}", "--image-pull-policy=Never")
    api.kubectl("wait", "pod/pause", "--for=condition=Ready", "--timeout=60s")


def _processes(folder: Path) -> Iterator[str]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:  # it has just ended
            continue
        if str(folder) in words:
            yield re.sub(r"\s+", " ", words)


def _firewall() -> list[str]:
    saved = shutil.which("iptables-save", path="/usr/sbin:/sbin:/usr/bin")
    if not saved:
        return []
    rules = subprocess.run([saved], capture_output=True, text=True, check=True).stdout
    return [line for line in rules.splitlines() if re.search("KUBE|CNI|brume", line)]


def _end(folder: Path, by: signal.Signals) -> dict[str, list[str]]:
    """Bring up a node with a pod, end it by a signal; return what the machine was like meanwhile."""
    up = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.up", "bare", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert up.stdout
    assert up.stderr
    with up, up.stdout, up.stderr:
        if not up.stdout.readline().startswith("KUBECONFIG="):
            pytest.skip(f"NOT RUN: {up.stderr.read()}")
        _run_a_pod(Api(folder / "kubeconfig"))
        during = _machine(folder)
        up.send_signal(by)
        up.wait(60)
    return during


def test_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    before = _clean(_machine(folder))
    during = _end(folder, signal.SIGTERM)
    for what in ("processes", "interfaces", "routes", "control groups"):
        assert during[what] != before[what], f"this test would not see {what}"
    assert not folder.exists()
    assert _machine(folder) == before


def test_what_a_killed_session_leaves_is_gone_after_the_next(tmp_path: Path) -> None:
    """Its processes end with it, and so do its mounts; the rest waits for the next start."""
    killed, other = tmp_path / "killed", tmp_path / "other"
    before = _clean(_machine(killed))
    _end(killed, signal.SIGKILL)
    until(lambda: not _machine(killed)["processes"], "the end of its processes", pause=0.2)
    after = _machine(killed)
    for what in ("processes", "mounts", "firewall", "places of its own", "ip_forward"):
        assert after[what] == before[what]
    _end(other, signal.SIGTERM)
    assert _machine(killed) == before
