"""Pronunciation lexicons: PLS 1.0, checked as Amazon Polly checks them, and applied to text.

Sources: W3C, "Pronunciation Lexicon Specification (PLS) 1.0"; "Managing lexicons" and "Quotas" in the
developer guide of Amazon Polly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.parsers import expat

from brume.narration.model import xsampa

NAMESPACE = "http://www.w3.org/2005/01/pronunciation-lexicon"
LONGEST = 40_000  # characters of a lexicon
LONGEST_REPLACEMENT = 100  # characters of a phoneme or an alias
_SEPARATOR = "|"
_ELEMENTS = ("lexicon", "lexeme", "grapheme", "phoneme", "alias", "example", "meta", "metadata")


class LexiconError(ValueError):
    """A lexicon that cannot be used; `kind` is "lexicon", "alphabet", "language", "size" or "lexeme"."""

    def __init__(self, message: str, kind: str = "lexicon") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Lexeme:
    """What is read in place of a grapheme: an alias, or phonemes in IPA."""

    grapheme: str
    alias: str = ""
    phonemes: str = ""


@dataclass(frozen=True)
class Lexicon:
    """A lexicon for one language (a code as it was given: en-US)."""

    language: str
    alphabet: str
    lexemes: tuple[Lexeme, ...]
    count: int  # of <lexeme>s, each of which may have several graphemes


def parse(content: str) -> Lexicon:
    """Return a lexicon. Raises `LexiconError` that names line and column."""
    if len(content) > LONGEST:
        raise LexiconError(f"a lexicon has at most {LONGEST:,} characters, this one {len(content):,}", "size")
    return _Reader(content).read()


class Lexicons:
    """Several lexicons as they are applied together: what an earlier one has goes first."""

    def __init__(self, lexicons: Iterable[Lexicon] = ()) -> None:
        self._lexicons = tuple(lexicons)

    def of(self, language: str) -> Matcher:
        """Return the lexemes for a language (en-US): those of lexicons of exactly this code."""
        wanted = [one for one in self._lexicons if one.language.casefold() == language.casefold()]
        return Matcher([lexeme for one in wanted for lexeme in one.lexemes])


class Matcher:
    """Finds graphemes in text: whole words, in the case in which they are written, the longest first."""

    def __init__(self, lexemes: Sequence[Lexeme]) -> None:
        self._lexemes: dict[str, Lexeme] = {}
        for lexeme in lexemes:
            self._lexemes.setdefault(_spaced(lexeme.grapheme), lexeme)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        graphemes = sorted(self._lexemes, key=len, reverse=True)
        words = (r"\s+".join(re.escape(word) for word in grapheme.split()) for grapheme in graphemes)
        return re.compile(rf"(?<![\w])(?:{'|'.join(words)})(?![\w]|['’][\w])")

    def find(self, text: str) -> Iterator[tuple[int, int, Lexeme]]:
        """Iterate the graphemes in a text: start, end, and what is read there."""
        if self._lexemes:
            for match in self._pattern.finditer(text):
                yield match.start(), match.end(), self._lexemes[_spaced(match[0])]


def _spaced(text: str) -> str:
    return " ".join(text.split())


class _Reader:
    def __init__(self, content: str) -> None:
        self._content = content
        self._path: list[str] = []
        self._text: list[str] = []
        self._alphabet = self._language = ""
        self._graphemes: list[str] = []
        self._replacement: Lexeme | None = None
        self._phoneme_alphabet = ""
        self._found: list[Lexeme] = []
        self._count = 0
        parser = self._parser = expat.ParserCreate("utf-8", _SEPARATOR)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._doctype

    def read(self) -> Lexicon:
        try:
            self._parser.Parse(self._content.encode(), True)
        except expat.ExpatError as error:
            raise LexiconError(
                f"line {error.lineno}, column {error.offset + 1}: the XML is not well-formed: "
                f"{expat.ErrorString(error.code)}"
            ) from None
        return Lexicon(self._language, self._alphabet, tuple(self._found), self._count)

    def _wrong(self, message: str, kind: str = "lexicon") -> LexiconError:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        return LexiconError(f"line {line}, column {column}: {message}", kind)

    def _doctype(self, *_: Any) -> None:
        raise self._wrong("a document type (<!DOCTYPE>) is not taken")

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        namespace, _, name = qualified.rpartition(_SEPARATOR)
        if "metadata" not in self._path:
            self._open(namespace, name, attributes)
        self._path.append(name)

    def _open(self, namespace: str, name: str, attributes: dict[str, str]) -> None:
        if namespace != NAMESPACE or name not in _ELEMENTS:
            raise self._wrong(f"<{name}> is no element of PLS: xmlns must be {NAMESPACE}")
        parent = self._path[-1] if self._path else ""
        wanted = {"lexicon": ("",), "lexeme": ("lexicon",), "meta": ("lexicon",), "metadata": ("lexicon",)}
        if parent not in wanted.get(name, ("lexeme",)):
            raise self._wrong(f"<{name}> stands in <{parent}>" if parent else f"<{name}> is the document")
        if name == "lexicon":
            self._open_lexicon(attributes)
        elif name == "lexeme":
            self._graphemes, self._replacement = [], None
            self._count += 1
        self._phoneme_alphabet = attributes.get("alphabet", self._alphabet)
        if name == "phoneme":
            self._check_alphabet(self._phoneme_alphabet)
        self._text.clear()

    def _open_lexicon(self, attributes: dict[str, str]) -> None:
        if attributes.get("version") != "1.0":
            raise self._wrong('version="1.0" is missing')
        language = attributes.get(f"http://www.w3.org/XML/1998/namespace{_SEPARATOR}lang", "")
        if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", language):
            raise self._wrong(f"xml:lang must be a code such as en-US, not {language!r}", "language")
        self._alphabet, self._language = attributes.get("alphabet", ""), language
        self._check_alphabet(self._alphabet)

    def _check_alphabet(self, alphabet: str) -> None:
        if alphabet not in ("ipa", "x-sampa"):
            raise self._wrong(f"alphabet must be ipa or x-sampa, not {alphabet!r}", "alphabet")

    def _end(self, _qualified: str) -> None:
        name, text = self._path.pop(), "".join(self._text).strip()
        if "metadata" in self._path:
            return
        if name in ("grapheme", "phoneme", "alias"):
            if not text:
                raise self._wrong(f"<{name}> is empty")
            if name != "grapheme" and len(text) > LONGEST_REPLACEMENT:
                raise self._wrong(f"<{name}> has more than {LONGEST_REPLACEMENT} characters", "lexeme")
        if name == "grapheme":
            self._graphemes.append(text)
        elif name == "alias":
            self._replacement = self._replacement or Lexeme("", alias=text)
        elif name == "phoneme":
            self._replacement = self._replacement or Lexeme("", phonemes=self._ipa(text))
        elif name == "lexeme":
            self._close_lexeme()

    def _ipa(self, text: str) -> str:
        try:
            found = text if self._phoneme_alphabet == "ipa" else xsampa.ipa(text)
            xsampa.check_ipa(found)
            return found
        except ValueError as error:
            raise self._wrong(str(error)) from None

    def _close_lexeme(self) -> None:
        if not self._graphemes:
            raise self._wrong("a <lexeme> has no <grapheme>")
        if self._replacement is None:
            raise self._wrong("a <lexeme> has neither <alias> nor <phoneme>")
        found = self._replacement
        self._found += [Lexeme(one, found.alias, found.phonemes) for one in self._graphemes]
