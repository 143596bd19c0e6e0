"""How far the test cluster came is reported as it is: what did not run has not passed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import prepare
from tests.cluster.harness import binaries

ROOT = Path(__file__).resolve().parents[2]


def _session(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a test of the API level in a session of its own."""
    test = "tests/cluster/test_levels.py::test_the_api_level_answers"
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", test],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_api_level_answers(api: object) -> None:
    assert api


def test_a_level_that_cannot_start_is_not_run(tmp_path: Path) -> None:
    no_file = str(tmp_path / "nothing")
    session = _session(tmp_path, BRUME_TEST_CLUSTER="1", KUBECONFIG=no_file, BRUME_CLUSTER_LEVELS="")
    assert session.returncode == 0, session.stdout
    assert "1 skipped" in session.stdout
    assert (
        f"api: NOT RUN: BRUME_TEST_CLUSTER=1 says that the tests may use a cluster, and there is no {no_file}"
        in session.stdout
    )


def test_a_level_asked_for_that_cannot_start_fails_the_session(tmp_path: Path) -> None:
    no_file = str(tmp_path / "nothing")
    session = _session(tmp_path, BRUME_TEST_CLUSTER="1", KUBECONFIG=no_file, BRUME_CLUSTER_LEVELS="api,node")
    assert session.returncode == pytest.ExitCode.TESTS_FAILED, session.stdout
    assert "FAILED: the level api was asked for and was not reached" in session.stdout
    assert "FAILED: the level node was asked for and was not reached" in session.stdout


def test_a_level_of_an_unknown_name_is_refused(tmp_path: Path) -> None:
    session = _session(tmp_path, BRUME_CLUSTER_LEVELS="nodes")
    assert session.returncode != 0
    assert (
        "BRUME_CLUSTER_LEVELS names nodes; there are api, node, pipelines" in session.stdout + session.stderr
    )


def test_every_module_is_built_before_the_tests_that_need_it() -> None:
    built = [name for names in prepare.MODULES_OF.values() for name in names]
    assert sorted(built) == sorted(path.name for path in binaries.MODULES.iterdir())
