"""An article as it is to be heard: blocks of text in order, and what was left out of it."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

TITLE, HEADING, PARAGRAPH, ITEM, QUOTE, TABLE = "title", "heading", "paragraph", "item", "quote", "table"
_SHOWN = 160  # characters of a text that was left out
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_LONGEST_NAME = 80
_YEARS = 1000, 9998  # that every format writes with four digits, in every time zone


class ArticleError(ValueError):
    """A document that is no article that can be read aloud; the message says why."""


@dataclass(frozen=True)
class Span:
    """A part of a block, `text[start:end]`, in another language."""

    start: int
    end: int
    language: str


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, list item, quotation, or summary of a table, in one line."""

    kind: str
    text: str
    level: int = 0  # of a heading: 2 to 6
    language: str = ""  # BCP 47; "" is the article's
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Omission:
    """Text that is not read aloud: the rule by which it was left out, and how it begins."""

    rule: str
    text: str


@dataclass(frozen=True)
class Article:
    """An article; `name` is its name in addresses, the same for all versions of it."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    omissions: tuple[Omission, ...] = ()
    language: str = ""  # BCP 47; "" where the document does not have it
    author: str = ""
    date: str = ""  # ISO 8601
    section: str = ""
    summary: str = ""
    image: str = ""
    address: str = ""  # of the page that it comes from
    retracted: bool = False


def to_json(article: Article) -> dict[str, Any]:
    """Return an article as values that JSON holds."""
    return dataclasses.asdict(article)


def from_json(given: Mapping[str, Any]) -> Article:
    """Return the article that `to_json` was called with."""
    blocks = tuple(
        Block(**{**block, "spans": tuple(Span(**span) for span in block["spans"])})
        for block in given["blocks"]
    )
    omissions = tuple(Omission(**omission) for omission in given["omissions"])
    return Article(**{**given, "blocks": blocks, "omissions": omissions})


def omission(rule: str, text: str) -> Omission:
    """Return an omission, its text shortened."""
    text = clean(text)
    return Omission(rule, text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def clean(text: str) -> str:
    """Return text in one line, without characters that nobody sees.

    The zero width joiner stays: it holds emoji together.
    """
    text = _INVISIBLE.sub("", text)
    shown = (
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cs", "Co", "Cn")
    )
    return " ".join("".join(shown).split())


def has_words(text: str) -> bool:
    """Return whether there is a letter or a digit in a text: something to say."""
    return any(character.isalnum() for character in text)


def date_of(text: str) -> str:
    """Return a date of ISO 8601 or of a mail as ISO 8601, "" for what is none."""
    for read in (datetime.datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text.strip())
        except (ValueError, TypeError, OverflowError):
            continue
        if not _YEARS[0] <= moment.year <= _YEARS[1]:
            return ""
        return moment.date().isoformat() if len(text.strip()) <= 10 else moment.isoformat()
    return ""


def address_of(text: str) -> str:
    """Return the address of a page, "" for one that is not of http or https, such as a script."""
    return text if re.fullmatch(r"https?://[^\s/?#][^\s]*", text, re.IGNORECASE) else ""


def name_of(text: str) -> str:
    """Return a name for addresses and files (a-z, 0-9, hyphens), made of a path, id or title.

    Accents are dropped. What then has no letters, or is too long, gets a digest, so that two stay two.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    letters = sum(character.isalpha() for character in text)
    if not name or 2 * sum(character.isalpha() for character in plain) < letters:
        return f"{name}-{digest}".lstrip("-")[-_LONGEST_NAME:]
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 11].rstrip('-')}-{digest}"
