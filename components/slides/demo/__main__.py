"""Make the demo cohort: `python -m brume.slides.demo FOLDER`."""

import sys
from pathlib import Path

from brume.slides.demo.generator import make_demo

if len(sys.argv) != 2:
    sys.exit("usage: python -m brume.slides.demo FOLDER")
print(f"demo cohort in {sys.argv[1]}", flush=True)
make_demo(Path(sys.argv[1]))
