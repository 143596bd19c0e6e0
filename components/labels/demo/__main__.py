"""Write a tree: `python -m brume.labels.demo FOLDER [--size small|full] [--seed N]`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from brume.labels.demo import SIZES, generate


def main() -> int:
    """Write the tree and say what it holds."""
    parser = argparse.ArgumentParser(prog="python -m brume.labels.demo", description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder, or one written before")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    started = time.monotonic()
    try:
        truth = generate(asked.folder, asked.size, asked.seed)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{asked.folder}: {truth.files} files, {truth.annotations} annotations ({truth.labels} consolidated, "
        f"{truth.answer_labels} answered), {len(truth.jobs)} jobs, {len(truth.faults)} planted faults, "
        f"{time.monotonic() - started:.1f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
