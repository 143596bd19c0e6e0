"""Files of others are those that they published."""

from __future__ import annotations

import hashlib
from pathlib import Path

from brume.records.engine import console

_SHA256 = "aa33b0103bbdb721aeb1506000cb6e056692400baba7264c552d000b09da01f2"  # of the file in npm's package


def test_cytoscape_is_the_published_file_below_its_licence() -> None:
    file = Path(str(console.__file__)).parent / "vendor" / "cytoscape.js"
    notice, _, published = file.read_bytes().partition(b"*/\n")
    assert b"Permission is hereby granted, free of charge" in notice
    assert hashlib.sha256(published).hexdigest() == _SHA256
