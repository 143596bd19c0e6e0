"""Numbers that are written as several words: telephone numbers in groups of digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from brume.narration.model.normal.tokens import Token

_GROUP = re.compile(r"\+?\d{1,12}(?:[-.]\d{2,5})*")
_MOST = 6  # groups
_DIGITS = range(7, 16)


def in_telephone(
    tokens: Sequence[Token], index: int, national: Callable[[int, int], bool] | None = None
) -> bool:
    """Return whether a token is a part of a telephone number: +44 20 7946 0958, (555) 123-4567.

    `national` returns whether the tokens from a first to a last one are a number without a country's code.
    """
    if not _GROUP.fullmatch(tokens[index].text):
        return False
    first = last = index
    while first > 0 and index - first < _MOST and _goes_on(tokens[first - 1], tokens[first]):
        first -= 1
    while last + 1 < len(tokens) and last - index < _MOST and _goes_on(tokens[last], tokens[last + 1]):
        last += 1
    groups = tokens[first : last + 1]
    count = sum(char.isdecimal() for token in groups for char in token.text)
    if len(groups) < 2 or count not in _DIGITS:
        return False
    start = groups[0]
    if start.text.startswith("+") or (start.opening.endswith("(") and start.closing == ")"):
        return True
    return national is not None and national(first, last)


def _goes_on(token: Token, after: Token) -> bool:
    """Return whether two tokens may be groups of one number."""
    return (
        token.closing in ("", ")")
        and after.opening.strip() in ("", "(")
        and not after.text.startswith("+")
        and bool(_GROUP.fullmatch(token.text) and _GROUP.fullmatch(after.text))
    )
