"""Words as Transcribe's clients get them: items of words and punctuation, and their text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brume.captions.model.hypothesis import Word

# What stands alone as an item of punctuation; quotation marks and dashes belong to no word and are left out.
_MARKS = ".,?!;:"
# Spanish opens questions and exclamations with a mark that belongs to the word's text.
_BEFORE = re.compile(r"^[^\w$€£%#@&+¿¡]+")
_AFTER = re.compile(r"[^\w$€£%#@&+]+$")


@dataclass(frozen=True)
class Item:
    """A word (`pronunciation`) or a mark of punctuation; times in seconds from the start of the stream."""

    text: str
    start: float
    end: float
    pronunciation: bool
    confidence: float | None = None
    stable: bool = False
    filtered: bool = False  # it is on the vocabulary filter


def items_of(words: Sequence[Word], stable: int = 0) -> list[Item]:
    """Return the items of words, the first `stable` of which are Stable, with their punctuation."""
    found = []
    for index, word in enumerate(words):
        text, after = _parts(word)
        mark = next((character for character in after if character in _MARKS), "")
        if text:
            found.append(Item(text, word.start, word.end, True, round(word.probability, 4), index < stable))
        if mark and found and found[-1].pronunciation:
            found.append(Item(mark, word.end, word.end, False, None, index < stable))
    return found


def _parts(word: Word) -> tuple[str, str]:
    """Return a word's text without what surrounds it, and the punctuation after it."""
    if word.exact:
        before, _, after = word.text.partition(word.exact)
        return before + word.exact, after
    start = _BEFORE.match(word.text)
    text = word.text[start.end() if start else 0 :]
    end = _AFTER.search(text)
    return (text[: end.start()], end[0]) if end else (text, "")


def text_of(items: Iterable[Item]) -> str:
    """Return the text of items: a space before each word but the first."""
    return "".join(
        (" " if item.pronunciation and index else "") + item.text for index, item in enumerate(items)
    )
