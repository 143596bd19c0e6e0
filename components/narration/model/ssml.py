"""Text or SSML to sentences: what is spoken, word for word, with the places in the original.

Sentences end at their punctuation (`boundaries`), at <s> and <p>, and at empty lines. How a word is read
comes from the first of these that is there: <phoneme>, <sub>, <say-as>, the role of <w>, a lexicon, the
normalisation of its language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from brume.narration.model import boundaries, homographs, markup
from brume.narration.model.lexicon import Lexicons, Matcher
from brume.narration.model.markup import Boundary, Markup, Run, Style
from brume.narration.model.markup import SsmlError as SsmlError
from brume.narration.model.normal import normalise
from brume.narration.model.script import Break, Mark, Sentence, Word
from brume.narration.model.scripts import short

Part = Word | Break | Mark
# Punctuation at the start of a run, which follows the word before it.
_PUNCTUATION = re.compile(r"[\"'”’»)\]]*\s?([.,?!;:…])[.,?!;:…]*(?=[\s\"'”’»)\]]|$)")


@dataclass(frozen=True)
class Script:
    """The sentences of a text, and how many of its characters are no markup: those that Polly bills."""

    sentences: tuple[Sentence, ...]
    characters: int


def read(text: str, *, ssml: bool, language: str, lexicons: Lexicons | None = None) -> Script:
    """Return the sentences of a text in `language` (en-US). Raises `SsmlError`.

    Each has a word, or else a break or a mark. Breaks stand behind the sentence that they follow, marks
    before the words that they precede. What is far too long for a sentence is several (`Sentence.divided`).
    """
    found = markup.parse(text) if ssml else markup.plain(text)
    reader = _Reader(found.language or language, lexicons or Lexicons())
    sentences = (part for sentence in reader.read(found) for part in sentence.divided())
    return Script(tuple(sentences), found.characters)


class _Reader:
    def __init__(self, language: str, lexicons: Lexicons) -> None:
        self._language, self._lexicons = language, lexicons
        self._matchers: dict[str, Matcher] = {}
        self._found: list[Sentence] = []
        self._waiting: list[Part] = []  # breaks and marks for the next sentence
        self._paragraph: Break | None = None  # the pause that is made if another sentence follows

    def read(self, found: Markup) -> list[Sentence]:
        block: list[Run | Break | Mark] = []
        for item in found.items:
            if not isinstance(item, Boundary):
                block.append(item)
                continue
            before = len(self._found)
            self._read_block(block)
            block = []
            if item.seconds and len(self._found) > before:
                self._paragraph = Break(item.seconds, item.place, item.place)
        self._read_block(block)
        if self._waiting:
            self._append(self._waiting)
        return self._found

    def _read_block(self, items: Sequence[Run | Break | Mark]) -> None:
        """Add the sentences of what lies between two boundaries."""
        runs = [item for item in items if isinstance(item, Run)]
        masked = "".join("0" * len(run.text) if run.style.atomic else run.text for run in runs)
        starts = [place for run in runs for place in run.starts]
        ends = [place for run in runs for place in run.ends]
        language = short((runs[0].style.language if runs else "") or self._language)
        begin = 0
        for end in boundaries.ends(masked, language):
            text = masked[begin:end]
            first, last = begin + len(text) - len(text.lstrip()), begin + len(text.rstrip())
            place = (starts[first], ends[last - 1]) if first < last else (0, 0)
            self._add(list(self._parts(items, begin, end, last=end == len(masked))), *place)
            begin = end

    def _parts(self, items: Sequence[Run | Break | Mark], begin: int, end: int, *, last: bool) -> list[Part]:
        """Return the parts of the sentence that is `begin` to `end` of the block's characters."""
        found: list[Part] = []
        offset = 0
        for item in items:
            if not isinstance(item, Run):
                if begin <= offset < end or (last and offset == end):
                    _place(found, item)
                continue
            low, high = max(begin - offset, 0), min(end - offset, len(item.text))
            if low < high:
                self._extend(found, item, low, high)
            offset += len(item.text)
        return found

    def _extend(self, parts: list[Part], run: Run, low: int, high: int) -> None:
        """Add the words of a part of a run; punctuation that it begins with goes to the word before."""
        text = run.text[low:high]
        mark, size = _punctuation(text, 0)
        if mark and not run.style.atomic and _punctuate(parts, mark):
            low += size
            text = run.text[low:high]
        for start, end, spoken, after, phonemes in self._words(run.style, text):
            parts.append(
                Word(
                    text[start:end],
                    run.starts[low + start],
                    run.ends[low + end - 1],
                    spoken,
                    phonemes,
                    after,
                    short(run.style.language or self._language),
                    run.style.prosody,
                )
            )

    def _lexemes(self, code: str) -> Matcher:
        if code not in self._matchers:
            self._matchers[code] = self._lexicons.of(code)
        return self._matchers[code]

    def _words(self, style: Style, text: str) -> Iterator[tuple[int, int, str, str, str]]:
        """Iterate the words of a text of one style: start, end, what is spoken, punctuation, IPA."""
        code = style.language or self._language
        if style.say_as:
            for word in normalise(text, short(code), say_as=style.say_as, format=style.format):
                yield (*word, "")
        elif style.atomic:
            plain = text.strip()
            if not plain:
                return
            start = text.index(plain)
            phonemes = style.phonemes or homographs.phonemes(plain, style.role, short(code))
            yield start, start + len(plain), _spoken(style.alias or plain, code), "", phonemes
        else:
            place = 0
            for start, end, lexeme in self._lexemes(code).find(text):
                yield from _normal(text, place, start, code)
                after, place = _punctuation(text, end)
                yield start, end, _spoken(lexeme.alias or text[start:end], code), after, lexeme.phonemes
            yield from _normal(text, place, len(text), code)

    def _add(self, parts: list[Part], start: int, end: int) -> None:
        """Add a sentence; what is before its first word up to the last break goes to the one before."""
        parts = [*self._waiting, *parts]
        self._waiting = []
        words = [index for index, part in enumerate(parts) if isinstance(part, Word)]
        if not words:
            self._waiting = parts
            return
        if self._found:
            breaks = [index for index, part in enumerate(parts[: words[0]]) if isinstance(part, Break)]
            before, parts = parts[: breaks[-1] + 1 if breaks else 0], parts[breaks[-1] + 1 if breaks else 0 :]
            self._append([*([self._paragraph] if self._paragraph else []), *before])
        self._paragraph = None
        self._found.append(Sentence(start, end, tuple(parts)))

    def _append(self, parts: Iterable[Part]) -> None:
        """Add breaks and marks to the last sentence; without one they are a sentence of their own."""
        parts = tuple(parts)
        last = self._found.pop() if self._found else Sentence(parts[0].start, parts[-1].end, ())
        self._found.append(replace(last, parts=(*last.parts, *parts)))


