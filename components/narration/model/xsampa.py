"""X-SAMPA to IPA, by the whole of Wells' table.

Source: J. C. Wells, "Computer-coding the IPA: a proposed extension of SAMPA" (1995/2000).
"""

from __future__ import annotations

import re
import unicodedata

_CONSONANTS = {
    "b": "b", "b_<": "ɓ", "c": "c", "d": "d", "d`": "ɖ", "d_<": "ɗ", "f": "f", "g": "ɡ", "g_<": "ɠ", "h": "h",
    "h\\": "ɦ", "j": "j", "j\\": "ʝ", "k": "k", "l": "l", "l`": "ɭ", "l\\": "ɺ", "m": "m", "n": "n", "n`":
    "ɳ", "p": "p", "p\\": "ɸ", "q": "q", "r": "r", "r`": "ɽ", "r\\": "ɹ", "r\\`": "ɻ", "s": "s", "s`": "ʂ",
    "s\\": "ɕ", "t": "t", "t`": "ʈ", "v": "v", "v\\": "ʋ", "w": "w", "x": "x", "x\\": "ɧ", "z": "z", "z`":
    "ʐ", "z\\": "ʑ", "B": "β", "B\\": "ʙ", "C": "ç", "D": "ð", "F": "ɱ", "G": "ɣ", "G\\": "ɢ", "G\\_<": "ʛ",
    "H": "ɥ", "H\\": "ʜ", "J": "ɲ", "J\\": "ɟ", "J\\_<": "ʄ", "K": "ɬ", "K\\": "ɮ", "L": "ʎ", "L\\": "ʟ",
    "M\\": "ɰ", "N": "ŋ", "N\\": "ɴ", "O\\": "ʘ", "P": "ʋ", "R": "ʁ", "R\\": "ʀ", "S": "ʃ", "T": "θ",
    "W": "ʍ", "X": "χ", "X\\": "ħ", "Z": "ʒ", "?": "ʔ", "?\\": "ʕ", "<\\": "ʢ", ">\\": "ʡ", "!\\": "ǃ",
    "|\\": "ǀ", "|\\|\\": "ǁ", "=\\": "ǂ",
}  # fmt: skip
_VOWELS = {
    "a": "a", "e": "e", "i": "i", "o": "o", "u": "u", "y": "y", "A": "ɑ", "E": "ɛ", "I": "ɪ", "I\\": "ᵻ",
    "M": "ɯ", "O": "ɔ", "Q": "ɒ", "U": "ʊ", "U\\": "ᵿ", "V": "ʌ", "Y": "ʏ", "@": "ə", "@\\": "ɘ", "@`": "ɚ",
    "{": "æ", "}": "ʉ", "1": "ɨ", "2": "ø", "3": "ɜ", "3`": "ɝ", "3\\": "ɞ", "4": "ɾ", "5": "ɫ", "6": "ɐ",
    "7": "ɤ", "8": "ɵ", "9": "œ", "&": "ɶ",
}  # fmt: skip
_MARKS = {
    "'": "ʲ", "_j": "ʲ", ":": "ː", ":\\": "ˑ", '"': "ˈ", "%": "ˌ", "_": "͡", ".": ".", "-": "",
    "|": "|", "||": "‖", "-\\": "‿", "`": "˞", "~": "̃", "_~": "̃", "=": "̩", "_=": "̩", "_h": "ʰ", "_w": "ʷ",
    "_G": "ˠ", "_?\\": "ˤ", "_n": "ⁿ", "_l": "ˡ", "_0": "̥", "_v": "̬", "_t": "̤", "_k": "̰", "_d": "̪",
    "_a": "̺", "_m": "̻", "_N": "̼", "_r": "̝", "_o": "̞", "_A": "̘", "_q": "̙", "_+": "̟", "_-": "̠", '_"':
    "̈", "_x": "̽", "_^": "̯", "_}": "̚", "_e": "̴", "_O": "̹", "_c": "̜", "_>": "ʼ", "_X": "̆", "_T": "̋",
    "_H": "́", "_M": "̄", "_L": "̀", "_B": "̏", "_R": "̌", "_F": "̂", "^": "ꜛ", "!": "ꜜ", " ": " ",
}  # fmt: skip
_TABLE = {**_MARKS, **_VOWELS, **_CONSONANTS}
_SYMBOL = re.compile("|".join(re.escape(symbol) for symbol in sorted(_TABLE, key=len, reverse=True)))


# Also what is written for symbols of the IPA: ligatures, a plain g and apostrophe, tones, a joiner.
_WRITTEN = "g'ʣʤʥʦʧʨᵊᵝ˥˦˧˨˩↗↘\u0327\u200d"
_IPA = frozenset("".join(_TABLE.values()) + _WRITTEN)


def check_ipa(text: str) -> None:
    """Raise `ValueError` that names the first character of a text that is none of the IPA's."""
    for place, char in enumerate(unicodedata.normalize("NFD", text), 1):
        if char not in _IPA and not char.isspace():
            raise ValueError(f"{char!r}, character {place} of {text!r}, is no symbol of the IPA")


def ipa(text: str) -> str:
    """Return X-SAMPA in IPA. Raises `ValueError` that names the first symbol that is none."""
    found, place = [], 0
    while place < len(text):
        symbol = _SYMBOL.match(text, place)
        if symbol is None:
            raise ValueError(f"{text[place]!r}, character {place + 1} of {text!r}, is no symbol of X-SAMPA")
        found.append(_TABLE[symbol[0]])
        place = symbol.end()
    return "".join(found)
