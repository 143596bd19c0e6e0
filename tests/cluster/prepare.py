"""Build what the test cluster is made of, and keep it: programs from their modules, images of the project.

    python -m tests.cluster.prepare

What cannot be built is told; the tests of the levels that need it are then reported as not run.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.cluster.harness import binaries, given, images, metadata_store
from tests.cluster.harness.binaries import MODULES, Unavailable


def main() -> None:
    """Build everything that is not there yet."""
    parts: dict[str, Callable[[], Any]] = {
        path.name: lambda name=path.name: binaries.folder(name)  # type: ignore[misc]
        for path in sorted(MODULES.iterdir())
    }
    if given.kubeconfig() is None:
        parts["images"] = images.archive
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
    main()
