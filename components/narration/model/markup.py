"""Text and SSML as runs of characters, each with its place in the original and how it is to be spoken.

Source: "Supported SSML tags" in the developer guide of Amazon Polly. The parser is expat; a document type is
refused, so that no entity grows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from xml.parsers import expat

from brume.narration.model import prosody, xsampa
from brume.narration.model.script import Break, Mark, Prosody

SAY_AS = (
    "characters", "spell-out", "cardinal", "number", "ordinal", "digits", "fraction", "unit", "date", "time",
    "address", "expletive", "telephone",
)  # fmt: skip
_DATES = ("mdy", "dmy", "ymd", "md", "dm", "ym", "my", "d", "m", "y", "yyyymmdd")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_XML_SPACE = " \t\r\n"


class SsmlError(ValueError):
    """SSML that cannot be spoken; the message names line, column, and what is wrong there."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line, self.column = line, column


@dataclass(frozen=True)
class Style:
    """How a run is spoken. `language` is a code as it was given ("" for the request's).

    At most one of `say_as`, `alias` and `phonemes` (IPA) is there, or `role` of a <w>.
    """

    language: str = ""
    prosody: Prosody = field(default_factory=Prosody)
    say_as: str = ""
    format: str = ""
    alias: str = ""
    phonemes: str = ""
    role: str = ""

    @property
    def atomic(self) -> bool:
        """Whether the run is read as one thing."""
        return bool(self.say_as or self.alias or self.phonemes or self.role)


@dataclass
class Run:
    """Characters of one style; `starts` and `ends` are where each lies in the original text."""

    style: Style
    text: str = ""
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Boundary:
    """The beginning or end of a sentence (<s>) or of a paragraph (<p>)."""

    seconds: float  # of silence
    place: int


Item = Run | Break | Mark | Boundary


@dataclass(frozen=True)
class Markup:
    """What a text consists of, and how many of its characters are not markup."""

    items: list[Item]
    characters: int
    language: str = ""  # of <speak>


def plain(text: str) -> Markup:
    """Return plain text as one run."""
    places = list(range(len(text) + 1))
    return Markup([Run(Style(), text, places[:-1], places[1:])], len(text))


