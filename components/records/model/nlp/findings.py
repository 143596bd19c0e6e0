"""Findings that a sentence denies and that no term of the dictionary names: "no guarding", "clubbing absent".

Items of a list after a trigger are names of findings, by their place alone; no code belongs to them.
What is beside the point (drugs, persons, plans, tests, times) is known by its words, and is none.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from brume.records.model.nlp.phrases import expanded, pattern
from brume.records.model.nlp.words import Word

_LONGEST = 5  # words of a name
# A list goes on after a comma without an "or" where the item looks like a finding's name.
_FINDING = re.compile(
    r"(?:algia|emia|uria|itis?|osi|iasis?|megaly|pathy|rrhea|rrhage|plegia|paresi|pnea|phagia|phonia|opia|opsia|oma|ness"
    r"|ing|ache|pain|esthesia|spasm|trophy|ectasi|cele|tonia|phasia|pty[sz]i|emesi|thorax|edema|penia|sweat"
    r"|ation|ption|sion|cture|lity|ncy|ance|ence|gia|ria|sis|sia|ism|der)$"
)
# What is done rather than found.
_DONE = re.compile(r"(?:ectomy|ectomie|plasty|scopy|otomy|ostomy|gram|graphy|therapy|centesi|logist)$")
# An adjective alone stands for no finding: "cervical or axillary adenopathy".
_ADJECTIVE = re.compile(r"(?:(?<!w)al|ar|ic|ary|ory|ou|ive|ible|able|less)$")
_PERSON = re.compile(r"[A-Z][a-z]")
_EPONYMS = frozenset(["sign", "syndrome", "disease", "phenomenon", "palsy", "node", "line", "fracture"])
_ALTERNATIVE = frozenset(["or", "nor"])
_JOINING = frozenset(["or", "nor", "and"])
_LABELLED = re.compile(
    r"(?m)(?:^|(?<=[.;,]\s))[ \t]*(?:[-*•][ \t]*)?([A-Za-z][A-Za-z' -]{2,40}?)\s*(?::|\?|-|–|=)\s*"
    r"(?:none|no|nil|denie[ds]|absent|not present|not found|never)(?![\w/-])(?!\s+\w)",
    re.IGNORECASE,
)


class _Words(NamedTuple):
    """The words of findings.toml."""

    leads: re.Pattern[str]
    trailing: re.Pattern[str]
    skipped: frozenset[str]
    ends: frozenset[str]
    clauses: frozenset[str]
    others: frozenset[str]
    states: frozenset[str]
    parts: frozenset[str]
    alone: frozenset[str]


@functools.cache
def _listed() -> _Words:
    known: dict[str, Any] = tomllib.loads((files(__package__) / "findings.toml").read_text(encoding="utf-8"))
    leads, trailing = (
        pattern(one.strip() for phrase in known.pop(name) for one in expanded(phrase))
        for name in ("leads", "trailing")
    )
    return _Words(leads, trailing, **{name: frozenset(words) for name, words in known.items()})


def denied(
    text: str, begin: int, end: int, sentence: Sequence[Word], taken: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return the places of what a sentence (`begin` to `end`) may deny, as begin and end.

    `sentence` are its words; nothing that overlaps one of `taken` (terms, drugs, procedures) is returned.
    Each stands where a list of denials has its items; whether it is denied is for `context.traits`.
    """
    listed = _listed()
    found: list[tuple[int, int]] = []
    for lead in listed.leads.finditer(text, begin, end):
        found += _after(text, [word for word in sentence if word.begin >= lead.end()])
    for trailing in listed.trailing.finditer(text, begin, end):
        found += _before(text, [word for word in sentence if word.end <= trailing.start()])
    for label in _LABELLED.finditer(text, begin, end):
        inside = [word for word in sentence if label.start(1) <= word.begin and word.end <= label.end(1)]
        if inside and _FINDING.search(inside[-1].form):
            found += _name(text, inside, listed.parts)
    free: list[tuple[int, int]] = []
    for first, last in found:
        if not any(low < last and first < high for low, high in (*taken, *free)):
            free.append((first, last))
    return sorted(free)


def _after(text: str, following: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Yield the names in a list that words after a trigger begin."""
    listed = _listed()
    items = _items(text, following)
    last = max((number for number, item in enumerate(items) if _closes(*item)), default=0)
    for number, (joint, item) in enumerate(items):
        named = _cut(item, listed.skipped)
        forms = {word.form for word in item}
        if not item or forms & listed.states:
            return  # "no murmurs, abdomen soft": another part of the examination
        if number > last and not (joint == "," and named and _FINDING.search(named[-1].form)):
            return
        yield from _name(text, named, listed.parts)
        if forms & listed.clauses:
            return


def _closes(joint: str, item: Sequence[Word]) -> bool:
    """Return whether an item is the last of a list: after "or", or a name alone after "and"."""
    if joint in _ALTERNATIVE:
        return True
    return joint == "and" and bool(item) and _cut(item, frozenset()) == item


def _items(text: str, following: Sequence[Word]) -> list[tuple[str, list[Word]]]:
    """Return the items of a list, each after the sign or the word that joins it to the one before."""
    items: list[tuple[str, list[Word]]] = [("", [])]
    for word in following:
        sign = text[word.begin : word.end]
        if word.form in _JOINING or sign in (",", "/"):
            joint = word.form or ","
            if items[-1][1]:
                items.append((joint, []))
            elif len(items) > 1:
                items[-1] = (joint, [])  # ", or"
            else:
                return items
        elif not word.form and sign not in ("-", "'", "’"):
            return items
        else:
            items[-1][1].append(word)
    return items


def _cut(item: Sequence[Word], skipped: frozenset[str]) -> list[Word]:
    """Return the words of a name in an item: after those that belong to none, before those that end it."""
    ends, start = _listed().ends | _listed().clauses, 0
    while start < len(item) and item[start].form in skipped:
        start += 1
    stop = start
    while stop < len(item) and item[stop].form not in ends:
        stop += 1
    return list(item[start:stop])


def _before(text: str, preceding: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Yield the name that words before a statement of absence end with."""
    listed = _listed()
    name: list[Word] = []
    for word in reversed(preceding):
        if not word.form or word.form in listed.ends | listed.clauses | _JOINING or len(name) == _LONGEST:
            break
        name.insert(0, word)
    while name and name[0].form in listed.skipped:
        name.pop(0)
    yield from _name(text, name, listed.parts)


def _name(text: str, name: Sequence[Word], parts: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Yield the place of a name where it may be a finding's."""
    known, forms = _listed(), [word.form for word in name if word.form]
    if not forms or len(forms) > _LONGEST or len(forms[-1]) < 3:
        return
    head = forms[forms.index("of") - 1] if "of" in forms[1:] else forms[-1]
    if head in parts or head.endswith("ly") or _ADJECTIVE.search(forms[-1]) or forms[-1] == "of":
        return
    if any(one in known.others or one[0].isdigit() or _DONE.search(one) for one in forms):
        return
    if len(forms) == 1 and forms[0] in known.alone:
        return
    if forms[-1] not in _EPONYMS and any(
        _PERSON.match(text, word.begin) for word in name if _is_inside(text, word.begin)
    ):
        return
    yield name[0].begin, name[-1].end


def _is_inside(text: str, place: int) -> bool:
    """Return whether a word is not the first of its sentence or line, so that a capital makes it a name."""
    before = text[max(0, place - 3) : place].rstrip(" \t-*•")
    return bool(before) and before[-1] not in ".:;!?\n"
