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
_CURLY = re.compile("[\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb]")
_REMEDIES = {
    "-": ': a name with a hyphen stands in double quotes: "smgt-gluedatabase"',
    "`": ': names are quoted with double quotes: "labels"',
    "%": ": a pattern of LIKE stands in single quotes: '%Car%'",
}
_TOLD = 10  # places that a warning names
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
    except TokenError:
        raise RefusedError(_unclosed(text)) from None
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise RefusedError("the statement is empty")
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            raise refused(token, "a second statement follows", "give one statement at a time")
        if token.token_type is TokenType.VAR and (curly := _CURLY.search(token.text)):
            raise refused(
                token,
                f"{curly[0]} is a typographic quote",
                "names are written in \"straight\" double quotes, texts in 'straight' single ones",
            )
    empty = _empty_items(tokens)
    kept = text[: tokens[-1].end + 1]
    warning = ""
    if empty:
        gone = {token.start for token in empty}
        kept = "".join(" " if place in gone else letter for place, letter in enumerate(kept))
        places = ", ".join(f"line {token.line}:{_column(token)}" for token in empty[:_TOLD])
        more = f" and {len(empty) - _TOLD} more" if len(empty) > _TOLD else ""
        warning = (
            f"mended: an empty item of the select list ({places}{more}) was left out; remove the second comma"
        )
        tokens = [token for token in tokens if token.start not in gone]
    return Statement(kept, tuple(tokens), warning)


def _unclosed(text: str) -> str:
    """Return where the quote or comment begins that keeps a text from being read."""
    found = re.search(
        r"(?:[^'\"/-]|'[^']*+'|\"[^\"]*+\"|--[^\n]*+|/\*(?s:.*?)\*/|[/-](?![/*-]))*+(['\"]|/\*)", text
    )
    if found is None:
        return "the statement cannot be read: it has a character that SQL has not"
    before = text[: found.start(1)]
    place = f"line {before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    return f"{place}: what begins here with {found[1]} is not closed"


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
        word = statement.first or statement.tokens[0].text
        raise refused(statement.tokens[0], f"{word} is not supported", remedy)
    try:
        trees = sqlglot.parse(statement.text, read=DIALECT)
    except ParseError as error:
        details = error.errors[0] if error.errors else {}
        words = _plain(str(details.get("description") or "it cannot be read"))
        near = f" near '{details['highlight']}'" if details.get("highlight") else ""
        column = max(1, int(details.get("col") or 1) - len(str(details.get("highlight") or "")) + 1)
        remedy = _REMEDIES.get(str(details.get("highlight")), "")
        raise RefusedError(f"line {details.get('line') or 1}:{column}: {words}{near}{remedy}") from None
    except RecursionError:
        raise RefusedError("the statement is nested too deeply to be read") from None
    except SqlglotError as error:
        raise RefusedError(f"the statement cannot be read: {type(error).__name__}") from None
    tree = trees[0] if len(trees) == 1 else None
    if isinstance(tree, exp.Values):
        names = [f"_col{place}" for place in range(len(tree.expressions[0].expressions))]
        tree = exp.select("*").from_(exp.alias_(tree, "t", table=names, quoted=True))
    if tree is not None and any(not select.selects for select in tree.find_all(exp.Select)):
        raise refused(statement.tokens[0], "a SELECT names nothing", "SELECT * FROM labels")
    if not isinstance(tree, exp.Query):
        raise refused(statement.tokens[0], "this is no query", _READ_ONLY)
    return tree


def _plain(words: str) -> str:
    """Return what sqlglot says of an error without the names of its own classes."""
    words = re.sub(r"Required keyword: .* missing for <class .*>", "something is missing", words)
    return re.sub(r" but got (<Token.*|None)", "", words, flags=re.DOTALL).rstrip(".")


def literal(text: str, position: int) -> exp.Expression:
    """Return a value for a `?` as it is written in SQL: 12, -1.5, 'text', TRUE, NULL, DATE '2026-03-02'.

    Raises `RefusedError` for anything that is not one value.
    """
    try:
        select = sqlglot.parse_one(f"SELECT {text}", read=DIALECT)
        alone = {name for name, part in select.args.items() if part} == {"expressions"}
        tree = select.selects[0] if alone and len(select.selects) == 1 else None
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
