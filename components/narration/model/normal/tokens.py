"""Tokens of plain text: words with their place, and the punctuation around them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

ADDRESS = re.compile(
    r"(?:(?:https?|ftp)://|www\.)[^\s<>\"]{0,2000}[\w/]"  # an address of the web
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}"  # of mail
    r"|(?:[A-Za-z0-9-]{1,63}\.){1,9}(?:com|org|net|edu|gov|io|dev|ai|co|info|es|mx|ar|eu|uk|de|fr)(?:/[^\s<>\"]{0,2000}[\w/])?"
    r"(?![\w@])",
    re.IGNORECASE,
)
_OPENING = "\"'“”‘’„‚«»‹›([{¿¡\\*_~`•·▪●◦–—|<>"
_CLOSING = "\"'“”‘’«»‹›)]}*_~`–—|<>.,;:!?…。"
_SPLIT = re.compile(
    r"—|--+|(?<=\w)–(?=[^\W\d])|(?<=[^\W\d])–(?=\w)|(?<=[a-z]\.)–(?=\w)|…|(?<=[^\W\d_]{2})/(?=[^\W\d_]{2})"
)
# A number in groups of three digits is one word: with spaces that do not break, of many groups, or in zeros.
_CHUNK = re.compile(
    r"(?<!\S)(?:[€$£¥+-]?\d{1,3}(?:[\u00a0\u202f\u2009]\d{3}){1,9}"
    r"|[€$£¥-]?(?:\d{1,2}(?: \d{3}){2,9}|\d{1,3}(?: \d{3}){0,8} 000))(?!\d)\S*|\S+"
)
_ALONE = ("<", ">", "~")  # signs that are punctuation only beside something
_STRAIGHT = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "−": "-", "\u2010": "-", "\u2011": "-", "\u00ad": None}
    | dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
)
_STRENGTH = (("?", "?"), ("!", "!"), (".…。", "."), (";", ";"), (":", ":"), (",)]–—-(", ","))


@dataclass(frozen=True)
class Token:
    """A word or symbol, `source[start:end]`: `text` with plain apostrophes and hyphens, accents composed."""

    start: int
    end: int
    text: str
    opening: str
    closing: str

    @property
    def number(self) -> str:
        """The number that it is, "" if it is none."""
        return self.text if self.text[:1].isdecimal() else ""


def tokens(source: str) -> Iterator[Token]:
    """Iterate the tokens of a text; punctuation that stands alone is the closing of the one before it."""
    waiting: Token | None = None
    opening = ""
    for start, end in _pieces(source):
        first, last = _bare(source, start, end)
        text = _plain(source[first:last])
        if not text:
            if waiting is None:
                opening += source[start:end]
            else:
                waiting = _closed(waiting, source[start:end])
            continue
        if waiting is not None:
            if "(" in source[start:first]:  # what is in brackets is set apart
                waiting = _closed(waiting, "(")
            yield waiting
        waiting = Token(first, last, text, opening + source[start:first], source[last:end])
        opening = ""
    if waiting is not None:
        yield waiting


def _plain(text: str) -> str:
    """Return text with plain apostrophes and hyphens, composed accents, and nothing that is not seen."""
    text = "".join(unicodedata.normalize("NFC", text).translate(_STRAIGHT).split())
    if text.isprintable():
        return text
    return "".join(char for char in text if not _unseen(char))


def _unseen(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf")


def _closed(token: Token, more: str) -> Token:
    return Token(token.start, token.end, token.text, token.opening, token.closing + more)


def _pieces(source: str) -> Iterator[tuple[int, int]]:
    """Iterate the ends of what stands between white space, dashes and slashes."""
    for chunk in _CHUNK.finditer(source):
        start, end = chunk.span()
        if ADDRESS.search(chunk[0]):
            yield start, end
            continue
        for found in _SPLIT.finditer(chunk[0]):
            if start < chunk.start() + found.start():
                yield start, chunk.start() + found.start()
            start = chunk.start() + found.end()
            if found[0] != "/":
                yield chunk.start() + found.start(), start
        if start < end:
            yield start, end


def _bare(source: str, start: int, end: int) -> tuple[int, int]:
    """Return the ends of a piece without the punctuation around it, and without what is not seen there."""
    if source[start:end] in _ALONE:
        return start, end
    while start < end and (source[start] in _OPENING or _unseen(source[start])):
        if source[start] in "'‘’~" and source[start + 1 : start + 2].isdecimal():  # '80s, ~5
            break
        start += 1
    while end > start and (source[end - 1] in _CLOSING or _unseen(source[end - 1])):
        end -= 1
    return start, end


def pause(closing: str) -> str:
    """Return which of . , ? ! ; : a token's closing punctuation is read as; "" for none."""
    return next((mark for marks, mark in _STRENGTH if any(char in closing for char in marks)), "")
