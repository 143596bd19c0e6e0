"""Access to the page: the address with the console's token works once; after it, a cookie.

The token lies in the engine's data folder, readable by its owner alone; opening the address uses it up and
writes the next one. Sessions live in memory: they end after half a day, and with the engine. A page acts for
the engine's default key, or for another one that its address names (`page_token`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from brume import storage
from brume.aws.engine import catalog
from brume.aws.engine.page_token import TOKEN, token_of
from brume.aws.wire import keys

SECONDS = 12 * 3600.0
_MOST = 100  # sessions at a time: the oldest give way


@dataclass(frozen=True)
class Session:
    """One browser that was let in, the account that it sees, and the access key that it acts for."""

    account: str
    ends: float
    access_key: str


class Sessions:
    """The token of a data folder and the sessions that were made with it."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}  # by digest: what is in memory opens nothing
        # Cookies do not distinguish ports: engines on one machine must not share a name.
        self.cookie = "brume-" + hashlib.sha256(str(data.absolute()).encode()).hexdigest()[:12]
        self._write_token()

    def redeem(self, token: str, access_key: str = "") -> str | None:
        """Return the secret of a new session for the token, which is then used up; None for a wrong one.

        With an `access_key` the token is that of an address for this key, which the engine has to accept.
        """
        with self._lock:
            if not hmac.compare_digest(token.encode(), token_of(self._token, access_key).encode()):
                return None
            key = acting(self._data, access_key)
            if key is None:
                return None
            self._write_token()
            secret = secrets.token_urlsafe(32)
            now = time.time()
            alive = {key: value for key, value in self._sessions.items() if value.ends > now}
            kept = sorted(alive, key=lambda key: alive[key].ends)[-_MOST + 1 :]
            self._sessions = {key: alive[key] for key in kept}
            self._sessions[_digest(secret)] = Session(key.account, now + SECONDS, key.access_key)
            return secret

    def find(self, secret: str | None) -> Session | None:
        """Return the session of a cookie's secret; None without one that is still good."""
        with self._lock:
            found = self._sessions.get(_digest(secret or ""))
        return found if found and found.ends > time.time() else None

    def _write_token(self) -> None:
        self._token = secrets.token_urlsafe(32)
        with storage.replacing(self._data / TOKEN) as partial:
            descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self._token)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def acting(data: Path, access_key: str) -> keys.Key | None:
    """Return the key that a page acts for: the one named, None for one that the engine does not accept.

    Without a name it is the engine's default key, or else its first; "anonymous" where none has to sign.
    """
    try:
        state = json.loads((data / catalog.STATE).read_text(encoding="utf-8"))
        named = state.get("credentials")
        accepted = keys.load(Path(named)) if named else {}
    except (OSError, ValueError):
        accepted = {}
    if access_key:
        return accepted.get(access_key)
    return next(iter(accepted.values()), keys.Key("anonymous", "anonymous", keys.ACCOUNT))
