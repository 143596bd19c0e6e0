"""An article of HTML: the blocks of its main text, and what was left out by which rule.

The main text is the page's <article> or <main>; where a page marks none, trafilatura finds it. Text is taken
wherever it stands, in a <div> as in a <p>, so that what is not read aloud is always an omission by a rule.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any

from brume.narration.model.articles import tables
from brume.narration.model.articles.article import (
    HEADING,
    ITEM,
    PARAGRAPH,
    QUOTE,
    TABLE,
    Article,
    Block,
    Omission,
    Span,
    clean,
    date_of,
    has_words,
    omission,
)
from brume.narration.model.articles.cells import cells, is_data
from brume.narration.model.articles.parsing import tree_of
from brume.narration.model.articles.rules import rule_of, silent

_INLINE = {
    *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font"),
    *("i", "ins", "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike"),
    *("svg", "math", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"),
}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_KINDS = {"blockquote": QUOTE, "li": ITEM, "dd": ITEM, "dt": ITEM}
_OUTSIDE = "outside of the main text"
_START = re.compile(r"-?[0-9]{1,9}")  # of an ordered list
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def read_html(data: bytes | str, name: str, *, language: str = "", whole: bool = False) -> Article:
    """Read a page, or with `whole` a piece of HTML that is all main text.

    `language` is that of a page that has none of its own. Raises `ArticleError`.
    """
    tree = tree_of(data)
    about = _About() if whole else _About.of(tree)
    about.language = about.language or language
    root = None if whole else _main(tree)
    walk = _Walk(root, about.language)
    walk.element(tree.find("body"))
    walk.flush()
    if not whole and root is None and (known := _found_text(tree)):
        walk.keep(known)
    return about.article(name, walk)


@dataclass
class _About:
    """What the head of a page has."""

    title: str = ""
    language: str = ""
    author: str = ""
    date: str = ""
    section: str = ""
    summary: str = ""
    image: str = ""
    address: str = ""
    retracted: bool = False

    @classmethod
    def of(cls, tree: Any) -> _About:
        """Read it, with what JSON-LD, Open Graph and Dublin Core have."""
        from trafilatura.metadata import extract_metadata

        found = extract_metadata(tree, extensive=False)  # else any date of the text is taken for its own
        status = tree.xpath("string(//meta[@name='article:status']/@content)")
        return cls(
            title=clean(found.title or ""),
            language=language_of(tree.get("lang") or found.language or ""),
            author=clean(found.author or ""),
            date=date_of(found.date or ""),
            section=clean((found.categories or [""])[0]),
            summary=clean(found.description or ""),
            image=found.image or "",
            address=found.url or "",
            retracted=status.strip().lower() == "retracted",
        )

    def article(self, name: str, walk: _Walk) -> Article:
        """Return the article: its title is the headline of its text, or else that of the head."""
        blocks, title = walk.blocks, self.title
        first = next((number for number, block in enumerate(blocks) if block.level == 1), None)
        if first is not None:
            title = blocks[first].text
            blocks = blocks[:first] + blocks[first + 1 :]
        blocks = [
            dataclasses.replace(
                block,
                level=max(block.level, 2) if block.level else 0,
                language="" if block.language == self.language else block.language,
            )
            for block in blocks
        ]
        return Article(
            name=name,
            title=title,
            blocks=tuple(blocks),
            omissions=tuple(walk.omissions),
            language=self.language,
            author=self.author,
            date=self.date,
            section=self.section,
            summary=self.summary,
            image=self.image,
            address=self.address,
            retracted=self.retracted,
        )


def language_of(text: str) -> str:
    """Return a BCP 47 code as it is, "" for what is none."""
    text = text.strip().replace("_", "-")
    return text if _LANGUAGE.fullmatch(text) else ""


def _main(tree: Any) -> Any:
    """Return the element that holds the main text, None where the page marks none."""
    for path in (
        "//*[@itemprop='articleBody']/ancestor-or-self::article[1]",
        "//*[@itemprop='articleBody']",
        "//article[not(ancestor::article)][not(ancestor::aside)]",
        "//main",
        "//*[@role='main']",
    ):
        found = tree.xpath(path)
        if found:
            return max(found, key=lambda one: len(clean("".join(one.itertext()))))
    return None


def _found_text(tree: Any) -> str:
    """Return the main text that trafilatura finds, for comparison; "" where it finds none."""
    import copy

    import trafilatura

    text = trafilatura.extract(
        copy.deepcopy(tree), include_comments=False, include_tables=True, favor_recall=True, deduplicate=False
    )
    return _letters(text or "")


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


@dataclass
class _Walk:
    """Goes through a page in its order. `root` is the main text; without one, all of it is."""

    root: Any
    language: str
    blocks: list[Block] = field(default_factory=list)
    omissions: list[Omission] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._within = self.root is None
        self._above = set() if self.root is None else set(self.root.iterancestors())
        self._text: list[tuple[str, str]] = []  # pieces of the block that goes on, each with its language
        self._kind, self._level = PARAGRAPH, 0
        self._marker = ""  # of the list item that begins
        self._numbered: tuple[Any, dict[Any, int]] = (None, {})  # a list, and the places of its items

    def element(self, element: Any) -> None:
        """Take an element with all that is in it, but not what follows it."""
        if silent(element):
            return
        entered = element is self.root
        self._within = self._within or entered
        rule = "" if entered or element in self._above else rule_of(element, within=self._within)
        if rule:
            self._leave_out(rule, element)
        elif element.tag == "br":
            self._text.append((" ", ""))
        elif element.tag in _INLINE:
            self._content(element)
        elif element.tag == "table" and self._within and is_data(element):
            self.flush()
            self._table(element)
        else:
            self._block(element)
        if entered:
            self.flush()
            self._within = False

    def _block(self, element: Any) -> None:
        self.flush()
        before = self._kind, self._level, self._marker
        if element.tag in _HEADINGS:
            self._kind, self._level = HEADING, int(element.tag[1])
        elif element.tag in _KINDS:
            self._kind, self._level = _KINDS[element.tag], 0
            self._marker = self._number(element) if element.tag == "li" else ""
        self._content(element)
        self.flush()
        self._kind, self._level, self._marker = before

    def _number(self, item: Any) -> str:
        """Return the number of an item of an ordered list, as it is read and shown."""
        parent = item.getparent()
        if parent is None or parent.tag != "ol":
            return ""
        if self._numbered[0] is not parent:
            self._numbered = parent, {one: place for place, one in enumerate(parent.iterchildren("li"))}
        start = parent.get("start") or ""
        return f"{(int(start) if _START.fullmatch(start) else 1) + self._numbered[1][item]}. "

    def _content(self, element: Any) -> None:
        language = _language(element)
        if element.text:
            self._text.append((element.text, language))
        for child in element:
            self.element(child)
            if child.tail:
                self._text.append((child.tail, language))

    def _leave_out(self, rule: str, element: Any) -> None:
        if element.tag not in _INLINE:
            self.flush()
        text = clean(" ".join(element.itertext()))
        if text:
            self.omissions.append(omission(rule, text))

    def _table(self, element: Any) -> None:
        caption, header, rows = cells(element)
        language = _language(element)
        text = tables.summary(caption, header, rows, language or self.language)
        if has_words("".join(cell for row in [header, *rows] for cell in row)):
            self._add(Block(TABLE, text, language=language))
        else:
            self.omissions.append(omission("no words", text))

    def flush(self) -> None:
        """End the block that goes on."""
        text, spans, language = _joined(self._text)
        self._text = []
        if not text:
            return
        if not has_words(text):
            self.omissions.append(omission("no words", text))
            return
        if self._marker:
            shift = len(self._marker)
            text, self._marker = self._marker + text, ""
            spans = tuple(Span(one.start + shift, one.end + shift, one.language) for one in spans)
        self._add(Block(self._kind, text, self._level, language, spans))

    def _add(self, block: Block) -> None:
        if self._within:
            self.blocks.append(block)
        else:
            self.omissions.append(omission(_OUTSIDE, block.text))

    def keep(self, known: str) -> None:
        """Leave out blocks that are not in a text, of which `known` has the letters.

        A headline stays with what follows it.
        """
        kept: list[Block] = []
        stays = False
        for block in reversed(self.blocks):
            if block.kind != HEADING:
                stays = block.kind == TABLE or _letters(block.text) in known
            if stays:
                kept.append(block)
            else:
                self.omissions.append(omission(_OUTSIDE, block.text))
        self.blocks = kept[::-1]


def _language(element: Any) -> str:
    """Return the language of the text in an element, by the `lang` that is nearest."""
    at = element
    while at is not None:
        if found := language_of(at.get("lang") or ""):
            return found
        at = at.getparent()
    return ""


def _joined(pieces: list[tuple[str, str]]) -> tuple[str, tuple[Span, ...], str]:
    """Return the text of a block, the parts in other languages, and the language of the most."""
    text = ""
    runs: list[tuple[int, int, str]] = []
    for piece, language in pieces:
        kept = clean(piece)
        if not kept:
            text += " " if piece and text and not text.endswith(" ") else ""
            continue
        if piece[:1].isspace() and text and not text.endswith(" "):
            text += " "
        start = len(text)
        text += kept
        if runs and runs[-1][2] == language:
            runs[-1] = (runs[-1][0], len(text), language)
        else:
            runs.append((start, len(text), language))
        text += " " if piece[-1:].isspace() else ""
    text = text.rstrip()
    lengths: dict[str, int] = {}
    for start, end, language in runs:
        lengths[language] = lengths.get(language, 0) + end - start
    most = max(lengths, key=lengths.__getitem__, default="")
    spans = tuple(
        Span(start, end, language) for start, end, language in runs if language and language != most
    )
    return text, spans, most
