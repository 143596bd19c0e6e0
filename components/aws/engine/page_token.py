"""The address that opens an engine's web page: it holds a token, which works once.

The token lies in the engine's data folder, readable by its owner alone. The engine writes it and replaces it
when it is used; commands on the same machine read it here.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from urllib.parse import urlencode

from brume.aws.engine import catalog

TOKEN = "console-token"  # noqa: S105 - the name of a file


def token_of(token: str, access_key: str) -> str:
    """Return the token of an address for an access key; the address without one has `token` itself.

    Who is given an address for one key cannot make of it an address for another.
    """
    return hmac.digest(token.encode(), access_key.encode(), "sha256").hex() if access_key else token


def address(data: Path, path: str, access_key: str = "") -> str:
    """Return the address that opens the page, below `path`, of the engine that runs on `data`.

    The page acts for the engine's default key, or for `access_key`. Raises `FileNotFoundError` when no engine
    runs there.
    """
    state = json.loads((data / catalog.STATE).read_text(encoding="utf-8"))
    token = (data / TOKEN).read_text(encoding="utf-8").strip()
    query = {"token": token_of(token, access_key), **({"key": access_key} if access_key else {})}
    return f"{state['url']}{path}/?{urlencode(query)}"
