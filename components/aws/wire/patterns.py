"""The regular expressions of service models, which are written for Java, as Python's.

Differences that matter: `$` ends the text (Python's also matches before a last newline), \\p{...} classes,
characters beyond U+FFFF written as two \\u escapes, and \\w, \\d, \\s being ASCII. A pattern with `^` at its
start or `$` at its end means what it says; any other has to match the whole text, as the services do it.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable

_POSIX = {
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "ASCII": r"\x00-\x7f",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "Digit": "0-9",
    "Graph": r"\x21-\x7e",
    "Lower": "a-z",
    "Print": r"\x20-\x7e",
    "Punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "Space": r" \t\n\x0b\f\r",
    "Upper": "A-Z",
    "XDigit": "0-9a-fA-F",
}
_ALIASES = {"IsAlphabetic": "L", "IsDigit": "Nd", "IsLetter": "L", "IsPunctuation": "P", "Letter": "L"}
_TOKEN = re.compile(
    r"""\\(?P<negated>[pP])(?:\{\^?(?P<name>\w+)\}|(?P<letter>[A-Z]))
      | \\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})
      | \\x\{(?P<hex>[0-9a-fA-F]+)\}
      | \\(?P<end>[zZ])
      | (?P<escape>\\.)
      | (?P<bracket>[\[\]])
      | (?P<dollar>\$)""",
    re.VERBOSE | re.DOTALL,
)


class UnknownPatternError(ValueError):
    """A pattern that Python's `re` has no equal of."""


def _character(code: int) -> str:
    return f"\\U{code:08x}"


@functools.cache
def _ranges() -> dict[str, str]:
    """Return the inside of a character class for each Unicode category, e.g. "L" and its part "Lu"."""
    ranges: dict[str, list[list[int]]] = {}
    start = 0
    for part, run in itertools.groupby(map(unicodedata.category, map(chr, range(sys.maxunicode + 1)))):
        end = start + sum(1 for _ in run)
        for name in (part[0], part):
            known = ranges.setdefault(name, [])
            if known and known[-1][1] == start - 1:
                known[-1][1] = end - 1
            else:
                known.append([start, end - 1])
        start = end
    return {
        name: "".join(f"{_character(first)}-{_character(last)}" for first, last in known)
        for name, known in ranges.items()
    }


def _category(name: str) -> str:
    name = _ALIASES.get(name, name.removeprefix("Is"))
    inside = _POSIX.get(name) or _ranges().get(name)
    if inside is None:
        raise UnknownPatternError(f"no Unicode category {name}")
    return inside


def translate(pattern: str) -> str:
    """Return `pattern` in Python's syntax. Raises `UnknownPatternError` where there is none."""
    inside = False

    def replace(match: re.Match[str]) -> str:
        nonlocal inside
        if match["negated"]:
            characters = _category(match["name"] or match["letter"])
            if match["negated"] == "P" or "{^" in match[0]:
                if inside:
                    raise UnknownPatternError("a negated category inside a class")
                return f"[^{characters}]"
            return characters if inside else f"[{characters}]"
        if match["high"]:
            high, low = int(match["high"], 16), int(match["low"], 16)
            return _character(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        if match["hex"]:
            return _character(int(match["hex"], 16))
        if match["end"]:
            return r"\Z"
        if match["bracket"] == "[":
            if inside:
                raise UnknownPatternError("a class inside a class")
            inside = True
        elif match["bracket"] == "]":
            inside = False
        elif match["dollar"] and not inside:
            return r"\Z"
        return match[0]

    text = _TOKEN.sub(replace, pattern)
    if "&&" in text:
        raise UnknownPatternError("an intersection of classes")
    return text


@functools.cache
def matcher(pattern: str) -> Callable[[str], bool] | None:
    """Return the test for `pattern`; None (no check) for one that Python cannot express."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # `re` warns of what it may one day read otherwise
            compiled = re.compile(translate(pattern), re.ASCII)
    except (re.error, FutureWarning, DeprecationWarning, UnknownPatternError, OverflowError):
        return None
    anchored = pattern.startswith("^") or pattern.endswith("$")
    find = compiled.search if anchored else compiled.fullmatch
    return lambda text: find(text) is not None