def _normal(text: str, start: int, end: int, code: str) -> Iterator[tuple[int, int, str, str, str]]:
    for first, last, spoken, after in normalise(text[start:end], short(code)):
        yield start + first, start + last, spoken, after, ""


def _spoken(text: str, code: str) -> str:
    """Return how a text is read that stands for one word."""
    return " ".join(word[2] for word in normalise(text, short(code)) if word[2])


def _punctuation(text: str, place: int) -> tuple[str, int]:
    """Return the punctuation that stands at a place of a text, "" for none, and where what follows begins."""
    found = _PUNCTUATION.match(text, place)
    return (found[1].replace("…", "."), found.end()) if found else ("", place)


def _punctuate(parts: list[Part], mark: str) -> bool:
    """Let the last word be followed by a punctuation mark; return whether there is one to follow."""
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if isinstance(part, Word):
            parts[index] = replace(part, after=part.after or mark)
            return True
        if isinstance(part, Break):
            break
    return False


def _place(parts: list[Part], part: Break | Mark) -> None:
    """Add a break or a mark; a break of no length takes away the pause that punctuation makes before it."""
    if isinstance(part, Break) and not part.seconds:
        if parts and isinstance(parts[-1], Word):
            parts[-1] = replace(parts[-1], after="")
        return
    parts.append(part)
