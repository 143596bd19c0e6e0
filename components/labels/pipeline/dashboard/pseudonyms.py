"""Names of workers on the page: their own, or stable pseudonyms.

A pseudonym is made of the worker's id by a keyed hash (HMAC-SHA-256), so that it stays the same from run to
run while workers come and go, and cannot be found out from the page, not even by someone who has a list of
all ids: that takes the key. The key lies with the lake, which holds the names themselves.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from brume import storage

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no sign is taken for another
_LENGTH = 5  # 33 million pseudonyms
_LEAST_NAME = 3  # characters of a name that is looked for in free text


@dataclass(frozen=True)
class Worker:
    """A worker as the page knows them: `worker` is the key of the lake, `shown` is unique on the page."""

    worker: str
    shown: str
    email: str = ""
    team: str = ""


@dataclass(frozen=True)
class People:
    """Everybody of the page; `clean` takes what identifies people out of free text."""

    workers: tuple[Worker, ...]
    masked: bool
    clean: Callable[[str], str]


def key_of(lake: str) -> bytes:
    """Return the key of a lake's pseudonyms; the first call makes it."""
    place = storage.join(lake, "_brume", "pseudonyms.key")
    if not storage.exists(place):
        storage.write_bytes(place, secrets.token_hex(32).encode())
    return storage.read_bytes(place)


def people(rows: Iterable[Mapping[str, str | None]], *, key: bytes | None, hidden: Iterable[str]) -> People:
    """Name the workers of `rows` (worker, name, email, team), sorted by the name that is shown.

    With a `key` they stand behind pseudonyms, and their ids, names and emails, and the words of `hidden`, are
    taken out of free text. Without one, workers of the same name are distinguished by their id.
    """
    rows = list(rows)
    if key is not None:
        return _masked(rows, key, hidden)
    names = [row["name"] or row["worker"] or "" for row in rows]
    found = [
        Worker(
            row["worker"] or "",
            name if names.count(name) == 1 else f"{name} ({row['worker']})",
            row["email"] or "",
            row["team"] or "",
        )
        for row, name in zip(rows, names, strict=True)
    ]
    return People(tuple(sorted(found, key=lambda it: (it.shown, it.worker))), False, str)


def _masked(rows: list[Mapping[str, str | None]], key: bytes, hidden: Iterable[str]) -> People:
    found: dict[str, Worker] = {}
    replaced: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row["worker"] or ""):
        worker = row["worker"] or ""
        shown = _pseudonym(worker, key, {it.shown for it in found.values()})
        found[worker] = Worker(worker, shown, team=row["team"] or "")
        for text in (worker, row["name"], row["email"]):
            if text and len(text) >= _LEAST_NAME:
                replaced.setdefault(text.casefold(), shown)
    for text in hidden:
        if text and len(text) >= _LEAST_NAME:
            replaced.setdefault(text.casefold(), "a worker")
    workers = tuple(sorted(found.values(), key=lambda it: it.shown))
    if not replaced:
        return People(workers, True, str)
    # The longest first: an email is taken out before the name that it begins with.
    parts = "|".join(map(re.escape, sorted(replaced, key=len, reverse=True)))
    pattern = re.compile(rf"(?<!\w)(?:{parts})(?!\w)", re.IGNORECASE)
    return People(
        workers, True, lambda text: pattern.sub(lambda hit: replaced.get(hit[0].casefold(), "a worker"), text)
    )


def _pseudonym(worker: str, key: bytes, taken: set[str]) -> str:
    for attempt in range(1000):
        digest = hmac.new(key, f"{attempt}\0{worker}".encode(), hashlib.sha256).digest()
        number = int.from_bytes(digest[:8], "big")
        shown = "Worker " + "".join(_ALPHABET[number >> 5 * place & 31] for place in range(_LENGTH))
        if shown not in taken:
            return shown
    raise AssertionError("there are 33 million pseudonyms")
