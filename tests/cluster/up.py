"""Bring up the test cluster and keep it until Ctrl-C, to run tests on it many times.

    python -m tests.cluster.up api|bare|node|pipelines|kind [FOLDER]

`bare` is a node of the tests' own and no more, `node` has all that the tests run on, `pipelines` Kubeflow
Pipelines besides; `kind` is a `node` of kind's. The kubeconfig is FOLDER/kubeconfig (without FOLDER, in a
folder of its own); then, beside it:

    KUBECONFIG=FOLDER/kubeconfig BRUME_TEST_CLUSTER=1 make test-cluster
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.cluster.harness import kubeflow_pipelines
from tests.cluster.harness.api_server import ApiServer
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.cluster import MadeCluster, OwnCluster
from tests.cluster.harness.kind import KindNode
from tests.cluster.harness.node import Node
from tests.cluster.harness.processes import Processes

LEVELS = ("api", "bare", "node", "pipelines", "kind")


def main() -> int:
    """Run until a signal comes; the exit code is 1 where the cluster cannot be had."""
    if sys.argv[1:2] not in ([name] for name in LEVELS) or len(sys.argv) > 3:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(sys.argv[2]) if len(sys.argv) == 3 else Path(tempfile.mkdtemp(prefix="brume-cluster-"))
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, folder)
            if sys.argv[1] == "api":
                processes = Processes(folder)
                stack.callback(processes.stop)
                ApiServer(folder, processes).start()
            elif sys.argv[1] == "bare":
                node = Node(folder)
                stack.callback(node.close)
                node.start()
            else:
                cluster = MadeCluster(KindNode(folder)) if sys.argv[1] == "kind" else OwnCluster(folder)
                stack.callback(cluster.close)
                cluster.start()
                if sys.argv[1] == "pipelines":
                    kubeflow_pipelines.start(cluster.own_node())
            print(f"KUBECONFIG={folder / 'kubeconfig'}", flush=True)
            signal.pause()
    except Unavailable as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
