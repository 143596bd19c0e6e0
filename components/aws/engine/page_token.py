"""The address that opens an engine's web page: it holds a token, which works once.

The token lies in the engine's data folder, readable by its owner alone. The engine writes it and replaces it
when it is used; commands on the same machine read it here.
"""

from __future__ import annotations

import json
from pathlib import Path

from brume.aws.engine import catalog

TOKEN = "console-token"  # noqa: S105 - the name of a file


def address(data: Path, path: str) -> str:
    """Return the address that opens the page, below `path`, of the engine that runs on `data`.

    Raises `FileNotFoundError` when none runs there.
    """
    state = json.loads((data / catalog.STATE).read_text(encoding="utf-8"))
    token = (data / TOKEN).read_text(encoding="utf-8").strip()
    return f"{state['url']}{path}/?token={token}"
