"""Write the demo's articles: ``python -m brume.narration.demo FOLDER``."""

import sys
from pathlib import Path

from brume.narration.demo import make

make(Path(sys.argv[1]))
