"""The syntax of FHIRPath, as far as ViewDefinitions use it (hl7.org/fhirpath, sections 2 to 8)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from brume.records.model.views import temporal
from brume.records.model.views.errors import ViewError

_TOKEN = re.compile(
    r"""
    \s+ | //[^\n]* | /\*.*?\*/
    | (?P<date>@(?:T[\d:.]+ | \d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:[\d:]+(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?))
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<constant>%(?:[A-Za-z_]\w*|`[^`]+`|'[^']+'))
    | (?P<name>[A-Za-z_]\w*|`[^`]+`|\$this)
    | (?P<sign><=|>=|!=|[-+*/=<>().,[\]])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
# From the loosest to the tightest.
_LEVELS = (("or", "xor"), ("and",), ("=", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/"))
_MOST = 300  # tokens of an expression, which can be as deep


@dataclass(frozen=True)
class Literal:
    """A value, with its type in FHIR."""

    value: Any
    type: str


@dataclass(frozen=True)
class Constant:
    """%name."""

    name: str


@dataclass(frozen=True)
class This:
    """$this: what the expression is applied to."""


@dataclass(frozen=True)
class Member:
    """An element by its name."""

    base: Node
    name: str


@dataclass(frozen=True)
class Call:
    """A function."""

    base: Node
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Index:
    """One of several, from 0."""

    base: Node
    index: Node


@dataclass(frozen=True)
class Binary:
    """An operator between two expressions."""

    operator: str
    left: Node
    right: Node


Node = Literal | Constant | This | Member | Call | Index | Binary


def parse(text: str) -> Node:
    """Return the expression that a text is. Raises `ViewError` with the column, from 1."""
    parser = _Parser(text)
    found = parser.expression()
    parser.end()
    return found


class _Parser:
    """A recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._text = text
        self._at = 0

    def expression(self, level: int = 0) -> Node:
        """Read operators of a level and tighter ones; the left one goes first."""
        if level == len(_LEVELS):
            return self._signed()
        found = self.expression(level + 1)
        while (operator := self._next()[1]) in _LEVELS[level] and self._next()[0] in ("sign", "name"):
            self._at += 1
            found = Binary(operator, found, self.expression(level + 1))
        return found

    def end(self) -> None:
        """Raise unless everything was read."""
        if self._next()[0] != "end":
            raise self._error("an operator or the end")

    def _signed(self) -> Node:
        if self._take("-"):
            return Binary("-", Literal(0, "integer"), self._signed())
        return self._path(self._term())

    def _term(self) -> Node:
        kind, token, _ = self._next()
        if self._at_sign("("):
            self._at += 1
            found = self.expression()
            self._expect(")")
            return found
        read = _TERMS.get(kind)
        if read is None:
            raise self._error("a name, a value or a bracket")
        if kind == "name" and token not in ("true", "false", "$this"):
            return self._invocation(This())
        self._at += 1
        return read(token)

    def _path(self, base: Node) -> Node:
        while True:
            if self._take("."):
                base = self._invocation(base)
            elif self._take("["):
                base = Index(base, self.expression())
                self._expect("]")
            else:
                return base

    def _invocation(self, base: Node) -> Node:
        kind, token, _ = self._next()
        if kind != "name":
            raise self._error("a name")
        self._at += 1
        if token.startswith("$"):
            return base
        name = token.strip("`")
        if not self._take("("):
            return Member(base, name)
        arguments: list[Node] = []
        if not self._take(")"):
            arguments.append(self.expression())
            while self._take(","):
                arguments.append(self.expression())
            self._expect(")")
        return Call(base, name, tuple(arguments))

    def _next(self) -> tuple[str, str, int]:
        return self._tokens[self._at]

    def _take(self, sign: str) -> bool:
        taken = self._at_sign(sign)
        self._at += taken
        return taken

    def _at_sign(self, sign: str) -> bool:
        return self._next()[:2] == ("sign", sign)

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._error(repr(sign))

    def _error(self, wanted: str) -> ViewError:
        _, token, column = self._next()
        found = f"there is {token!r}" if token else "it ends"
        return ViewError(f"{self._text!r}: {found} at column {column + 1} where {wanted} is needed")


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """Return kind, text and column of the tokens; the last is the end."""
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ViewError(f"{text!r}: {text[at]!r} at column {at + 1} is no FHIRPath that views can have")
        if match.lastgroup:
            found.append((match.lastgroup, match[0], at))
        at = match.end()
    if len(found) > _MOST:
        raise ViewError(f"{text[:40]!r}...: an expression has at most {_MOST} names, values and signs")
    return [*found, ("end", "", len(text))]


def _unescaped(token: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPES.get(code, code)

    return _ESCAPE.sub(one, token[1:-1])


def _number(token: str) -> Literal:
    return Literal(Decimal(token), "decimal") if "." in token else Literal(int(token), "integer")


def _date(token: str) -> Literal:
    text = token[1:]
    if temporal.moment(text.strip("T")) is None:
        raise ViewError(f"{token} is no date or time of FHIRPath")
    if text.startswith("T"):
        return Literal(text[1:], "time")
    return Literal(text.removesuffix("T"), "dateTime" if "T" in text else "date")


def _name(token: str) -> Node:
    return This() if token == "$this" else Literal(token == "true", "boolean")  # noqa: S105 - no password


_TERMS: dict[str, Callable[[str], Node]] = {
    "text": lambda token: Literal(_unescaped(token), "string"),
    "number": _number,
    "date": _date,
    "constant": lambda token: Constant(token[1:].strip("`'")),
    "name": _name,
}
