"""Build the test cluster's programs and the project's images, and keep them.

    python -m tests.cluster.prepare

BRUME_CLUSTER_LEVELS names the levels, as for the tests. What cannot be built is reported; the tests of the
levels that need it are then reported as not run.
"""

from __future__ import annotations

import functools
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.cluster.harness import binaries, given, images, metadata_store
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.levels import wanted

MODULES_OF = {
    "api": ("kubernetes", "mpi-operator", "kserve"),
    "node": ("coredns", "versitygw", "network-policies", "metrics-server", "syft"),
    "pipelines": ("argo", "kubeflow-pipelines", "kubeflow-pipelines-api"),
}


def main() -> None:
    """Build everything of the levels that are asked for, and is not there yet."""
    parts: dict[str, Callable[[], Any]] = {}
    for level, modules in MODULES_OF.items():
        if wanted(level):
            parts |= {name: functools.partial(binaries.folder, name) for name in modules}
    if wanted("node") and given.kubeconfig() is None:
        parts["images"] = images.archive
    if wanted("pipelines"):
        parts["metadata-store"] = metadata_store.python
    for name, build in parts.items():
        began = time.monotonic()
        try:
            build()
        except Unavailable as error:
            print(f"cluster: {name} cannot be built: {error}", file=sys.stderr)
        else:
            if (took := time.monotonic() - began) > 5:
                print(f"cluster: {name} was built in {took:.0f} s", file=sys.stderr)
    shutil.rmtree(binaries.objects(), ignore_errors=True)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"cluster: {error}")
