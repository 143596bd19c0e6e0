"""Write the demo's input: ``python -m brume.records.demo FILE``."""

import sys
from pathlib import Path

from brume.records.demo.text import write_text

write_text(Path(sys.argv[1]))
