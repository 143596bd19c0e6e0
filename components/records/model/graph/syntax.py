"""Reads a SPARQL request into tokens, and refuses what would reach over the network.

The store would itself ask any address that SERVICE or LOAD names. Both are refused wherever the text, as it
is or with its \\u escapes resolved, has one of these words outside strings, addresses and names. The store
reads keywords without a space between them (`SERVICESILENT<a>`, `trueSERVICE:a{}`), so a word is refused that
contains one, and a name that it would take for a keyword and a name. Comments are taken out before the store
reads the text, so that it cannot see a word where this module saw none.
Source: SPARQL 1.1 Query Language, 19.8 (the terminals of the grammar), and 19.2 (escapes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MOST = 1 << 20  # characters of a request
_SERVICE, _LOAD = "SERVICE", "LOAD"
_BEFORE_GRAPHS = {"GRAPH", "FROM", "NAMED"}  # after these a name that begins a group is a graph's
_QUERIES = {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"}
_UPDATES = {"INSERT", "DELETE", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"}
_HINTS = "http://aws.amazon.com/neptune/vocab/v01/QueryHints#"
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")

_BASE = (
    r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
    r"\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_MORE = _BASE + r"_0-9\u00b7\u0300-\u036f\u203f-\u2040-"
_LOCAL = rf"(?:[{_MORE}:]|%[0-9A-Fa-f]{{2}}|\\[_~.\-!$&'()*+,;=/?#@%])"
_TOKENS = re.compile(
    "|".join(
        (
            r"(?P<space>[\t\n\r ]+)",
            r"(?P<comment>\#[^\n\r]*)",
            r"(?P<iri><[^<>\"{}|^`\x00-\x20]*>)",
            r'(?P<long>"""(?:"{0,2}(?:[^"\\]|\\.))*"""' r"|'''(?:'{0,2}(?:[^'\\]|\\.))*''')",
            r"""(?P<string>"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')""",
            rf"(?P<variable>[?$][{_MORE}]+)",
            r"(?P<tag>@[A-Za-z]+(?:-[A-Za-z0-9]+)*(?:--[A-Za-z]+)?)",
            # A name may hold dots, but not end in one.
            rf"(?P<blank>_:[{_MORE}]+(?:\.+[{_MORE}]+)*)",
            rf"(?P<name>(?:[{_BASE}](?:[{_MORE}.]*[{_MORE}])?)?:(?:{_LOCAL}(?:\.*{_LOCAL})*)?)",
            r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)",
            rf"(?P<word>[{_BASE}_][{_MORE}]*)",
            r"(?P<sign>\^\^|&&|\|\||!=|<=|>=|<<\(|\)>>|<<|>>|[-+*/^|!=<>(){}\[\].,;?&~])",
        )
    ),
    re.DOTALL,
)


class Form(StrEnum):
    """What a request asks for."""

    SELECT = "SELECT"
    ASK = "ASK"
    CONSTRUCT = "CONSTRUCT"
    DESCRIBE = "DESCRIBE"
    UPDATE = "UPDATE"


class RequestError(ValueError):
    """A request that is not run; the message says why, and where in it."""


class MalformedError(RequestError):
    """A request that is not SPARQL."""


class RefusedError(RequestError):
    """A request that would reach over the network."""


@dataclass(frozen=True)
class Token:
    """A token: its kind, a name of `_TOKENS`' groups, and where it begins and ends."""

    kind: str
    text: str
    begin: int
    end: int


@dataclass(frozen=True)
class Request:
    """A request that may be run: without comments and Neptune's hints, every place in it as it came.

    `own_dataset` is of a query that names its graphs, by FROM.
    """

    text: str
    form: Form
    own_dataset: bool = False


def read(text: str, *, update: bool) -> Request:
    """Return a request that may be run. Raises `MalformedError`, `RefusedError`."""
    if len(text) > MOST:
        raise MalformedError(f"it has more than {MOST:,} characters: load data by the loader")
    unescaped = _ESCAPE.sub(_character, text)
    if unescaped != text:  # some processors resolve escapes before they read
        _refuse(unescaped, list(tokens(unescaped)), update=update)
    found = list(tokens(text))
    _refuse(text, found, update=update)
    form = _form(found)
    if update and form != Form.UPDATE:
        raise MalformedError(f"it is a query ({form}): send it as `query`")
    if not update and form == Form.UPDATE:
        raise MalformedError("it is an update: send it as `update`")
    parts = list(text)
    for token in (*(one for one in found if one.kind == "comment"), *_hints(found)):
        parts[token.begin : token.end] = " " * (token.end - token.begin)
    return Request("".join(parts), form, not update and _names_graphs(found, form))


