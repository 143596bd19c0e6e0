"""Personal data in a text: names, dates, ages, places, numbers, addresses; Comprehend Medical's types."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

_WORD = r"[A-Z][\w'’-]+"
_PAIR = re.compile(rf"\b({_WORD})\s((?:[A-Z]\.?\s)?)({_WORD})\b")


@dataclass(frozen=True)
class Personal:
    """Personal data in a text: Comprehend Medical's type of it, its place and a score."""

    type: str
    begin: int
    end: int
    score: float


def find(text: str, names: Iterable[str] = ()) -> list[Personal]:
    """Return the personal data of a text, by their place. `names` are known ones, as of the patient."""
    found = [
        Personal(kind, *(match.span(1) if pattern.groups else match.span()), score)
        for kind, pattern, score in _listed().patterns
        for match in pattern.finditer(text)
    ]
    found += _names(text, names)
    found.sort(key=lambda one: (-one.score, one.begin - one.end))
    kept: list[Personal] = []
    for one in found:
        if one.begin < one.end and not any(one.begin < other.end and other.begin < one.end for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.begin)


def _names(text: str, known: Iterable[str]) -> list[Personal]:
    found = []
    parts = sorted(
        {part for name in known for part in [name, *name.split()] if len(part) > 1}, key=len, reverse=True
    )
    if parts:
        one = rf"(?<!\w)(?:{'|'.join(map(re.escape, parts))})(?!\w)"
        pattern = re.compile(rf"{one}(?:\s{one})*", re.IGNORECASE)
        found += [Personal("NAME", *match.span(), 0.99) for match in pattern.finditer(text)]
    patterns = _listed()
    for pattern, score in patterns.names:
        for match in pattern.finditer(text):
            begin, end = _trimmed(text, *match.span(1))
            if begin < end:
                found.append(Personal("NAME", begin, end, score))
    given, family = frequent_names()
    no_names = _listed().no_names
    for match in _PAIR.finditer(text):
        first, last = match[1].lower(), match[3].lower()
        if (
            first in given
            and last not in no_names
            and (last in family or last not in given or not text[: match.start()].rstrip().endswith("."))
        ):
            found.append(Personal("NAME", *match.span(), 0.85 if last in family else 0.7))
    return found


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int]:
    """Return a name without words that are no names at its ends."""
    no_names = _listed().no_names
    words = [(match.start(), match.end()) for match in re.finditer(r"[\w'’.-]+", text[begin:end])]
    while words and text[begin + words[-1][0] : begin + words[-1][1]].lower().strip(".") in no_names:
        words.pop()
    while words and text[begin + words[0][0] : begin + words[0][1]].lower().strip(".") in no_names:
        words.pop(0)
    return (begin + words[0][0], begin + words[-1][1]) if words else (begin, begin)


@functools.cache
def frequent_names() -> tuple[frozenset[str], frozenset[str]]:
    """Return given and family names that are frequent in the United States, in lower case."""
    listed = tomllib.loads((files(__package__) / "names.toml").read_text(encoding="utf-8"))
    return frozenset(listed["given"].split()), frozenset(listed["family"].split())


class _Listed(NamedTuple):
    """What phi.toml has: patterns with type and score, those of names, and words that are no names."""

    patterns: tuple[tuple[str, re.Pattern[str], float], ...]
    names: tuple[tuple[re.Pattern[str], float], ...]
    no_names: frozenset[str]


@functools.cache
def _listed() -> _Listed:
    listed = tomllib.loads((files(__package__) / "phi.toml").read_text(encoding="utf-8"))
    patterns = (
        (each["type"], re.compile(each["regex"], re.IGNORECASE if each["any_case"] else 0), each["score"])
        for each in listed["pattern"]
    )
    names = ((re.compile(each["regex"]), each["score"]) for each in listed["name"])
    return _Listed(tuple(patterns), tuple(names), frozenset(listed["no_names"]))
