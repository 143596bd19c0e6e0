"""In which script a language is written, whether a word is of it, and a language of a word's script."""

from __future__ import annotations

import unicodedata

_SCRIPTS = {  # names of Unicode's letters begin so; of languages with one script, the first stands for all
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


def language_of(word: str) -> str:
    """Return a language (ISO 639-1) that is written in the script of a word's first letter, "" for none."""
    name = next((unicodedata.name(char, "") for char in word if char.isalpha()), "")
    if name.startswith(_OTHERS):
        return "en"
    return next((language for language, names in _SCRIPTS.items() if name.startswith(names)), "")
