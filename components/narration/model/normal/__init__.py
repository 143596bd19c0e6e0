"""Text normalisation: how text is read, word by word, with the place of each word in the text.

Numbers, money, dates, times, units, abbreviations and addresses become words in English and in Spanish; text
in another language is given as it is to voices that read it themselves.
"""

from __future__ import annotations

from typing import NamedTuple

from brume.narration.model.normal import english, say_as_kinds, spanish
from brume.narration.model.normal.tokens import Token, pause, tokens

_SYMBOLS = "€$£¥₹%&@#§°+=<>"  # that voices which read text themselves have words for
_GOES_ON = (",", ";", ":", ")")  # after the period of an abbreviation: its sentence does not end there
_LANGUAGES = {"en": english, "es": spanish}


class Reading(NamedTuple):
    """How `text[start:end]` is read: `spoken` is words without digits or symbols, "" for what is not read.

    A single capital in `spoken` is a letter that is named ("F B I"). `after` is the punctuation that shapes
    the speech: one of . , ? ! ; : or "".
    """

    start: int
    end: int
    spoken: str
    after: str


def normalise(text: str, language: str, *, say_as: str = "", format: str = "") -> list[Reading]:
    """Return how a text in a language (ISO 639-1) is read.

    `say_as` and `format` are interpret-as and format of SSML's say-as: the whole text is then read as this.
    Raises `ValueError` for a kind or a format that Polly does not know.
    """
    reader = _LANGUAGES.get(language)
    if say_as and (item := say_as_kinds.read(text, say_as, format, reader or english)):
        return [Reading(*item)]
    found = list(tokens(text))
    if reader is None:
        return [_reading(token, token.text if _spoken(token.text) else "") for token in found]
    readings = []
    for index, token in enumerate(found):
        spoken = reader.read(found, index)
        closing = token.closing
        if reader.shortened(found, index) and (
            closing[1:2] in _GOES_ON or not reader.ends_sentence(found, index)
        ):
            closing = closing[1:]
        readings.append(Reading(token.start, token.end, spoken, pause(closing)))
    return readings


def _reading(token: Token, spoken: str) -> Reading:
    return Reading(token.start, token.end, spoken, pause(token.closing))


def _spoken(text: str) -> bool:
    return any(char.isalnum() or char in _SYMBOLS for char in text)
