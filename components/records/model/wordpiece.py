"""WordPiece: text to the numbers of BERT's uncased vocabulary."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

_LONGEST = 100  # characters of a word; a longer one is unknown
# Blocks of Chinese, Japanese and Korean ideographs, each of which is a word (BERT's own list).
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class WordPiece:
    """A vocabulary; a word is split into its longest known beginnings (Devlin et al. 2019)."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        """`vocabulary` has the number of each piece; a piece inside a word begins with `##`."""
        self._pieces = vocabulary
        self.first, self.last = vocabulary["[CLS]"], vocabulary["[SEP]"]
        self._unknown = vocabulary["[UNK]"]
        self._split = functools.lru_cache(1 << 16)(self._split_word)

    @classmethod
    def load(cls, path: Path) -> WordPiece:
        """Read a vocabulary file: a piece a line, numbered from 0."""
        lines = path.read_text(encoding="utf-8").split("\n")
        return cls({piece: number for number, piece in enumerate(lines) if piece})

    def encode(self, text: str, most: int) -> list[int]:
        """Return the numbers of a text's pieces between those of its start and end, `most` at most."""
        found: list[int] = []
        for word in words(text):
            if len(found) > most - 2:
                break
            found += self._split(word)
        return [self.first, *found[: most - 2], self.last]

    def _split_word(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST:
            return (self._unknown,)
        found, begin = [], 0
        while begin < len(word):
            prefix = "##" if begin else ""
            for end in range(len(word), begin, -1):
                number = self._pieces.get(prefix + word[begin:end])
                if number is not None:
                    found.append(number)
                    begin = end
                    break
            else:
                return (self._unknown,)
        return tuple(found)


def words(text: str) -> Iterator[str]:
    """Yield the words and signs of a text, in lower case and without accents."""
    for word in _spaced(text).split():
        plain = unicodedata.normalize("NFD", word).lower()
        begin = 0
        kept = "".join(char for char in plain if unicodedata.category(char) != "Mn")
        for place, char in enumerate(kept):
            if _is_sign(char):
                if begin < place:
                    yield kept[begin:place]
                yield char
                begin = place + 1
        if begin < len(kept):
            yield kept[begin:]


def _spaced(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    found = []
    for char in text:
        if char in "\t\n\r" or unicodedata.category(char) == "Zs":
            found.append(" ")
        elif char == "\0" or char == "\ufffd" or unicodedata.category(char).startswith("C"):
            continue
        elif any(first <= ord(char) <= last for first, last in _IDEOGRAPHS):
            found.append(f" {char} ")
        else:
            found.append(char)
    return "".join(found)


@functools.lru_cache(1 << 12)
def _is_sign(char: str) -> bool:
    if char.isascii():
        return not char.isalnum() and char > " " and char != "\x7f"
    return unicodedata.category(char).startswith("P")
