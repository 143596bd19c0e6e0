"""The levels of the test cluster: each is brought up once, when a test first needs it.

A level that cannot start is reported as not run, with the reason, at the end of the session.
BRUME_CLUSTER_LEVELS=api,node tries these alone, and the session has failed where one was not reached.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.harness import given
from tests.cluster.harness import kubeflow_pipelines as pipelines
from tests.cluster.harness.api_server import Api, ApiServer
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.cluster import Cluster, GivenCluster, MadeCluster, made_here
from tests.cluster.harness.installed import Installed
from tests.cluster.harness.levels import Levels, asked, wanted
from tests.cluster.harness.node import Node
from tests.cluster.harness.processes import Processes

_LEVELS = pytest.StashKey[Levels]()
# The fixtures that bring up a level, lowest first: tests of a level run before those of the next. Last comes
# what stops the node: its pods are given up then, and what they held is lost.
_FIXTURES = ("api", "cluster", "kubeflow_pipelines", "own_node")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the account of the levels."""
    config.stash[_LEVELS] = Levels()
    asked()  # a name that is wrong is reported at once


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the lower levels first."""
    items.sort(key=_level)
    for item in (one for one in items if Path(__file__).parent in one.path.parents):
        # To bring up a level is not the time of the test that needs it first; what starts it has limits.
        asked_for = item.get_closest_marker("timeout")
        seconds = asked_for.args[0] if asked_for else 900
        item.add_marker(pytest.mark.timeout(seconds, func_only=True), append=False)


def _level(item: pytest.Item) -> int:
    names = getattr(item, "fixturenames", ())
    return max((place for place, name in enumerate(_FIXTURES, 1) if name in names), default=0)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session when a required level was not reached, whatever came of its tests."""
    if session.config.stash[_LEVELS].failed() and not session.config.option.collectonly:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell which levels were reached, with the versions of their parts."""
    levels = config.stash[_LEVELS]
    if not (levels.reached or levels.missed or asked()):
        return
    terminalreporter.section("levels of the test cluster")
    for line in levels.lines():
        terminalreporter.write_line(line)
    for name in levels.failed():
        terminalreporter.write_line(f"FAILED: the level {name} was asked for and was not reached", red=True)


@pytest.fixture(scope="session")
def levels(pytestconfig: pytest.Config) -> Levels:
    """Return the account of the levels."""
    return pytestconfig.stash[_LEVELS]


@contextlib.contextmanager
def level(levels: Levels, name: str) -> Iterator[Path]:
    """Give a level its folder, while it is used; skip the tests of a level that cannot start."""
    if not wanted(name):
        pytest.skip(f"the level {name} is not asked for")
    folder = Path(tempfile.mkdtemp(prefix=f"brume-{name}-"))
    try:
        yield folder
    except Unavailable as error:
        levels.missed[name] = str(error)
        pytest.skip(f"the level {name} cannot start: {error}")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def api(levels: Levels) -> Iterator[Api]:
    """Return a Kubernetes API: that of KUBECONFIG where BRUME_TEST_CLUSTER=1 allows it, or one of its own."""
    with level(levels, "api") as folder, contextlib.ExitStack() as stack:
        if (kubeconfig := given.kubeconfig()) is not None:
            server = Api(kubeconfig)
            levels.reached["api"] = given.WAY, {"Kubernetes": server.version}
        else:
            processes = Processes(folder)
            stack.callback(processes.stop)
            own = server = ApiServer(folder, processes).start()
            levels.reached["api"] = "an API server of the tests' own", own.versions()
        yield server


@pytest.fixture(scope="session")
def cluster(levels: Levels) -> Iterator[Cluster]:
    """Return a cluster with a node, on which Brume's jobs and models run."""
    with level(levels, "node") as folder, contextlib.ExitStack() as stack:
        found: Cluster
        if (kubeconfig := given.kubeconfig()) is not None:
            found = GivenCluster(kubeconfig)
            stack.callback(found.close)
        else:
            made = made_here(folder)
            stack.callback(made.close)
            found = made.start()
        levels.reached["node"] = found.way, found.versions()
        yield found


@pytest.fixture(scope="session")
def brume(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return Brume, installed on the cluster."""
    return Installed(cluster.api, cluster.store, tmp_path_factory.mktemp("brume"))


@pytest.fixture(scope="session")
def own_node(cluster: Cluster) -> Node:
    """Return the node, which a test may stop and start."""
    try:
        return cluster.own_node()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kubeflow_pipelines(levels: Levels, cluster: Cluster) -> Iterator[Cluster]:
    """Return the cluster, with Kubeflow Pipelines on it."""
    with level(levels, "pipelines"):
        if isinstance(cluster, MadeCluster):
            pipelines.start(cluster.node)
            levels.reached["pipelines"] = cluster.way, pipelines.versions()
        else:
            given.require(cluster.api, "service", "ml-pipeline", "--namespace", "kubeflow")
            levels.reached["pipelines"] = cluster.way, {"Kubeflow Pipelines": "as it was there"}
        yield cluster
