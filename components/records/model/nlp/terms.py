"""The dictionary of conditions: terms by their words, of ICD-10-CM and of a list of usual names."""

from __future__ import annotations

import functools
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files

import pyarrow as pa

from brume.records.model.nlp.words import key, lexicon

_WORDS = 6  # of a term that is looked for in texts
# Terms of one word that mean something else in most notes.
_AMBIGUOUS = frozenset(lexicon()["ambiguous"])


@dataclass(frozen=True)
class Term:
    """A name of a condition: its words, its code, and whether a text must have it in capitals."""

    words: frozenset[str]
    code: str
    display: str
    rank: int
    capitals: bool = False


class Terms:
    """The terms of a terminology, by the rarest of their words."""

    def __init__(self, terms: Iterable[Term], titles: Mapping[str, str]) -> None:
        """Of several terms with the same words that with the least rank is kept."""
        best: dict[frozenset[str], Term] = {}
        for term in terms:
            before = best.get(term.words)
            if before is None or (term.rank, term.code) < (before.rank, before.code):
                best[term.words] = term
        self.by_words, self.titles = best, dict(titles)
        frequency = Counter(word for each in best for word in each)
        self.frequency = frequency
        self.by_anchor: dict[str, list[Term]] = {}
        for words_, term in best.items():
            if len(words_) <= _WORDS and _is_sought(term):
                anchor = min(words_, key=lambda word: (frequency[word], word))
                self.by_anchor.setdefault(anchor, []).append(term)
        for found in self.by_anchor.values():
            found.sort(key=lambda term: -len(term.words))

    def title(self, code: str) -> str:
        """Return the title of a code, the code itself where it has none here."""
        return self.titles.get(code, code)

    @classmethod
    def of(cls, table: pa.Table) -> Terms:
        """Return the terms of a table of ICD-10-CM (`icd10cm.table`) and the usual names."""
        columns = [table[name].to_pylist() for name in ("code", "title", "term", "key", "rank")]
        titles, terms = {}, []
        for code, title, term, words_, rank in zip(*columns, strict=True):
            titles[code] = title
            capitals = len(words_) == 1 and term.isupper()
            terms.append(Term(frozenset(words_), code, title, rank, capitals))
        for code, name, rank in usual_names():
            known = titles.get(code) or titles.get(code[:5]) or titles.get(code[:3], name)
            titles.setdefault(code, known)
            capitals = name.isupper() and len(name) <= 4
            terms.append(Term(frozenset(key(name)), code, known, rank, capitals))
        return cls([*terms, *_shortened(terms)], titles)


def _shortened(terms: Iterable[Term]) -> Iterator[Term]:
    """Yield terms with what stands for some of their words, which come after those without."""
    phrases = [
        (frozenset(key(phrase)), frozenset(key(short)))
        for phrase, others in lexicon()["phrases"].items()
        for short in others
    ]
    for term in terms:
        for phrase, short in phrases:
            if phrase < term.words:
                yield replace(term, words=term.words - phrase | short, rank=term.rank + 1)


@functools.cache
def usual_names() -> tuple[tuple[str, str, int], ...]:
    """Return code, name and rank of the usual names, which come before ICD's own."""
    listed = tomllib.loads((files(__package__) / "conditions.toml").read_text(encoding="utf-8"))
    return tuple(
        (code, name, -200 if group == "diagnoses" else -100)
        for group, codes in listed.items()
        for code, names in codes.items()
        for name in names
    )


@functools.cache
def symptom_codes() -> frozenset[str]:
    """Return the codes of the usual names that are symptoms."""
    return frozenset(code for code, _, rank in usual_names() if rank == -100)


def _is_sought(term: Term) -> bool:
    """Return whether a term is looked for in texts, rather than only when a phrase is given."""
    if term.rank < 0:
        return True
    code = term.code
    if code[0] == "Z" or "T36" <= code < "T66" or code[:3] in ("R94", "R97", "R99"):
        return False
    if len(term.words) == 1:
        (word,) = term.words
        return word not in _AMBIGUOUS and len(word) > 2
    return True
