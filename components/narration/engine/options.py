"""The parameters of speech, checked: the same for SynthesizeSpeech, tasks and streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brume.aws.engine.service import Call
from brume.narration.engine.errors import POLLY, invalid, refusing
from brume.narration.engine.lexicons import Lexicons
from brume.narration.engine.voices import Offered, Voices
from brume.narration.model import ssml
from brume.narration.model.encoding import FORMATS, FormatError, rate_of
from brume.narration.model.lexicon import Lexicons as Applied
from brume.narration.model.synthesis import RATE

MARKS = "application/x-json-stream"


@dataclass(frozen=True)
class Limits:
    """The most characters of a text: all of them, and those that are billed (without markup)."""

    all: int
    billed: int


_LONGEST_WORD = 20_000  # characters of one word as it is spoken
REQUEST, TASK = Limits(6_000, 3_000), Limits(200_000, 100_000)


@dataclass(frozen=True)
class Options:
    """How a request is spoken; `marks` are types of speech marks in place of sound, `rate` is in Hz."""

    voice: Offered
    language: str
    format: str
    rate: int
    marks: tuple[str, ...]
    lexicons: Applied

    @property
    def media(self) -> str:
        """The type of the output in HTTP."""
        return MARKS if self.marks else FORMATS[self.format].media


@dataclass(frozen=True)
class Asked:
    """A text to be spoken, and how."""

    text: str
    script: ssml.Script
    options: Options


def options(request: Mapping[str, Any], call: Call, voices: Voices, lexicons: Lexicons) -> Options:
    """Return the options of a request. Raises `ServiceError` that names what is wrong or not there."""
    voice, language = voices.find(request["VoiceId"], request.get("LanguageCode"), request.get("Engine"))
    marks, name = tuple(request.get("SpeechMarkTypes") or ()), request["OutputFormat"]
    if name == "json" and not marks:
        raise invalid("OutputFormat json needs SpeechMarkTypes: it has speech marks, and no sound")
    if marks and name != "json":
        raise POLLY(
            "MarksNotSupportedForFormatException",
            f"Speech marks are not supported for the OutputFormat {name}: they are only available in json",
        )
    if "ssml" in marks and request.get("TextType") != "ssml":
        raise POLLY(
            "SsmlMarksNotSupportedForTextTypeException", "Speech marks of the type ssml need TextType ssml"
        )
    try:
        rate = 0 if marks else rate_of(name, request.get("SampleRate") or "", RATE)
    except FormatError as error:
        raise POLLY("InvalidSampleRateException", f"The sample rate is invalid: {error}") from error
    applied = lexicons.of(request.get("LexiconNames") or (), call)
    return Options(voice, language, name, rate, marks, applied)


def script(text: str, kind: str | None, chosen: Options, limits: Limits) -> ssml.Script:
    """Return what a text (of TextType `kind`) consists of. Raises `ServiceError`, also past the limits."""
    if len(text) > limits.all:
        raise _too_long(len(text), limits.all, "")
    with refusing():
        found = ssml.read(text, ssml=kind == "ssml", language=chosen.language, lexicons=chosen.lexicons)
    if found.characters > limits.billed:
        raise _too_long(found.characters, limits.billed, " without markup")
    if not found.sentences:
        raise invalid("Text has no words to be spoken")
    for word in (word for sentence in found.sentences for word in sentence.words):
        if len(word.spoken) > _LONGEST_WORD:
            raise invalid(
                f"Text has a word of {len(word.spoken):,} characters as it is spoken, at most "
                f"{_LONGEST_WORD:,} are allowed: {word.text[:30]!r}..."
            )
    return found


def _too_long(size: int, most: int, which: str) -> Exception:
    return POLLY(
        "TextLengthExceededException",
        f"Maximum text length has been exceeded: {size:,} characters{which}, at most {most:,} are allowed",
    )
