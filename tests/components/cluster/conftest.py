"""Fixtures of the tests against a double of the Kubernetes API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from brume.cluster import kube
from tests.components.cluster.kubernetes_double import KubernetesDouble

Play = Callable[[KubernetesDouble, str], None]
Start = Callable[[Play], AbstractContextManager[KubernetesDouble]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return what starts a double and makes it the cluster that jobs go to."""

    @contextmanager
    def with_play(play: Play) -> Iterator[KubernetesDouble]:
        with KubernetesDouble(play) as double:
            monkeypatch.setenv("BRUME_COMPUTE", "cluster")
            monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
            monkeypatch.setenv("KUBECONFIG", str(double.kubeconfig(tmp_path / "kubeconfig")))
            monkeypatch.setattr(kube, "_SECONDS_BETWEEN_LOOKS", 1.0)
            yield double

    return with_play
