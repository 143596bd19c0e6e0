"""Write photographs of the toy to a folder: ``python -m brume.inspection.demo FOLDER``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from brume.inspection.demo.files import write, write_story


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser("python -m brume.inspection.demo", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet, or is empty")
    parser.add_argument("--normal", type=int, default=289, help="pictures without a defect")
    parser.add_argument("--anomalous", type=int, default=116, help="pictures with one")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other pictures")
    parser.add_argument("--prefix", default="", help="what addresses in the manifests begin with")
    parser.add_argument(
        "--story", action="store_true", help="write train/, test/ (20 pictures) and trial/ (9 new ones)"
    )
    options = parser.parse_args(arguments)
    if min(options.normal, options.anomalous, options.seed) < 0:
        parser.error("--normal, --anomalous and --seed must not be negative")
    chosen = {name: getattr(options, name) for name in ("normal", "anomalous", "seed", "prefix")}
    try:
        (write_story if options.story else write)(options.folder, **chosen)
    except FileExistsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
