"""Athena's SQL as it is written: one statement, of which kind, and what of it can be mended.

Trino refuses `SELECT a,,b`. A query of the original says so and has to run as it stands: an empty item of a
select list is taken out, and the execution says where. Nothing else is mended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokens import Token, TokenType

DIALECT = "trino"  # what Athena runs queries by; its own dialect in sqlglot adds Hive's DDL
_READ_ONLY = "queries here only read: SELECT, WITH, VALUES, UNLOAD, SHOW, DESCRIBE and EXPLAIN"
_CTAS = "; awswrangler creates a table for its result unless it is called with ctas_approach=False"
_QUERIES = (TokenType.SELECT, TokenType.WITH, TokenType.VALUES, TokenType.L_PAREN)
_ENDS = (
    TokenType.FROM,
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.HAVING,
    TokenType.ORDER_BY,
    TokenType.LIMIT,
    TokenType.UNION,
    TokenType.INTERSECT,
    TokenType.EXCEPT,
)


class RefusedError(ValueError):
    """A statement that is not taken; the message says where it is wrong and what to do."""


@dataclass(frozen=True)
class Statement:
    """One statement: its tokens, its text without a closing semicolon, and what was mended in it."""

    text: str
    tokens: tuple[Token, ...]
    warning: str = ""

    @property
    def first(self) -> str:
        """The first word, in capitals."""
        return re.match(r"\w*", self.text[self.tokens[0].start :])[0].upper()  # type: ignore[index]

    @property
    def is_query(self) -> bool:
        """Whether it is a SELECT, a VALUES, or a WITH before one."""
        return self.tokens[0].token_type in _QUERIES


def refused(token: Token, what: str, remedy: str = "") -> RefusedError:
    """Return the error that names a place in the text."""
    return RefusedError(f"line {token.line}:{_column(token)}: {what}{f': {remedy}' if remedy else ''}")


def _column(token: Token) -> int:
    """Return the column where a token starts, from 1; sqlglot counts to where it ends."""
    return max(1, int(token.col) - int(token.end - token.start))


def read(text: str) -> Statement:
    """Return the one statement of a text. Raises `RefusedError`."""
    try:
        tokens = sqlglot.tokenize(text, read=DIALECT)
    except TokenError as error:
        raise RefusedError(f"the statement cannot be read: {str(error).partition(chr(10))[0]}") from None
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise RefusedError("the statement is empty")
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            raise refused(token, "a second statement follows", "give one statement at a time")
    empty = _empty_items(tokens)
    kept = text[: tokens[-1].end + 1]
    for token in empty:
        kept = f"{kept[: token.start]} {kept[token.end + 1 :]}"
    warning = ""
    if empty:
        places = ", ".join(f"line {token.line}:{_column(token)}" for token in empty)
        warning = f"mended: an empty item of the select list ({places}) was left out; remove the second comma"
        tokens = [token for token in tokens if token not in empty]
    return Statement(kept, tuple(tokens), warning)


def _empty_items(tokens: Sequence[Token]) -> list[Token]:
    """Return the commas that stand right after another within a select list.

    Raises `RefusedError` for every other comma with nothing behind it, which sqlglot would pass over.
    """
    found = []
    listing = [False]  # for each open bracket, whether the items of a SELECT are being listed in it
    before: Token | None = None
    for token in tokens:
        kind = token.token_type
        if before is not None and before.token_type is TokenType.COMMA:
            if kind is TokenType.COMMA and listing[-1]:
                found.append(token)
                continue
            if kind in (TokenType.COMMA, TokenType.R_PAREN, TokenType.R_BRACKET, *_ENDS):
                raise refused(before, "nothing follows this comma", "remove it, or say what was meant")
        if kind in (TokenType.L_PAREN, TokenType.L_BRACKET):
            listing.append(False)
        elif kind in (TokenType.R_PAREN, TokenType.R_BRACKET):
            if len(listing) > 1:
                listing.pop()
        elif kind is TokenType.SELECT:
            listing[-1] = True
        elif kind in _ENDS:
            listing[-1] = False
        before = token
    if before is not None and before.token_type is TokenType.COMMA:
        raise refused(before, "nothing follows this comma", "remove it, or say what was meant")
    return found


def parse(statement: Statement) -> exp.Expression:
    """Return the tree of a query. Raises `RefusedError` for anything else."""
    if not statement.is_query:
        remedy = _READ_ONLY + (_CTAS if statement.first == "CREATE" else "")
        raise refused(statement.tokens[0], f"{statement.first} is not supported", remedy)
    try:
        trees = sqlglot.parse(statement.text, read=DIALECT)
    except ParseError as error:
        told = error.errors[0] if error.errors else {}
        words = str(told.get("description") or "it cannot be read").rstrip(".")
        near = f" near '{told['highlight']}'" if told.get("highlight") else ""
        column = max(1, int(told.get("col") or 1) - len(str(told.get("highlight") or "")) + 1)
        raise RefusedError(f"line {told.get('line') or 1}:{column}: {words}{near}") from None
    except (SqlglotError, RecursionError) as error:
        raise RefusedError(f"the statement cannot be read: {type(error).__name__}") from None
    tree = trees[0] if len(trees) == 1 else None
    if isinstance(tree, exp.Values):
        names = [f"_col{place}" for place in range(len(tree.expressions[0].expressions))]
        tree = exp.select("*").from_(exp.alias_(tree, "t", table=names, quoted=True))
    if not isinstance(tree, exp.Query):
        raise refused(statement.tokens[0], "this is no query", _READ_ONLY)
    return tree


def literal(text: str, position: int) -> exp.Expression:
    """Return a value for a `?` as it is written in SQL: 12, -1.5, 'text', TRUE, NULL, DATE '2026-03-02'.

    Raises `RefusedError` for anything that is not one value.
    """
    try:
        tree = sqlglot.parse_one(f"SELECT {text}", read=DIALECT).selects[0]
    except (SqlglotError, RecursionError, AttributeError, IndexError):
        tree = None
    bare = tree.this if isinstance(tree, (exp.Neg, exp.Cast)) else tree
    if (
        not isinstance(bare, (exp.Literal, exp.Boolean, exp.Null))
        or len(sqlglot.tokenize(text, read=DIALECT)) > 4
    ):
        raise RefusedError(
            f"execution parameter {position} is no value: write numbers as they are, texts in quotes: 'text'"
        )
    assert tree is not None
    return tree
