"""Which documents SPARQL requests name and their results show, for the audit."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from urllib.parse import unquote

from brume.records.model.graph import syntax
from brume.records.model.graph.vocabulary import document_node

_ADDRESS = document_node("").value  # how the address of a document begins
_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~%/:-"
_SHOWN = re.compile(re.escape(_ADDRESS.encode()) + rb"[A-Za-z0-9_.~%/:-]+")
_LONGEST = 4096  # bytes of an address


def named(text: str) -> list[str]:
    """Return the documents whose addresses a request has, by the ids of their notes."""
    addresses = [token.text[1:-1] for token in syntax.tokens(text) if token.kind == "iri"]
    return [_note(one) for one in addresses if one.startswith(_ADDRESS)]


def noted(
    parts: Generator[bytes, None, None], known: Iterable[str], note: Callable[[list[str]], None]
) -> Generator[bytes, None, None]:
    """Yield a result's parts; `note` is called with what a part shows and none before, before it is given.

    `known` are documents that were noted already. An address that a part ends in is kept for the next.
    """
    seen, held = set(known), b""
    try:
        for part in parts:
            data = held + part
            whole = len(data[-_LONGEST:].rstrip(_CHARACTERS)) + max(0, len(data) - _LONGEST)
            held = data[whole:]
            yield from _given(data[:whole], seen, note)
        yield from _given(held, seen, note)
    finally:
        parts.close()


def _given(data: bytes, seen: set[str], note: Callable[[list[str]], None]) -> Iterable[bytes]:
    shown = dict.fromkeys(_note(match.decode()) for match in _SHOWN.findall(data))
    if new := [one for one in shown if one not in seen]:
        seen.update(new)
        note(new)
    return [data] if data else []


def _note(address: str) -> str:
    return unquote(address.removeprefix(_ADDRESS))
