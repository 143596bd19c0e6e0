"""Codes of ICD-10-CM for a phrase: by its words, and by meaning among those that share a word."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from brume.records.model.entity import CodeSystem, Concept
from brume.records.model.minilm import MiniLM
from brume.records.model.nlp.mentions import find
from brume.records.model.nlp.terms import Term, Terms
from brume.records.model.nlp.words import key, words

_CANDIDATES = 24  # terms whose meaning is compared
_MEANING = 0.35  # share of the meaning in a score, the rest is of the words
_USUAL = 0.04  # what a usual name is preferred by
# Of a cancer these say the tissue; ICD-10-CM codes its site.
_TISSUES = frozenset(
    {
        "squamou",
        "cell",
        "ductal",
        "lobular",
        "infiltrating",
        "invasive",
        "transitional",
        "small",
        "large",
        "metastatic",
    }
)
_KEPT = 1 << 14  # phrases whose codes are remembered


class Linker:
    """Finds codes for phrases. Without MiniLM (`network` None) the words alone decide."""

    def __init__(self, terms: Terms, network: MiniLM | None = None) -> None:
        self._terms, self._network = terms, network
        count = len(terms.by_words)
        self._weights = {word: math.log(count / (1 + times)) for word, times in terms.frequency.items()}
        self._unknown = math.log(count)
        self._index: dict[str, list[Term]] = {}
        for term in terms.by_words.values():
            for word in term.words:
                self._index.setdefault(word, []).append(term)
        self._remembered = functools.lru_cache(_KEPT)(self._link)

    def link(self, phrase: str, most: int = 5) -> tuple[Concept, ...]:
        """Return `most` codes that a phrase may mean, best first; none where no word is known."""
        return self._remembered(" ".join(phrase.split()))[:most]

    def concept(self, term: Term, score: float) -> Concept:
        """Return a term as a concept."""
        return Concept(CodeSystem.ICD10CM, term.code, self._terms.title(term.code), round(score, 4))

    def _link(self, phrase: str) -> tuple[Concept, ...]:
        given = frozenset(key(phrase))
        if "cancer" in given and len(given - _TISSUES) > 1:
            given -= _TISSUES
        exact = self._terms.by_words.get(given)
        scored = {exact.code: (0.98, exact)} if exact else {}
        candidates = self._candidates(given)
        for mention in find(words(phrase), phrase, self._terms):
            candidates.setdefault(mention.term.words, (mention.term, self._shared(given, mention.term)))
        ranked = sorted(candidates.values(), key=lambda each: -each[1])[:_CANDIDATES]
        meanings = self._meanings(phrase, [term for term, _ in ranked])
        for (term, score), meaning in zip(ranked, meanings, strict=True):
            total = score if meaning is None else (1 - _MEANING) * score + _MEANING * meaning
            total = min(total + _USUAL * (term.rank < 0) - 0.0002 * max(term.rank, 0), 0.97)
            if total > scored.get(term.code, (0.0, term))[0]:
                scored[term.code] = (total, term)
        best = sorted(scored.values(), key=lambda each: (-each[0], each[1].code))
        return tuple(self.concept(term, score) for score, term in best[:10] if score > 0)

    def _candidates(self, given: frozenset[str]) -> dict[frozenset[str], tuple[Term, float]]:
        """Return terms that share the rarer words of a phrase, with their scores."""
        known = sorted(
            (word for word in given if word in self._index), key=lambda word: len(self._index[word])
        )
        found: dict[frozenset[str], tuple[Term, float]] = {}
        for word in known[:4]:
            for term in self._index[word][:4000]:
                if term.words not in found:
                    found[term.words] = (term, self._shared(given, term))
        return found

    def _shared(self, given: frozenset[str], term: Term) -> float:
        """Return the harmonic mean of what phrase and term share of each other, by the weight of words."""
        weight = self._weights.get
        shared = sum(weight(word, self._unknown) for word in given & term.words)
        if not shared:
            return 0.0
        of_phrase = sum(weight(word, self._unknown) for word in given)
        of_term = sum(weight(word, self._unknown) for word in term.words)
        return 2 * shared / (of_phrase + of_term)

    def _meanings(self, phrase: str, terms: Sequence[Term]) -> Sequence[float | None]:
        if self._network is None or not terms:
            return [None] * len(terms)
        names = [" ".join(sorted(term.words)) if term.rank < 0 else term.display for term in terms]
        rows = self._network.encode([phrase, *names])
        return [float(value) for value in np.clip(rows[1:] @ rows[0], 0, 1)]