def _names_graphs(found: list[Token], form: Form) -> bool:
    """Return whether a query has FROM: as a word, or as the store reads `FROM:graph` before its pattern."""
    depth, before = 0, ""
    declared: set[str] = set()
    for token in found:
        upper = token.text.upper()
        depth += (token.text == "{") - (token.text == "}")
        if token.kind == "word" and "FROM" in upper:
            return True
        if token.kind == "name" and not depth and "FROM" in (prefix := upper.partition(":")[0]):
            if before == "PREFIX":
                declared.add(prefix)
            elif form != Form.DESCRIBE or prefix not in declared:
                return True
        if token.kind not in ("space", "comment"):
            before = upper
    return False


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text, comments and all. Raises `MalformedError` at what is none."""
    at = 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            raise MalformedError(f"{place(text, at)}: this begins no token of SPARQL")
        assert match.lastgroup is not None
        yield Token(match.lastgroup, match[0], at, match.end())
        at = match.end()


def _refuse(text: str, found: list[Token], *, update: bool) -> None:
    """Raise `RefusedError` where a token is, or begins, a clause that reaches over the network."""
    read = [token for token in found if token.kind not in ("space", "comment")]
    depth = 0
    for number, token in enumerate(read):
        before = read[number - 1].text.upper() if number else ""
        after = read[number + 1].text if number + 1 < len(read) else ""
        upper = token.text.upper()
        depth += (token.text == "{") - (token.text == "}")
        if token.kind == "word":
            keyword = _SERVICE if _SERVICE in upper else _LOAD if upper.startswith(_LOAD) else ""
        elif token.kind == "name":
            prefix = upper.partition(":")[0]
            group = after == "{" and before not in _BEFORE_GRAPHS
            # Where an operation of an update begins, a name follows no word.
            operation = update and not depth and not (number and read[number - 1].kind == "word")
            keyword = _SERVICE if _SERVICE in prefix and group else ""
            keyword = _LOAD if prefix.startswith(_LOAD) and operation else keyword
        else:
            continue
        if keyword:
            raise RefusedError(
                f"{place(text, token.begin)}: {keyword} is not done here: queries reach no other server; "
                "load data by the loader"
            )


def _form(found: list[Token]) -> Form:
    """Return the form by the first word that is none of the prologue's."""
    for token in found:
        word = token.text.upper()
        if token.kind != "word" or word in ("PREFIX", "BASE", "VERSION"):
            continue
        if word in _QUERIES:
            return Form(word)
        if word in _UPDATES:
            return Form.UPDATE
        break
    raise MalformedError(
        "it begins with none of SELECT, ASK, CONSTRUCT, DESCRIBE, INSERT, DELETE, WITH, CLEAR, DROP, CREATE, "
        "ADD, MOVE, COPY"
    )


def _hints(found: list[Token]) -> Iterator[Token]:
    """Yield the tokens of Neptune's query hints: patterns that match nothing, and say how to evaluate.

    A hint is `hint:Query hint:joinOrder "Ordered" .`, and may go on after a semicolon.
    """
    read = [token for token in found if token.kind not in ("space", "comment")]
    prefixes = {
        name.text.lower()
        for word, name, iri in zip(read, read[1:], read[2:], strict=False)
        if word.text.upper() == "PREFIX" and iri.text == f"<{_HINTS}>"
    }
    hinted = [
        (token.kind == "name" and token.text.partition(":")[0].lower() + ":" in prefixes)
        or (token.kind == "iri" and token.text.startswith(f"<{_HINTS}"))
        for token in read
    ]
    at = 0
    while at + 2 < len(read):
        if not (hinted[at] and hinted[at + 1] and read[at - 1].text.upper() != "PREFIX"):
            at += 1
            continue
        end = at + 3
        while end + 2 < len(read) and read[end].text == ";" and hinted[end + 1]:
            end += 3
        if end < len(read) and read[end].text == ".":
            end += 1
        yield from read[at:end]
        at = end


def _character(match: re.Match[str]) -> str:
    number = int(match[1] or match[2], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else match[0]


def place(text: str, at: int) -> str:
    """Return where in a text a character is, for a message."""
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"
