"""What is shown of a document: its best passage, highlights, an answer in its own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from brume.records.model.entity import Entity
from brume.records.model.search.sections import Span, count_tokens, sentences, windows
from brume.records.model.search.words import Word, words

RETRIEVED = 200
"""Tokens of a passage of Retrieve at most."""
EXCERPT = 60
"""Tokens of an excerpt at most."""
_MENTION = 3.0  # what a mention of a concept counts, beside rare words


@dataclass(frozen=True)
class Highlight:
    """A part of an excerpt that fits the query; offsets are the excerpt's, in code points."""

    begin: int
    end: int
    synonym: bool = False  # by other words than the query's


@dataclass(frozen=True)
class Passage:
    """A part of a document's text, what fits in it, and how well."""

    span: Span
    text: str
    highlights: tuple[Highlight, ...]
    score: float


@dataclass(frozen=True)
class Wanted:
    """What passages are chosen by: stems of the query and of synonyms with their rareness."""

    stems: Mapping[str, float]
    synonyms: Mapping[str, float]
    concepts: frozenset[str]  # ids


def passages(text: str, entities: Sequence[Entity], wanted: Wanted, tokens: int = EXCERPT) -> list[Passage]:
    """Return the passages of a text, of up to so many tokens each, the best first."""
    found = words(text)
    mentions = [
        entity
        for entity in entities
        if any(f"{concept.system}|{concept.code}" in wanted.concepts for concept in entity.concepts[:1])
    ]
    made = [_passage(text, span, found, mentions, wanted) for span in windows(text, tokens)]
    return sorted(made, key=lambda passage: (-passage.score, passage.span.begin))


def answer(passage: Passage, text: str, entities: Sequence[Entity], wanted: Wanted) -> Passage | None:
    """Return the sentence of a passage that fits best, None where none has what is asked for."""
    found = words(text)
    among = [
        span
        for span in sentences(text)
        if passage.span.begin <= span.begin
        and span.end <= passage.span.end
        and count_tokens(span.of(text)) <= EXCERPT
    ]
    best = max(
        (_passage(text, span, found, entities, wanted) for span in among),
        key=lambda one: one.score,
        default=None,
    )
    return best if best is not None and best.score > 0 else None


def highlight(text: str, wanted: Wanted) -> tuple[Highlight, ...]:
    """Return what fits in a text that is shown as a whole, such as a title."""
    return _highlights(Span(0, len(text)), words(text), (), wanted)


def _passage(
    text: str, span: Span, found: Sequence[Word], entities: Sequence[Entity], wanted: Wanted
) -> Passage:
    inside = [word for word in found if span.begin <= word.begin and word.end <= span.end]
    mentions = [one for one in entities if span.begin <= one.begin and one.end <= span.end]
    stems = {word.stem for word in inside}
    score = sum(rare for stem, rare in wanted.stems.items() if stem in stems)
    score += 0.5 * sum(rare for stem, rare in wanted.synonyms.items() if stem in stems)
    score += _MENTION * bool(mentions)
    return Passage(span, span.of(text), _highlights(span, inside, mentions, wanted), score)


def _highlights(
    span: Span, inside: Sequence[Word], mentions: Sequence[Entity], wanted: Wanted
) -> tuple[Highlight, ...]:
    marks = [(word.begin, word.end, False) for word in inside if word.stem in wanted.stems]
    marks += [(word.begin, word.end, True) for word in inside if word.stem in wanted.synonyms]
    marks += [(one.begin, one.end, True) for one in mentions]
    made: list[Highlight] = []
    for begin, end, synonym in sorted(set(marks), key=lambda mark: (mark[2], mark[0], -mark[1])):
        first, last = begin - span.begin, end - span.begin
        if not any(first < one.end and one.begin < last for one in made):
            made.append(Highlight(first, last, synonym))
    return tuple(sorted(made, key=lambda one: one.begin))