def parse(text: str) -> Markup:
    """Return the items of a document of SSML. Raises `SsmlError`."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._bytes = text.encode()
        self._byte = self._place = 0  # the same place, which has been counted, in bytes and in characters
        self._items: list[Item] = []
        self._styles: list[Style] = []
        self._names: list[str] = []
        self._characters = 0
        self._cdata = False
        self._language = ""
        parser = self._parser = expat.ParserCreate("utf-8")
        parser.buffer_text = False  # each call is then one piece of the source
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartCdataSectionHandler = lambda: self._in_cdata(True)
        parser.EndCdataSectionHandler = lambda: self._in_cdata(False)
        parser.StartDoctypeDeclHandler = self._doctype
        self._elements: dict[str, Callable[[dict[str, str]], Style]] = {
            "speak": self._speak,
            "break": self._break,
            "mark": self._mark,
            "p": self._block,
            "s": self._block,
            "emphasis": self._emphasis,
            "lang": self._lang,
            "phoneme": self._phoneme,
            "prosody": self._prosody,
            "say-as": self._say_as,
            "sub": self._sub,
            "w": self._w,
            "amazon:effect": self._effect,
            "amazon:domain": self._amazon,
            "amazon:breath": self._amazon,
            "amazon:auto-breaths": self._amazon,
        }

    def read(self) -> Markup:
        try:
            self._parser.Parse(self._bytes, True)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            raise SsmlError(f"the XML is not well-formed: {what}", error.lineno, error.offset + 1) from None
        return Markup(self._items, self._characters, self._language)

    def _wrong(self, message: str) -> SsmlError:
        return SsmlError(message, self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1)

    def _here(self) -> int:
        """Return the character of the text at which the parser is."""
        byte = self._parser.CurrentByteIndex
        self._place += len(self._bytes[self._byte : byte].decode())
        self._byte = byte
        return self._place

    def _after_tag(self) -> int:
        """Return the character behind the tag at which the parser is."""
        start, quote = self._parser.CurrentByteIndex, 0
        for end in range(start, len(self._bytes)):
            byte = self._bytes[end]
            if quote:
                quote = 0 if byte == quote else quote
            elif byte in b"\"'":
                quote = byte
            elif byte == ord(">"):
                return self._here() + len(self._bytes[start : end + 1].decode())
        raise AssertionError("expat has seen the end of this tag")

    def _doctype(self, *_: Any) -> None:
        raise self._wrong("a document type (<!DOCTYPE>) is not taken")

    def _in_cdata(self, inside: bool) -> None:
        self._cdata = inside

    def _text(self, text: str) -> None:
        if self._names[-1] in ("break", "mark") and text.strip(_XML_SPACE):
            raise self._wrong(f"<{self._names[-1]}> must be empty, and holds text")
        start, byte = self._here(), self._parser.CurrentByteIndex
        if not self._cdata and self._bytes[byte : byte + 1] == b"&":
            length = self._bytes.index(b";", byte) + 1 - byte  # a reference is ASCII
            places = [(start, start + length)]
        elif text == "\n":
            places = [(start, start + (2 if self._bytes[byte : byte + 2] == b"\r\n" else 1))]
        else:
            places = [(start + index, start + index + 1) for index in range(len(text))]
        self._characters += len(text)
        run = self._items[-1] if self._items else None
        if not isinstance(run, Run) or run.style is not self._styles[-1]:
            run = Run(self._styles[-1])
            self._items.append(run)
        run.text += text
        run.starts += [start for start, _ in places]
        run.ends += [end for _, end in places]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._names and name != "speak":
            raise self._wrong(f"the document must be in <speak>, not in <{name}>")
        handle = self._elements.get(name)
        if handle is None:
            raise self._wrong(f"<{name}> is not supported")
        inside = next((one for one in self._names if one in ("break", "mark")), None)
        if inside:
            raise self._wrong(f"<{inside}> must be empty, and holds <{name}>")
        if self._styles and self._styles[-1].atomic:
            raise self._wrong(f"<{self._names[-1]}> holds text alone, and here <{name}>")
        try:
            style = handle(attributes)
        except ValueError as error:
            if isinstance(error, SsmlError):
                raise
            raise self._wrong(f"<{name}>: {error}") from None
        self._names.append(name)
        self._styles.append(style)

    def _end(self, name: str) -> None:
        self._names.pop()
        self._styles.pop()
        if name in ("p", "s"):
            self._items.append(Boundary(prosody.PARAGRAPH if name == "p" else 0.0, self._here()))

    @property
    def _style(self) -> Style:
        return self._styles[-1] if self._styles else Style()

    def _speak(self, attributes: dict[str, str]) -> Style:
        if self._names:
            raise self._wrong("<speak> is inside another element: it is the whole document")
        self._language = self._language_of(attributes, required=False)
        return Style()

    def _break(self, attributes: dict[str, str]) -> Style:
        seconds = prosody.pause(attributes.get("strength"), attributes.get("time"))
        self._items.append(Break(seconds, self._here(), self._after_tag()))
        return self._style

    def _mark(self, attributes: dict[str, str]) -> Style:
        self._items.append(Mark(_required(attributes, "name"), self._here(), self._after_tag()))
        return self._style

    def _block(self, attributes: dict[str, str]) -> Style:
        self._items.append(Boundary(0.0, self._here()))
        return replace(
            self._style, language=self._language_of(attributes, required=False) or self._style.language
        )

    def _emphasis(self, attributes: dict[str, str]) -> Style:
        level = prosody.emphasis(attributes.get("level", "moderate"))
        return replace(self._style, prosody=prosody.combined(self._style.prosody, level))

    def _prosody(self, attributes: dict[str, str]) -> Style:
        if "amazon:max-duration" in attributes:
            raise ValueError("Unsupported Neural feature: amazon:max-duration")
        if not attributes:
            raise ValueError("rate, pitch or volume is missing")
        found = self._style.prosody
        for name, value in attributes.items():
            found = prosody.combined(found, prosody.change(name, value))
        return replace(self._style, prosody=found)

    def _lang(self, attributes: dict[str, str]) -> Style:
        return replace(self._style, language=self._language_of(attributes, required=True))

    def _language_of(self, attributes: dict[str, str], *, required: bool) -> str:
        code = _required(attributes, "xml:lang") if required else attributes.get("xml:lang", "")
        if code and not _LANGUAGE.fullmatch(code):
            raise ValueError(f"xml:lang must be a code such as es-ES, not {code!r}")
        return code

    def _phoneme(self, attributes: dict[str, str]) -> Style:
        phonemes, alphabet = _required(attributes, "ph"), attributes.get("alphabet", "ipa")
        if alphabet not in ("ipa", "x-sampa"):
            raise ValueError(f"alphabet must be ipa or x-sampa, not {alphabet!r}")
        if alphabet == "x-sampa":
            phonemes = xsampa.ipa(phonemes)
        xsampa.check_ipa(phonemes)
        return replace(self._style, phonemes=phonemes)

    def _say_as(self, attributes: dict[str, str]) -> Style:
        kind, layout = _required(attributes, "interpret-as"), attributes.get("format", "")
        if kind not in SAY_AS:
            raise ValueError(f"interpret-as must be one of {', '.join(SAY_AS)}, not {kind!r}")
        if kind == "date" and layout and layout not in _DATES:
            raise ValueError(f"format of a date must be one of {', '.join(_DATES)}, not {layout!r}")
        return replace(self._style, say_as=kind, format=layout)

    def _sub(self, attributes: dict[str, str]) -> Style:
        return replace(self._style, alias=_required(attributes, "alias"))

    def _w(self, attributes: dict[str, str]) -> Style:
        return replace(self._style, role=_required(attributes, "role"))

    def _effect(self, attributes: dict[str, str]) -> Style:
        if attributes != {"name": "drc"}:
            return self._amazon(attributes)
        return replace(self._style, prosody=prosody.combined(self._style.prosody, Prosody(compressed=True)))

    def _amazon(self, attributes: dict[str, str]) -> Style:
        named = "".join(f' {name}="{value}"' for name, value in attributes.items())
        raise ValueError(f"Unsupported Neural feature{':' * bool(named)}{named}")


def _required(attributes: dict[str, str], name: str) -> str:
    value = attributes.get(name, "").strip(_XML_SPACE)
    if not value:
        raise ValueError(f"{name} is missing")
    return value
