"""Updates whose later operations declare prefixes of their own, in parts that the store reads.

SPARQL lets PREFIX and BASE stand before each operation of an update; the store takes them at its beginning
alone. An update of that kind is run part by part, each with what was declared up to it.
Source: SPARQL 1.1 Query Language, 19.8, rules Update and Prologue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from brume.records.model.graph import syntax
from brume.records.model.graph.syntax import Token

_DECLARED = {"PREFIX": 3, "BASE": 2, "VERSION": 2}  # tokens of a declaration


def parts(text: str) -> Iterator[str]:
    """Yield the parts of an update without comments; every place in a part is that of the whole.

    Raises `MalformedError` at what is no token.
    """
    read = [token for token in syntax.tokens(text) if token.kind not in ("space", "comment")]
    depth, begins = 0, [0]
    for number, (token, following) in enumerate(pairwise(read)):
        depth += (token.text == "{") - (token.text == "}")
        if token.text == ";" and not depth and _declared(following):
            begins.append(number + 1)
    head = ""
    for begin, end in pairwise([*begins, len(read)]):
        first = read[begin].begin if begin else 0
        last = read[end].begin if end < len(read) else len(text)
        body = text[first:last].rstrip()
        # The semicolon that ends a part ends its operation: what follows is blank.
        yield head + body.removesuffix(";")
        rest = first
        for token in _declarations(read[begin:end]):
            head += _blank(text[rest : token.begin]) + token.text
            rest = token.end
        head += _blank(text[rest:last])


def _declarations(read: list[Token]) -> list[Token]:
    """Return the tokens of the declarations that a part begins with."""
    at = 0
    while at < len(read) and (size := _declared(read[at])):
        at += size
    return read[:at]


def _declared(token: Token) -> int:
    return _DECLARED.get(token.text.upper(), 0) if token.kind == "word" else 0


def _blank(text: str) -> str:
    return re.sub(r"[^\n\r]", " ", text)
