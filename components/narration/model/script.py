"""What is to be spoken: sentences of words, breaks and marks, each with its place in the original text.

Places are characters of the text as it was given (plain text or SSML), `text[start:end]`; marks that clients
get have them in bytes of UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

LONGEST = 120.0  # seconds of speech that are made at once
_LETTER = 0.07  # seconds of a letter


@dataclass(frozen=True)
class Prosody:
    """How something is spoken, as a change of what the voice does by itself."""

    rate: float = 1.0  # times as fast
    pitch: float = 0.0  # semitones higher
    volume: float = 0.0  # dB louder
    compressed: bool = False  # whether its soft sounds are nearer to its loud ones


@dataclass(frozen=True)
class Word:
    """A word of the text and how it is read.

    `text` is the word as written (`text[start:end]` of the original, entities resolved), `spoken` what the
    voice reads: one or more words without digits or symbols ("twenty one"), or "" for what is not read.
    """

    text: str
    start: int
    end: int
    spoken: str
    phonemes: str = ""  # IPA, in place of what the voice makes of `spoken`
    after: str = ""  # the punctuation that follows and shapes the speech: one of . , ? ! ; :
    language: str = ""  # ISO 639-1; "" is the voice's
    prosody: Prosody = field(default_factory=Prosody)


@dataclass(frozen=True)
class Break:
    """Silence of `seconds` in addition to none: what a <break> or the end of a paragraph asks for."""

    seconds: float
    start: int
    end: int


@dataclass(frozen=True)
class Mark:
    """A <mark> of SSML."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Sentence:
    """A sentence: what is synthesised as one."""

    start: int
    end: int
    parts: tuple[Word | Break | Mark, ...]

    @property
    def words(self) -> tuple[Word, ...]:
        """Its words, in order."""
        return tuple(part for part in self.parts if isinstance(part, Word))

    def divided(self) -> Iterator[Sentence]:
        """Iterate parts of it that take some `LONGEST` seconds to speak: itself, unless it is no sentence.

        Text without punctuation and long sums of breaks are never one piece in memory. It is divided before
        words, with the marks that belong to them, and between breaks.
        """
        start, place, seconds = self.start, 0, 0.0
        for index, part in enumerate(self.parts):
            before = self.parts[index - 1] if index else None
            apart = isinstance(before, Break) or (isinstance(before, Word) and not isinstance(part, Break))
            if seconds > LONGEST and apart:
                end = self.parts[index - 1].end
                yield Sentence(start, end, self.parts[place:index])
                start, place, seconds = part.start, index, 0.0
            seconds += _seconds(part)
        yield self if not place else Sentence(start, self.end, self.parts[place:])


def _seconds(part: Word | Break | Mark) -> float:
    """Return about how long a part takes to speak."""
    if isinstance(part, Word):
        return len(part.spoken) * _LETTER / part.prosody.rate
    return part.seconds if isinstance(part, Break) else 0.0
