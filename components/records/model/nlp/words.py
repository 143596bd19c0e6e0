"""Words of a text with their places, and the form in which they are compared."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from importlib.resources import files
from typing import Any, NamedTuple

_WORD = re.compile(r"\d+(?:[.,]\d+)+|\w+(?:['’]\w+)*|[^\w\s]")
_PARENTHESES = re.compile(r"\([^()]*\)")


@functools.cache
def lexicon() -> dict[str, Any]:
    """Return the words of clinical notes of lexicon.toml."""
    return tomllib.loads((files(__package__) / "lexicon.toml").read_text(encoding="utf-8"))


STOP = frozenset(lexicon()["stop"])
"""Words that make no difference to what a term names."""
_SAME: dict[str, str] = {word: meant for meant, words_ in lexicon()["same"].items() for word in words_}
_WHOLE = frozenset({"has", "is", "was", "his", "this", "its", "pus", "as", "gas", "us", "mets"})  # no plurals


class Word(NamedTuple):
    """A word or a sign: its place in code points, and its compared form ("" for a sign)."""

    begin: int
    end: int
    form: str


def words(text: str, begin: int = 0, end: int | None = None) -> list[Word]:
    """Return the words and signs of a part of a text, in their order."""
    found = _WORD.finditer(text, begin, len(text) if end is None else end)
    return [Word(match.start(), match.end(), form(match[0])) for match in found]


@functools.lru_cache(1 << 16)
def form(word: str) -> str:
    """Return the compared form of a word: lower case, no accents, singular, American; "" for a sign."""
    if not (word[0].isalnum() or word[0] == "_"):
        return ""
    plain = word.lower()
    if not plain.isascii():
        plain = "".join(
            char
            for char in unicodedata.normalize("NFD", plain.replace("’", "'"))
            if not unicodedata.combining(char)
        )
    plain = plain.removesuffix("'s").replace("'", "")
    if plain in _WHOLE:
        return plain
    if len(plain) > 5:
        plain = plain.replace("ae", "e").replace("oe", "e")
    if len(plain) > 4 and plain.endswith("ies"):
        plain = plain[:-3] + "y"
    elif len(plain) > 7 and plain.endswith("oses"):
        plain = plain[:-2] + "i"  # keratoses, as keratosis without its s
    elif len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss"):
        plain = plain[:-1]
    return _SAME.get(plain, plain)


def key(text: str) -> tuple[str, ...]:
    """Return the words that make a term what it is, sorted: equal for terms that differ in order alone."""
    return tuple(sorted({word.form for word in words(text) if word.form and word.form not in STOP}))


def without_parentheses(text: str) -> str:
    """Return a term without what stands in parentheses, which may be absent from it in a text."""
    while (shorter := _PARENTHESES.sub(" ", text)) != text:
        text = shorter
    return " ".join(text.split())
