"""Personal data in a text: names, dates, ages, places, numbers, addresses; Comprehend Medical's types."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

from brume.records.model.nlp.words import form

_RUN = re.compile(r"\b[A-Z][\w'’-]+(?:\s(?:[A-Z]\.?\s)?[A-Z][\w'’-]+)+\b")  # words with capitals

# A title and the name after it; "MS" in capitals is a disease.
_TITLED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Doctor|Prof|Professor|Nurse)\b\.?\s(?:[A-Z]\.\s)?([A-Z][\w’'-]*[a-z](?!\w))"
)


@dataclass(frozen=True)
class Personal:
    """Personal data in a text: Comprehend Medical's type of it, its place and a score."""

    type: str
    begin: int
    end: int
    score: float


def find(text: str, names: Iterable[str] = (), known: Container[str] = frozenset()) -> list[Personal]:
    """Return the personal data of a text, by their place.

    `names` are those that are known, such as the patient's; `known` are the compared forms of words
    (`words.form`) that are no names, without which more is taken for one.
    """
    found = [
        Personal(kind, *(match.span(1) if pattern.groups else match.span()), score)
        for kind, pattern, score in _listed().patterns
        for match in pattern.finditer(text)
    ]
    found += _names(text, names, known)
    found.sort(key=lambda one: (-one.score, one.begin - one.end))
    kept: list[Personal] = []
    for one in found:
        if one.begin < one.end and not any(one.begin < other.end and other.begin < one.end for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.begin)


def surnames(text: str) -> frozenset[str]:
    """Return the names that stand after a title in a text, such as "Whitlow" of "Mr. Whitlow"."""
    return frozenset(match[1].removesuffix("'s").removesuffix("’s") for match in _TITLED.finditer(text))


def is_surname(text: str, begin: int, end: int, known: Container[str]) -> bool:
    """Return whether a part of a text is one of the `known` surnames, or a word after a usual given name."""
    word = text[begin:end].removesuffix("'s").removesuffix("’s")
    if word in known:
        return True
    if not (word.istitle() and word.isalpha()):
        return False
    before = re.search(r"\b([A-Z][a-z]+)\s(?:[A-Z]\.\s)?$", text[max(0, begin - 24) : begin])
    return before is not None and before[1] != "Frank" and before[1].lower() in frequent_names()[0]


def _names(text: str, given: Iterable[str], known: Container[str]) -> list[Personal]:
    found = []
    parts = sorted(
        {part for name in given for part in [name, *name.split()] if len(part) > 1}, key=len, reverse=True
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
    for match in _RUN.finditer(text):
        found += _in_run(text, match.start(), match.end(), known)
    return found


def _in_run(text: str, begin: int, end: int, known: Container[str]) -> Iterator[Personal]:
    """Yield names in a run of words with capitals: two or more that are no known words, beside each other."""
    given, family = frequent_names()
    names: list[tuple[int, int]] = []
    likely = False
    for match in [*re.finditer(r"[\w'’-]+", text[begin:end]), None]:
        word = match[0] if match else ""
        lower = word.lower()
        frequent = lower in given or lower in family
        if match and len(word) == 1 and names:
            continue  # an initial
        if match and lower not in _listed().no_names and (frequent or _is_strange(word, known)):
            names.append((begin + match.start(), begin + match.end()))
            likely = likely or frequent
            continue
        if len(names) > 1:
            yield Personal("NAME", names[0][0], names[-1][1], 0.85 if likely else 0.7)
        names, likely = [], False


def _is_strange(word: str, known: Container[str]) -> bool:
    """Return whether a word with a capital may be a name: it is no abbreviation and no known word."""
    return not word.isupper() and word.isalpha() and form(word) not in known


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
