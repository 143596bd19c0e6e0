"""Write an export: `python -m brume.records.demo FOLDER [--patients N] [--seed N]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from brume.records.demo import FEWEST, PATIENTS, generate


def main() -> int:
    """Write the export and say what it holds."""
    parser = argparse.ArgumentParser(prog="python -m brume.records.demo", description=__doc__)
    parser.add_argument("folder", type=Path, help="a new folder, or one written before")
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.patients < FEWEST:
        parser.error(f"--patients {asked.patients}: the planted faults need {FEWEST} or more")
    try:
        truth = generate(asked.folder, asked.patients, asked.seed)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{asked.folder}: {sum(truth.resources.values())} resources of {truth.patients} patients, "
        f"{len(truth.notes)} notes with {sum(len(note.facts) for note in truth.notes)} facts"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
