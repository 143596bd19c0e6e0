"""Forwarded ports are open when asked for, and gone when closed."""

from __future__ import annotations

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.harness.api_server import KubectlError
from tests.cluster.harness.cluster import Cluster
from tests.cluster.harness.forwarding import Forward
from tests.cluster.harness.object_store import BUCKET, NAMESPACE, SERVICE


def _ways() -> Iterator[int]:
    """Give the programs of this process that lead to the object store."""
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            if f"service/{SERVICE}" in Path(f"/proc/{child}/cmdline").read_text().split("\0"):
                yield int(child)


def test_a_way_that_ended_is_opened_again_at_the_same_place(cluster: Cluster) -> None:
    place = cluster.store.endpoint
    for way in [*_ways()]:
        os.kill(way, signal.SIGTERM)
        os.waitid(os.P_PID, way, os.WEXITED | os.WNOWAIT)  # it has ended, and whose it is may still ask
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(place, timeout=5)
    assert BUCKET in [one["Name"] for one in cluster.store.client().list_buckets()["Buckets"]]
    assert cluster.store.endpoint == place


def test_a_way_is_closed_after_its_use(cluster: Cluster) -> None:
    with Forward(cluster.api, NAMESPACE, f"service/{SERVICE}", 9000) as way:
        health = f"{way.url}/healthz"
        assert urllib.request.urlopen(health, timeout=10).status == 200
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(health, timeout=5)


def test_what_is_not_there_cannot_be_reached(cluster: Cluster) -> None:
    nothing = Forward(cluster.api, NAMESPACE, "service/nothing", 80)
    with pytest.raises(KubectlError, match=r'service/nothing cannot be reached: .*"nothing" not found'):
        _ = nothing.url
