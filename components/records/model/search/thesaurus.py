"""Words that stand for others: Solr's lists, and what lay people call clinical terms."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

from brume.records.model.search.words import stems, words

_LONGEST = 6  # words of a phrase that is looked up


class ThesaurusError(ValueError):
    """A list of synonyms that cannot be read; the message names the line."""


@dataclass(frozen=True)
class Expansion:
    """A query with a part in other words, and these words."""

    query: str
    phrase: str


class Thesaurus:
    """Phrases and what stands for them, found by the stems of their words."""

    def __init__(self, rules: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """Take pairs of a phrase and the phrases that may stand for it."""
        self._rules: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for phrase, others in rules:
            if key := stems(phrase):
                self._rules[key] += [other for other in others if other not in self._rules[key]]

    def expand(self, query: str) -> list[Expansion]:
        """Return what may stand for parts of a query: for the longest parts that have any."""
        found: list[Expansion] = []
        read = words(query)
        begin = 0
        while begin < len(read):
            for size in range(min(_LONGEST, len(read) - begin), 0, -1):
                part = read[begin : begin + size]
                if others := self._rules.get(tuple(word.stem for word in part)):
                    first, last = part[0].begin, part[-1].end
                    found += [Expansion(query[:first] + other + query[last:], other) for other in others]
                    begin += size
                    break
            else:
                begin += 1
        return list(dict.fromkeys(found))


def parse_solr(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Read synonyms as Kendra takes them: `a, b` mean each other, `a => b` goes one way.

    Raises `ThesaurusError` for a line that is neither. Source: Solr's SynonymGraphFilter.
    """
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        left, arrow, right = line.partition("=>")
        first = [part.strip() for part in left.split(",")]
        second = [part.strip() for part in right.split(",")] if arrow else first
        if not all(first) or not all(second) or (not arrow and len(first) < 2):
            raise ThesaurusError(f"line {number}: a rule reads `a, b, c` or `a => b, c`")
        rules += [(one, tuple(other for other in second if other != one)) for one in first]
    return rules


@functools.cache
def lay_terms() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what lay people say and the clinical terms that it means (`lay_terms.json`)."""
    return tuple((phrase, tuple(terms)) for phrase, terms in _lay_file()["phrases"].items())


@functools.cache
def lay_variants() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the lay terms, and each again with a word in place of one that means the same in it.

    In "blood pressure pill" a pill is a tablet or a medicine; in "water pill", too.
    """
    same = {word: words for words in _lay_file()["words"] for word in words}
    known = {stems(phrase) for phrase, _ in lay_terms()}
    found = list(lay_terms())
    for phrase, terms in lay_terms():
        words = phrase.split()
        if len(words) < 2:
            continue
        for place, word in enumerate(words):
            for other in same.get(word, ()):
                varied = " ".join([*words[:place], other, *words[place + 1 :]])
                if other != word and stems(varied) not in known:
                    found.append((varied, terms))
    return tuple(found)


@functools.cache
def _lay_file() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("lay_terms.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
