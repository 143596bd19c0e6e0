"""Which documents and patients SPARQL requests name and their results show, for the audit."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from urllib.parse import unquote

from brume.records.model.graph import syntax
from brume.records.model.graph.vocabulary import document_node, graph_of, patient_node

# How the addresses of a document, a patient and a patient's graph begin, and what the audit has for that.
_ADDRESSES = {
    document_node("").value: "",
    patient_node("").value: "Patient/",
    graph_of("-").value.removesuffix("-"): "Patient/",
}
_BEGINNING = "|".join(map(re.escape, _ADDRESSES))
_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~%/:-"
_SHOWN = re.compile(rf"(?:{_BEGINNING})[A-Za-z0-9_.~%/:-]+".encode())
_LONGEST = 4096  # bytes of an address


def named(text: str) -> list[str]:
    """Return what a request has the addresses of: documents by the ids of their notes, and patients."""
    return of_addresses(token.text[1:-1] for token in syntax.tokens(text) if token.kind == "iri")


def of_addresses(addresses: Iterable[str]) -> list[str]:
    """Return the documents and patients that some of these are addresses of, each once."""
    return list(dict.fromkeys(_name(one) for one in addresses if one.startswith(tuple(_ADDRESSES))))


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
    shown = dict.fromkeys(_name(match.decode()) for match in _SHOWN.findall(data))
    if new := [one for one in shown if one not in seen]:
        seen.update(new)
        note(new)
    return [data] if data else []


def _name(address: str) -> str:
    (begin,) = (one for one in _ADDRESSES if address.startswith(one))
    return _ADDRESSES[begin] + unquote(address.removeprefix(begin))
