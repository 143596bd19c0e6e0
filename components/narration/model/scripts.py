"""In which script a language is written, and whether a word is of it."""

from __future__ import annotations

import unicodedata

_SCRIPTS = {  # names of Unicode's letters begin so
    "ar": ("ARABIC",),
    "el": ("GREEK",),
    "hi": ("DEVANAGARI",),
    "ko": ("HANGUL",),
    "ru": ("CYRILLIC",),
    "uk": ("CYRILLIC",),
    "zh": ("CJK",),
}
_OTHERS = ("LATIN",)
_LONG = {"arb": "ar", "cmn": "zh"}


def short(code: str) -> str:
    """Return the language (ISO 639-1) of a code of Polly's: ar of arb, en of en-US."""
    language = code.partition("-")[0].lower()
    return _LONG.get(language, language)


def sayable(word: str, language: str) -> bool:
    """Return whether a word has a letter of the script of a language (ISO 639-1), or a digit."""
    names = _SCRIPTS.get(language, _OTHERS)
    return any(
        char.isdecimal() or (char.isalpha() and unicodedata.name(char, "").startswith(names)) for char in word
    )
