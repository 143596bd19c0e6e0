"""Parts of speech of English words, by an averaged perceptron (Penn Treebank tags).

The weights and the features are those of hibari-tts (Apache-2.0), trained on spaCy's tags.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

_BEFORE, _AFTER = ["-START2-", "-START-"], ["-END-", "-END2-"]


class Tagger:
    """A loaded tagger."""

    def __init__(self, path: Path) -> None:
        model = json.loads(gzip.decompress(path.read_bytes()))
        self._certain: dict[str, str] = model["tagdict"]
        self._tags: list[str] = model["tags"]
        self._known = frozenset(model["vocab"])
        self._weights: dict[str, dict[str, float]] = model["weights"]

    def tag(self, words: Sequence[str]) -> list[str]:
        """Return the tag of each word of a sentence; punctuation and clitics are words of their own."""
        forms = [*_BEFORE, *(self._form(word) for word in words), *_AFTER]
        last, second = _BEFORE[1], _BEFORE[0]
        tags = []
        for index, word in enumerate(words):
            tag = self._certain.get(word) or self._best(_features(index, word, forms, last, second))
            tags.append(tag)
            last, second = tag, last
        return tags

    def _form(self, word: str) -> str:
        form = word.lower()
        return form if form in self._known else f"<{_shape(word)}>"

    def _best(self, features: tuple[str, ...]) -> str:
        scores: dict[str, float] = {}
        for feature in features:
            for tag, weight in self._weights.get(feature, {}).items():
                scores[tag] = scores.get(tag, 0.0) + weight
        return max(self._tags, key=lambda tag: (scores.get(tag, 0.0), tag)) if scores else "NN"


def _shape(word: str) -> str:
    if word.isalpha():
        if word.islower():
            return "x"
        if word.isupper():
            return "XX" if len(word) > 1 else "X1"
        return "Xx" if word[0].isupper() and word[1:].islower() else "xX"
    return "".join("x" if char.isalpha() else char for char in word[:4])


def _features(index: int, word: str, forms: Sequence[str], last: str, second: str) -> tuple[str, ...]:
    here = index + 2
    return (
        "b",
        f"s3={word[-3:]}",
        f"p1={word[0]}",
        f"w={forms[here]}",
        f"sh={_shape(word)}",
        "i0" if index == 0 else "i+",
        f"t-1={last}",
        f"t-2={second}",
        f"t-12={last},{second}",
        f"w-1={forms[here - 1]}",
        f"s3-1={forms[here - 1][-3:]}",
        f"w-2={forms[here - 2]}",
        f"w+1={forms[here + 1]}",
        f"s3+1={forms[here + 1][-3:]}",
        f"w+2={forms[here + 2]}",
    )
