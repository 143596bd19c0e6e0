"""What the languages' readings share: addresses, letters and digits in one word, Roman numerals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

LETTER = r"[^\W\d_²³¹¼-¾⁰-₟⅐-⅟]"
"""A letter in a pattern: none of the signs for numbers that are a part of words too."""
_PARTS = re.compile(rf"\d+|{LETTER}+(?:'{LETTER}+)*|\S")
_ROMAN = re.compile(r"(?=[IVXLC])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list that is written as text."""
    return tuple(text.split())


def mixed(text: str, number: Callable[[str], str], symbols: Mapping[str, str], group: str) -> str:
    """Return a word of letters, digits and symbols, each part read by itself; `group` separates thousands."""
    parts = []
    for part in _PARTS.findall(re.sub(rf"(?<=\d)[{group}](?=\d{{3}}(?!\d))", "", text)):
        if part[0].isdecimal():
            parts.append(number(part))
        elif part[0].isalpha():
            parts.append(part)
        elif symbols.get(part):
            parts.append(symbols[part])
    return " ".join(parts)


def address(text: str, number: Callable[[str], str], symbols: Mapping[str, str], group: str) -> str:
    """Return an address of the web or of mail as it is read: without its scheme and query."""
    text = re.sub(r"^(?:(?:https?|ftp)://)?(?:www\.)?", "", text, flags=re.IGNORECASE)
    return mixed(re.sub(r"[?#].*$", "", text).rstrip("/"), number, symbols, group)


def roman(text: str) -> int:
    """Return the value of a Roman numeral up to 99, 0 for what is none."""
    if not _ROMAN.fullmatch(text):
        return 0
    values = [_ROMAN_VALUES[char] for char in text]
    return sum(
        -value if value < following else value
        for value, following in zip(values, [*values[1:], 0], strict=True)
    )
