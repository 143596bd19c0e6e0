"""What a sentence states about a mention: negated, possible, past, of the family, or supposed.

The method is ConText's (Harkema, Dowling, Thornblade and Chapman 2009): a trigger's scope goes forward or
backward to the end of the sentence or to a word that ends it. The triggers and rules are this project's.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from brume.records.model.entity import Trait
from brume.records.model.nlp import past
from brume.records.model.nlp.phrases import expanded, pattern

_TRAITS = {
    "negated": Trait.NEGATION,
    "possible": Trait.LOW_CONFIDENCE,
    "past": Trait.PAST_HISTORY,
    "family": Trait.FAMILY,
    "hypothetical": Trait.HYPOTHETICAL,
}
_SECTIONS = {
    "past medical history": Trait.PAST_HISTORY,
    "past surgical history": Trait.PAST_HISTORY,
    "family history": Trait.FAMILY,
}
SCORE, SECTION_SCORE = 0.95, 0.85
"""Scores of a trait that a trigger states, and of one that the section gives."""
_OWN = re.compile(r"\b(?:patient|pt|he|she|i|they|patient's|himself|herself)\b", re.IGNORECASE)
# A label and its value: "Fever: none", "Transfusion: No", "chest pain - denied".
_VALUE = re.compile(
    r"\s*(?::|\?|-|–|=)\s*(?:none|no\b|nil|negative|neg\b|denie[ds]|absent|not present|not found|never|n/a)",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"(?:^|[\s(,/])\?\s?$")  # "?pneumonia"
_YEAR = re.compile(r"\bin (?:(?:early|late|mid) )?(?:19|20)\d\d\b", re.IGNORECASE)
# A relative who speaks of the patient, and is not the one that is meant.
_INFORMANT = re.compile(
    r"\s+(?:also\s+)?(?:brought|noticed|notes?|noted|states?|stated|reports?|reported|says?|said|called|found|drove|"
    r"gave|took|accompanie[sd]|thinks|describes?|described|witnessed|observed|claims?|denie[sd]|feels|felt|believes|"
    r"is (?:concerned|worried|here|present)|was (?:concerned|worried|called|present)|who)\b",
    re.IGNORECASE,
)
_TO_RELATIVE = re.compile(
    r"\b(?:per|according to|with|by|from|to|informed|called|told)\s(?:(?:his|her|the|their)\s)?$",
    re.IGNORECASE,
)
# In "suspect that the cough is due to asthma", or "likely due to asthma", the cause is what is supposed.
_CAUSES = frozenset(["due to", "secondary to", "because of", "caused by"])
_OF_CAUSE = re.compile(r"(?:.*\s(?:is|are|was|were))?\s*", re.IGNORECASE | re.DOTALL)
_NOW = re.compile(
    r",?\s(?:who|and now|now|currently|presents?|presenting|presented|admitted|comes|came|here)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Trigger:
    """A trigger in a sentence: what it states, in which direction, and where its scope is."""

    kind: str
    begin: int
    end: int
    low: int
    high: int


@functools.cache
def _patterns() -> tuple[re.Pattern[str], dict[str, list[tuple[str, str]]], re.Pattern[str], re.Pattern[str]]:
    """Return the pattern of triggers, what their words state, and the patterns of ends and of none."""
    listed = tomllib.loads((files(__package__) / "context.toml").read_text(encoding="utf-8"))
    ends, none = listed.pop("ends"), listed.pop("none")
    known: dict[str, list[tuple[str, str]]] = {}
    for kind, directions in listed.items():
        for direction, phrases in directions.items():
            for phrase in (one for each in phrases for one in expanded(each)):
                known.setdefault(phrase, []).append((kind, direction))
    return pattern(known), known, pattern(ends["words"]), pattern(none["phrases"])


def traits(
    text: str, begin: int, end: int, spans: Sequence[tuple[int, int]], section: str
) -> list[tuple[tuple[Trait, float], ...]]:
    """Return the traits of mentions in a sentence of a text (`begin` to `end`), by trait.

    `spans` are the mentions; `section` is the name of the section that the sentence lies in.
    """
    if not spans:
        return []
    triggers = _triggers(text, begin, end)
    given = _SECTIONS.get(section)
    found = []
    for first, last in spans:
        stated = {_TRAITS[each.kind] for each in triggers if _covers(each, first, last, text)}
        if _VALUE.match(text, last, min(end + 12, len(text))):
            stated.add(Trait.NEGATION)
        if _QUESTION.search(text, max(begin, first - 3), first):
            stated.add(Trait.LOW_CONFIDENCE)
        if _YEAR.match(text, last + 1, end) or past.dated(text, begin, end, first, last):
            stated.add(Trait.PAST_HISTORY)
        if Trait.FAMILY in stated and Trait.PAST_HISTORY in stated:
            stated.discard(Trait.PAST_HISTORY)
        scores = dict.fromkeys(stated, SCORE)
        if (
            given is not None
            and given not in scores
            # "No residual weakness" below a heading of past history is of today.
            and not (given is Trait.PAST_HISTORY and stated & {Trait.FAMILY, Trait.NEGATION})
        ):
            scores[given] = SECTION_SCORE
        found.append(tuple(sorted(scores.items())))
    return found


def _covers(trigger: _Trigger, first: int, last: int, text: str) -> bool:
    if first < trigger.end and trigger.begin < last:
        # A part of the mention: only one that it begins with states something, as in "old fracture".
        return trigger.kind == "past" and trigger.begin == first and trigger.end < last
    return trigger.low <= first and last <= trigger.high


def _triggers(text: str, begin: int, end: int) -> list[_Trigger]:
    any_of, known, ends, none = _patterns()
    matches = [
        (kind, direction, match.start(), match.end())
        for match in any_of.finditer(text, begin, end)
        for kind, direction in known[" ".join(match[0].lower().split())]
    ]
    matches += [("past", "forward", *span) for span in past.leading(text, begin, end)]
    if not matches:
        return []
    # "is not sure whether" states nothing, though it begins with "is not".
    silent = [(match.start(), match.end()) for match in none.finditer(text, begin, end)]
    matches = [
        each for each in matches if not any(each[2] < high and low < each[3] <= high for low, high in silent)
    ]
    stops = [(match.start(), match.end()) for match in ends.finditer(text, begin, end)]
    found = []
    for kind, direction, first, last in matches:
        if kind == "family" and _is_informant(text, begin, first, last):
            continue
        if kind == "family":
            stops_ = [*stops, *((own.start(), own.end()) for own in _OWN.finditer(text, last, end))]
        else:
            stops_ = stops
        # Another trigger of the same kind and direction begins a scope of its own.
        others = [
            (a, b) for k, d, a, b in matches if (a, b) != (first, last) and k == kind and d == direction
        ]
        if direction in ("forward", "both"):
            low = _cause(kind, text, last, stops)
            high = min((a for a, _ in [*stops_, *others] if a >= low), default=end)
            found.append(_Trigger(kind, first, last, low, _nearer(kind, text, low, high)))
        if direction in ("backward", "both"):
            low = max((b for _, b in [*stops_, *others] if b <= first), default=begin)
            if kind == "negated" or kind == "possible":
                low = max(
                    low,
                    text.rfind(",", begin, first) + 1
                    if "," in text[low:first] and direction == "backward" and _list_before(text, low, first)
                    else low,
                )
            found.append(_Trigger(kind, first, last, low, first))
    return found


def _cause(kind: str, text: str, last: int, stops: Sequence[tuple[int, int]]) -> int:
    """Return where the scope of a trigger that ends at `last` begins: after the cause that it states."""
    first = min((stop for stop in stops if stop[0] >= last), default=None)
    if first is None or kind not in ("possible", "negated"):
        return last
    between = text[last : first[0]]
    stated = not between.strip() if kind == "negated" else bool(_OF_CAUSE.fullmatch(between))
    return first[1] if stated and " ".join(text[slice(*first)].lower().split()) in _CAUSES else last


def _list_before(text: str, low: int, first: int) -> bool:
    """Return whether a list comes before a trigger that looks back, of which the last item is meant."""
    return " and " not in text[text.rfind(",", low, first) : first]


def _nearer(kind: str, text: str, begin: int, end: int) -> int:
    """Return where a scope that goes forward ends: one line for what is supposed or past."""
    if kind == "past" and (match := _NOW.search(text, begin, end)):
        return match.start()
    return end


def _is_informant(text: str, begin: int, first: int, last: int) -> bool:
    """Return whether a relative (`first` to `last`) speaks or acts for the patient."""
    return bool(_INFORMANT.match(text, last)) or bool(
        _TO_RELATIVE.search(text, max(begin, first - 24), first)
    )
