"""Custom vocabularies and vocabulary filters.

A vocabulary names words that the recogniser should expect and how they are written; a filter names words
that are masked, removed or tagged. Both match whole words, without regard to case.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from brume.captions.model.hypothesis import Word
from brume.captions.model.items import Item

MASK = "***"
_ACRONYM = re.compile(r"(?:[^\W\d_]\.)+s?")
# How alike a word that was recognised and one of the vocabulary must be (share of letters in common).
_ALIKE = 0.8


class VocabularyError(ValueError):
    """A vocabulary or filter that cannot be used; the message names the line and what it should be."""


@dataclass(frozen=True)
class Entry:
    """One phrase: `words` as they are heard, lower case, and `shown`, as it is written.

    `language` is the one that it is for, "" for all.
    """

    words: tuple[str, ...]
    shown: str
    language: str = ""


def parse_list(phrases: Sequence[str]) -> list[Entry]:
    """Return the entries of a vocabulary in list form: words joined by hyphens, letters of acronyms by dots.

    Raises `VocabularyError`.
    """
    if not phrases:
        raise VocabularyError("the list holds no phrase")
    return [_entry(phrase, "", f"phrase {number}") for number, phrase in enumerate(phrases, start=1)]


def parse_table(text: str) -> list[Entry]:
    """Return the entries of a vocabulary in table form: tab-separated, with the columns Phrase and DisplayAs.

    IPA and SoundsLike may be there and are not used, as in AWS's service today. Raises `VocabularyError`.
    """
    lines = text.lstrip("\ufeff").splitlines()
    head = [name.strip() for name in lines[0].split("\t")] if lines else []
    if "Phrase" not in head or not set(head) <= {"Phrase", "IPA", "SoundsLike", "DisplayAs"}:
        raise VocabularyError(
            "line 1: the columns, separated by tabs, are Phrase, SoundsLike, IPA and DisplayAs; found "
            f"{', '.join(head) or 'none'}"
        )
    found = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) > len(head):
            raise VocabularyError(f"line {number}: {len(cells)} cells under {len(head)} columns")
        row = dict(zip(head, cells, strict=False))
        found.append(_entry(row["Phrase"], row.get("DisplayAs", ""), f"line {number}"))
    if not found:
        raise VocabularyError("the table holds no phrase")
    return found


def _entry(phrase: str, shown: str, where: str) -> Entry:
    phrase = phrase.strip()
    if not phrase or len(phrase) > 256:
        raise VocabularyError(f"{where}: a phrase has 1 to 256 characters")
    if not (phrase + shown).isprintable():
        raise VocabularyError(f"{where}: {phrase!r} or how it is shown holds a control character")
    if re.search(r"[\s\d]", phrase):
        raise VocabularyError(
            f"{where}: {phrase!r} holds a space or a digit: join words by hyphens, and spell numbers out"
        )
    words = tuple(
        part.replace(".", "").casefold() if _ACRONYM.fullmatch(part) else part.casefold()
        for part in phrase.split("-")
        if part
    )
    if not words:
        raise VocabularyError(f"{where}: {phrase!r} holds no word")
    return Entry(words, shown or phrase.replace("-", " "))


def parse_words(text: str) -> list[str]:
    """Return the words of a vocabulary filter, one a line. Raises `VocabularyError`."""
    found = [line.strip().casefold() for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    if not found:
        raise VocabularyError("the filter holds no word: it has one word a line")
    return found


class Spelling:
    """Writes what was recognised as a vocabulary has it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = sorted(entries, key=lambda entry: -len(entry.words))

    def apply(self, words: Sequence[Word], language: str = "") -> list[Word]:
        """Return words of a language with those of the vocabulary as it writes them."""
        entries = [entry for entry in self._entries if entry.language in ("", language)]
        found: list[Word] = []
        index = 0
        while index < len(words):
            for entry in entries:
                size = self._match(entry, words, index)
                if size:
                    part = words[index : index + size]
                    opened, mark = re.match(r"[¿¡]*", part[0].text), re.search(r"\W*$", part[-1].text)
                    probability = min(word.probability for word in part)
                    text = (opened[0] if opened else "") + entry.shown + (mark[0] if mark else "")
                    found.append(Word(text, part[0].start, part[-1].end, probability, entry.shown))
                    index += size
                    break
            else:
                found.append(words[index])
                index += 1
        return found

    @staticmethod
    def _match(entry: Entry, words: Sequence[Word], index: int) -> int:
        """Return how many words from `index` are this entry, 0 if they are not."""
        wanted = "".join(entry.words)
        for size in {len(entry.words), 1, 2}:
            heard = [word.key for word in words[index : index + size]]
            if len(heard) < size or not all(heard):
                continue
            joined = "".join(heard).replace(".", "").replace("-", "")
            if joined == wanted:
                return size
            # A single unusual word may have been written as it sounds; common short ones are left alone.
            if (
                len(wanted) >= 6
                and joined[0] == wanted[0]
                and min(word.probability for word in words[index : index + size]) < 0.6
                and difflib.SequenceMatcher(None, joined, wanted).ratio() >= _ALIKE
            ):
                return size
        return 0


class Filter:
    """Masks, removes or tags the words of a vocabulary filter, which is for a language ("": for all)."""

    def __init__(self, words: Iterable[str], method: str, language: str = "") -> None:
        self._phrases = sorted((tuple(word.split()) for word in words), key=len, reverse=True)
        self._begun = {phrase[:size] for phrase in self._phrases for size in range(1, len(phrase))}
        self._method = method
        self.language = language

    def apply(self, items: Sequence[Item], *, final: bool = True) -> list[Item]:
        """Return the items as the filter's method leaves them.

        Before its segment is `final`, an item that may be the beginning of a phrase is not Stable yet.
        """
        keys = [item.text.casefold().lstrip("¿¡") for item in items]
        kept = next((index for index, item in enumerate(items) if not item.stable), len(items))
        if not final:
            kept = next((start for start in range(kept) if tuple(keys[start:kept]) in self._begun), kept)
        found: list[Item] = []
        index = 0
        while index < len(items):
            size = next(
                (len(one) for one in self._phrases if tuple(keys[index : index + len(one)]) == one), 0
            )
            for number in range(index, index + (size or 1)):
                item = items[number] if number < kept else replace(items[number], stable=False)
                if not size:
                    found.append(item)
                elif self._method == "tag":
                    found.append(replace(item, filtered=True))
                elif self._method == "mask":
                    found.append(replace(item, text=MASK, filtered=True))
            index += size or 1
        return found
