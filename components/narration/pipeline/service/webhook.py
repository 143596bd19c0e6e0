"""The requests of a CMS: signed as in Standard Webhooks, an article's event in each.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brume.narration.model.articles.article import name_of
from brume.storage import replacing

PUBLISHED, CHANGED, RETRACTED = "article.published", "article.changed", "article.retracted"
TYPES = (PUBLISHED, CHANGED, RETRACTED)
TOLERANCE = 300.0  # seconds between the clocks of the sender and this machine
_PREFIX = "whsec_"
_MOST_ID = 200
_SECONDS = re.compile("[0-9]{1,12}")


class SignatureError(ValueError):
    """A request that nobody with the secret has signed, or an old one; the message says which."""


class EventError(ValueError):
    """A request that is no event of an article; the message names the field."""


@dataclass(frozen=True)
class Event:
    """What happened to an article; a higher `version` replaces a lower one."""

    type: str
    id: str
    version: int
    article: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the article in addresses: its id, or made of it with a digest."""
        name = name_of(self.id)
        if name == self.id:
            return name
        digest = hashlib.sha256(self.id.encode()).hexdigest()[:10]
        return name if name.endswith(digest) else f"{name[:60].rstrip('-')}-{digest}"


def secret_of(path: Path) -> bytes:
    """Return the secret in a file (whsec_ and base64), which is made where it is absent.

    Raises `ValueError` for a file that holds none.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        text = _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        with replacing(path) as partial:
            partial.touch(mode=0o600)
            partial.write_text(text + "\n", encoding="ascii")
    try:
        return decoded(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def decoded(text: str) -> bytes:
    """Return the bytes of a secret. Raises `ValueError` for what is none."""
    try:
        found = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        found = b""
    if len(found) < 24:
        raise ValueError(f"the secret of the webhook must be {_PREFIX} and base64 of 24 bytes or more")
    return found


def sign(secret: bytes, identity: str, moment: int, body: bytes) -> str:
    """Return the signature of a request: `v1,` and base64 of HMAC-SHA256."""
    signed = f"{identity}.{moment}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def check_headers(headers: Mapping[str, str], now: float) -> None:
    """Check what can be known before the body of a request is read. Raises `SignatureError`."""
    identity, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split()
    if not identity or not given:
        raise SignatureError("the headers webhook-id, webhook-timestamp and webhook-signature are missing")
    if not _SECONDS.fullmatch(moment) or abs(int(moment) - now) > TOLERANCE:
        raise SignatureError(f"webhook-timestamp is not within {TOLERANCE:.0f} s of this machine's clock")


def verify(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> None:
    """Check the signature of a request at the moment `now`. Raises `SignatureError`."""
    check_headers(headers, now)
    wanted = sign(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    # A sender that changes its secret signs with both for a while.
    if not any(
        hmac.compare_digest(wanted.encode(), one.encode()) for one in headers["webhook-signature"].split()
    ):
        raise SignatureError(
            "webhook-signature does not fit: it is made with another secret or of another body"
        )


def event_of(body: bytes) -> Event:
    """Return the event in the body of a request. Raises `EventError`."""
    try:
        found = json.loads(body)
    except ValueError as error:
        raise EventError(f"the body is no JSON: {error}") from None
    except RecursionError:
        raise EventError("the body is nested too deep") from None
    if not isinstance(found, dict):
        raise EventError(
            'the body must be an object: {"type": ..., "id": ..., "version": ..., "article": {...}}'
        )
    kind, identity, version = found.get("type"), found.get("id"), found.get("version")
    if kind not in TYPES:
        raise EventError(f"type must be one of {', '.join(TYPES)}")
    if not isinstance(identity, str) or not 0 < len(identity) <= _MOST_ID or not identity.isprintable():
        raise EventError(f"id must be a text of 1 to {_MOST_ID} printable characters")
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version < 1 << 62:
        raise EventError("version must be a number that grows with each change: a revision, or a time")
    article = found.get("article", {})
    if not isinstance(article, dict) or (kind != RETRACTED and not article):
        raise EventError("article must be an object with title and html, markdown or text")
    return Event(kind, identity, version, article)
