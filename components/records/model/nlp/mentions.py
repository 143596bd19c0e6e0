"""Finds the terms of a dictionary in a sentence: their words near each other, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brume.records.model.nlp.terms import Term, Terms
from brume.records.model.nlp.words import STOP, Word, lexicon

_GAP = 1  # words of other meaning that may stand between those of a term
_BARRIERS = frozenset(lexicon()["barriers"])
_KIND = "type"  # a stop word that belongs to the number after it


@dataclass(frozen=True)
class Mention:
    """A term in a text: `first` and `last` are the numbers of its words in the sentence."""

    term: Term
    begin: int
    end: int
    first: int
    last: int


def find(sentence: Sequence[Word], text: str, terms: Terms) -> list[Mention]:
    """Return the terms in a sentence, by their place; of those that overlap, those of more words."""
    places: dict[str, list[int]] = {}
    for number, word in enumerate(sentence):
        if word.form and word.form not in STOP:
            places.setdefault(word.form, []).append(number)
    present = places.keys()
    found: list[tuple[int, int, int, Mention]] = []
    for anchor, numbers in places.items():
        for term in terms.by_anchor.get(anchor, ()):
            if len(term.words) > 1 and not term.words <= present:
                continue
            for number in numbers:
                span = _span(term, number, places, sentence, text)
                if span is None:
                    continue
                first, last = _from_kind(span[0], sentence), span[1]
                begin, end = sentence[first].begin, sentence[last].end
                if term.capitals and not text[begin:end].isupper():
                    continue
                found.append(
                    (-len(term.words), last - first, term.rank, Mention(term, begin, end, first, last))
                )
    found.sort(key=lambda each: each[:3])
    taken: set[int] = set()
    kept = []
    for *_, mention in found:
        span_ = range(mention.first, mention.last + 1)
        if taken.isdisjoint(span_):
            taken.update(span_)
            kept.append(mention)
    return sorted(kept, key=lambda mention: mention.begin)


def _from_kind(first: int, sentence: Sequence[Word]) -> int:
    """Return where a mention begins whose first word may be a number: "2 diabetes" at its "type"."""
    numbered = sentence[first].form in ("1", "2", "i", "ii")
    return first - 1 if numbered and first and sentence[first - 1].form == _KIND else first


def _span(
    term: Term, number: int, places: dict[str, list[int]], sentence: Sequence[Word], text: str
) -> tuple[int, int] | None:
    """Return the first and last word of a term around its anchor, None where its words are too far."""
    if len(term.words) == 1:
        return number, number
    chosen = [min(places[word], key=lambda place: abs(place - number)) for word in term.words]
    first, last = min(chosen), max(chosen)
    if last - first > 3 * len(term.words) + 2:
        return None
    inside = set(chosen)
    strange = signs = 0
    for place in range(first, last + 1):
        word = sentence[place].form
        if place in inside:
            continue
        if not word:
            signs += 3 if text[sentence[place].begin] in ",;:." else 1
        elif word in _BARRIERS:
            strange += 2 if word not in ("and", "or") or len(term.words) < 3 else 1
        elif word not in STOP:
            strange += 1
    if strange > _GAP or (signs and strange) or signs > 2:
        return None
    return first, last
