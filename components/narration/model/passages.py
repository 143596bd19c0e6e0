"""What is asked of the voice for an article: passages of SSML, and the text of their bytes.

A passage is one request: a block, or a part of one where a block is longer than the service takes. Pauses
between passages are no part of them: they are put between the sounds (timeline.py), so that a passage sounds
the same wherever it stands.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from brume.narration.model.articles.article import (
    HEADING,
    ITEM,
    PARAGRAPH,
    QUOTE,
    TABLE,
    TITLE,
    Article,
    Block,
    Span,
    clean,
)

INTRO, OUTRO = "intro", "outro"
# Seconds of silence after a block, and before one that begins a section.
PAUSES = {
    TITLE: 0.9,
    INTRO: 0.9,
    HEADING: 0.6,
    PARAGRAPH: 0.5,
    ITEM: 0.35,
    QUOTE: 0.6,
    TABLE: 0.7,
    OUTRO: 0.5,
}
SECTION_PAUSE, QUOTE_PAUSE = 1.0, 0.6
_QUOTE_RATE = 95  # per cent of the speed: a quotation is heard as one
_MOST = 2500  # characters of a passage; Polly takes 3,000 of text, and 6,000 with tags
_MOST_WITH_TAGS = 5800
_SENTENCE = re.compile(r"[.!?…][\"'”’»)\]]*\s+(?=\S)")


@dataclass(frozen=True)
class Passage:
    """A request: `text` is `block.text[start : start + len(text)]`, in `language` (BCP 47)."""

    block: int
    start: int
    text: str
    language: str
    ssml: str
    places: tuple[int, ...]  # of each character of the text: the byte of the SSML at which it begins

    def character_at(self, byte: int) -> int:
        """Return the character of the text that begins at or after a byte of the SSML."""
        return bisect.bisect_left(self.places, byte)


def narrated(article: Article, intro: str = "", outro: str = "") -> list[Block]:
    """Return what is heard of an article, in order: the title, its blocks, what frames them.

    `intro` and `outro` may name {title}, {author}, {date} and {section}. Raises `ValueError` for one that
    names something else.
    """
    blocks = [Block(TITLE, article.title, 1), *article.blocks]
    if intro:
        blocks.insert(0, Block(INTRO, framed(intro, article)))
    if outro:
        blocks.append(Block(OUTRO, framed(outro, article)))
    return [block for block in blocks if block.text]


def framed(text: str, article: Article) -> str:
    """Return a text with what it names of an article. Raises `ValueError`."""
    known = {name: getattr(article, name) for name in ("title", "author", "date", "section")}
    names = re.findall(r"\{(\w*)\}", text)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"{{{unknown[0]}}} in {text!r} is none of {', '.join(f'{{{name}}}' for name in known)}"
        )
    return clean(re.sub(r"\{(\w+)\}", lambda match: known[match[1]], text))


def passages(blocks: Sequence[Block], language: str, speed: int = 100) -> list[Passage]:
    """Return the requests for blocks; `language` is the default, `speed` in per cent."""
    return [
        passage
        for number, block in enumerate(blocks)
        for passage in _of_block(number, block, block.language or language, speed)
    ]


def _of_block(number: int, block: Block, language: str, speed: int) -> Iterator[Passage]:
    rate = round(speed * _QUOTE_RATE / 100) if block.kind == QUOTE else speed
    for start, end in pieces(block.text):
        spans = [
            Span(max(span.start, start) - start, min(span.end, end) - start, span.language)
            for span in block.spans
            if span.start < end and span.end > start
        ]
        text = block.text[start:end]
        ssml, places = _ssml(text, spans, rate)
        yield Passage(number, start, text, language, ssml, places)


def pieces(text: str) -> list[tuple[int, int]]:
    """Return the parts of a text that are requests: whole, or cut after sentences or words."""
    found = []
    start = 0
    while len(text) - start > _MOST or len(escape(text[start:])) > _MOST_WITH_TAGS:
        most = start + _MOST
        while len(escape(text[start:most])) > _MOST_WITH_TAGS:
            most -= 100
        cuts = [match.end() for match in _SENTENCE.finditer(text, start, most)]
        space = text.rfind(" ", start + 1, most) + 1
        end = cuts[-1] if cuts else space if space > start else most
        found.append((start, end))
        start = end
    return [*found, (start, len(text))] if start < len(text) else found


def _ssml(text: str, spans: Sequence[Span], rate: int) -> tuple[str, tuple[int, ...]]:
    """Return the SSML of a text, and the byte at which each of its characters begins."""
    begins = {span.start: span for span in spans}
    ends = {span.end for span in spans}
    ssml = "<speak>" if rate == 100 else f'<speak><prosody rate="{rate}%">'
    size = len(ssml.encode())
    parts, places = [ssml], []
    for index, character in enumerate(text):
        if index in ends:
            parts.append("</lang>")
            size += len("</lang>")
        if index in begins:
            tag = f"<lang xml:lang={quoteattr(begins[index].language)}>"
            parts.append(tag)
            size += len(tag.encode())
        places.append(size)
        written = escape(character)
        parts.append(written)
        size += len(written.encode())
    if len(text) in ends:
        parts.append("</lang>")
    parts.append("</speak>" if rate == 100 else "</prosody></speak>")
    return "".join(parts), tuple(places)


def language_for(given: str, default: str) -> str:
    """Return the language that an article is spoken in; `en` is that of a default like en-GB."""
    if not given or given.lower() == default.partition("-")[0].lower():
        return default
    return given


def silence_after(blocks: Sequence[Block], number: int) -> float:
    """Return the seconds of silence between a block and the next, or after the last."""
    pause = PAUSES[blocks[number].kind]
    if number + 1 < len(blocks):
        following = blocks[number + 1].kind
        if following == HEADING:
            return max(pause, SECTION_PAUSE)
        if following in (QUOTE, OUTRO) and blocks[number].kind != QUOTE:
            return max(pause, QUOTE_PAUSE)
    return pause


def voices_of(given: str) -> Mapping[str, str]:
    """Return the voices in a list such as `en-US=Joanna,es=Lupe`, by language in lower case.

    A single name without a language is for every one (""). Raises `ValueError`.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in given.split(","))):
        language, equals, voice = part.rpartition("=")
        if not voice or (equals and not language) or (not equals and "," in given):
            raise ValueError(f"voices={given}: write one voice, or LANGUAGE=VOICE with commas between")
        found[language.strip().lower()] = voice.strip()
    return found
