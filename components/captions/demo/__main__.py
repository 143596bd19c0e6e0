"""Write the demo's speech: ``python -m brume.captions.demo FOLDER``."""

import sys
from pathlib import Path

from brume.captions.demo import make

make(Path(sys.argv[1]))
