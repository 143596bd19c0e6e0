"""Run a module as a program and leave its exit code in a file for a later process.

    python -m brume.cluster.recorder FILE MODULE [ARGUMENT]...

The file is whole or absent; a program that was killed leaves none.
"""

from __future__ import annotations

import faulthandler
import runpy
import sys
import traceback

from brume import storage
from brume.run import lifeline


def main() -> int:
    """Run the module in this process, and return the code that it ended with."""
    file, module, *rest = sys.argv[1:]
    faulthandler.enable()  # a crash in a library leaves no code, but its place in the log
    lifeline.follow()
    sys.argv = [module, *rest]
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):  # sys.exit("why")
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    storage.write_bytes(file, str(code).encode())
    return code


if __name__ == "__main__":
    sys.exit(main())
