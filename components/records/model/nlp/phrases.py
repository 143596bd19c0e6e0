"""A list of phrases as one pattern, which reads a text once however many phrases there are."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

_Tree = dict[str, "_Tree"]
_END = ""  # the key of a phrase's end
_SPACE = " "
_CHOICE = re.compile(r"\{([^{}]*)\}")


def expanded(phrase: str) -> Iterator[str]:
    """Yield the phrases that one with choices stands for: "{is|was} gone" for "is gone" and "was gone"."""
    parts = [part.split("|") for part in _CHOICE.split(phrase)]
    yield from ("".join(chosen) for chosen in itertools.product(*parts))


def pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of phrases as whole words, the longest at each place.

    Letters of ASCII match in either case and nothing else (IGNORECASE would take the Turkish dotless i for an
    i, which no phrase has); a space matches any white space. Phrases with a common beginning are compared
    with the text together: as alternatives they took twenty times as long.
    """
    tree: _Tree = {}
    for phrase in phrases:
        node = tree
        for sign in _SPACE.join(phrase.lower().split()):
            node = node.setdefault(sign, {})
        node[_END] = {}
    return re.compile(rf"(?<!\w){_alternatives(tree)}")


def _alternatives(tree: _Tree) -> str:
    parts = [_sign(sign) + _alternatives(after) for sign, after in tree.items() if sign != _END]
    if _END in tree:
        parts.append(r"(?!\w)")  # last: a longer phrase comes before
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def _sign(sign: str) -> str:
    if sign == _SPACE:
        return r"\s+"
    return f"[{sign}{sign.upper()}]" if sign.isascii() and sign.isalpha() else re.escape(sign)
