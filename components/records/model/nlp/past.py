"""What a past verb with a date or an age states: "had pneumonia in March", "ten years ago he had gout"."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MONTH = (
    r"(?-i:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?"
)
_SEASON = r"(?:spring|summer|fall|autumn|winter)"
_LIFE = (
    r"(?:(?:in|during)\s(?:(?:her|his|their|my)\s)?(?:early\s|late\s)?"
    r"(?:infancy|childhood|adolescence|youth|teens|twenties|thirties|forties|fifties|sixties|college"
    r"|high school)"
    r"|(?:with|during|in)\s(?:her|a|the)\s(?:first|second|third|last|prior|previous|earlier)\s(?:pregnancy|delivery)"
    r"|(?:during|in)\s(?:a|an|his|her|the|their)\s(?:last|prior|previous|earlier)\s(?:admission|hospitali[sz]ation|stay)"
    r"|as an?\s(?:young\s)?(?:child|boy|girl|infant|baby|toddler|teenager|adolescent|adult|man|woman|student)"
    r"|at (?:the\s)?age (?:of\s)?\w+)"
)
_DATE = (
    rf"(?:in\s(?:(?:early|mid|late)\s)?{_MONTH}(?:,?\s(?:of\s)?(?:last year|(?:19|20)\d\d))?"
    rf"|last\s(?:year|month|{_SEASON}|{_MONTH})|in\s(?:the\s)?{_SEASON}(?:\sof\s(?:last year|(?:19|20)\d\d))?"
    r"|in\s(?:(?:early|mid|late)\s)?(?:19|20)\d\d|(?:[\w-]+\s){0,3}?(?:year|month|decade)s?\sago)"
)
_WHEN = rf"(?:{_LIFE}|{_DATE})"
_TREATED = (
    r"(?:admitted|hospitali[sz]ed|treated|operated on|diagnosed|seen)(?:\s(?:to|at|in)\s[\w\s]{1,30}?)?"
)
# The verb may be of a state that has ended, or of a treatment; what is diagnosed may go on.
_HAD = re.compile(
    r"\b(?:had|suffered(?: from)?|sustained|experienced|contracted|caught|"
    r"(?:was|were) (?:treated|admitted|hospitali[sz]ed|operated on)(?: \w+)? (?:for|with))\s[^,;:]*$",
    re.IGNORECASE,
)
_DATED = re.compile(rf"(?:\s[\w-]+){{0,2}}?,?\s{_WHEN}", re.IGNORECASE)
# What was treated, and when.
_PASSIVE = re.compile(
    rf"\s(?:was|were)\s(?:\w+ly\s)?(?:treated|resected|removed|repaired|operated on|eradicated|cured|drained)"
    rf"(?:\s[\w-]+){{0,4}}?\s{_WHEN}",
    re.IGNORECASE,
)
# A time before the verb, or between it and what was treated.
_LEADING = re.compile(
    rf"(?<![\w-]){_WHEN},?\s(?:the patient|patient|pt|she|he|i|they)\s(?:also\s)?"
    rf"(?:had|suffered(?: from)?|sustained|experienced|contracted|caught|developed"
    rf"|(?:was|were)\s{_TREATED}\s(?:for|with))(?!\w)"
    rf"|\b(?:was|were|been)\s{_TREATED}\s{_WHEN}\s(?:for|with|because of)(?!\w)",
    re.IGNORECASE,
)


def dated(text: str, begin: int, end: int, first: int, last: int) -> bool:
    """Return whether a mention (`first` to `last`) of a sentence has a past verb and a date beside it."""
    if _PASSIVE.match(text, last, end):
        return True
    return bool(_DATED.match(text, last, end) and _HAD.search(text[begin:first]))


def leading(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the places of times with a past verb, after which what is named is past."""
    for match in _LEADING.finditer(text, begin, end):
        yield match.span()
