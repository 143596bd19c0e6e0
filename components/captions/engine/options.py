"""The parameters of StartStreamTranscription, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brume.aws.engine.errors import Errors
from brume.aws.engine.service import ServiceError
from brume.captions.model.recognisers import language

STREAMING = Errors("transcribe-streaming")

# Members that ask for what this engine does not do, with the values that ask for nothing.
_REFUSED = {
    "ShowSpeakerLabel": (False, "speaker labels"),
    "ContentIdentificationType": (None, "identification of personal data"),
    "ContentRedactionType": (None, "redaction of personal data"),
    "PiiEntityTypes": (None, "kinds of personal data"),
    "LanguageModelName": (None, "custom language models"),
    "IdentifyMultipleLanguages": (False, "several languages in one stream"),
    "SessionResumeWindow": (None, "sessions that are resumed"),
    "TranscriptFormat": (None, "formats of the transcript"),
}


ENCODINGS = ("pcm", "flac", "ogg-opus")


def bad(message: str) -> ServiceError:
    """Return the error of a request that cannot be used."""
    return STREAMING("BadRequestException", message)


class GoneError(ServiceError):
    """A client went before the end of its audio: what is left of it is for nobody."""

    def __init__(self, message: str) -> None:
        super().__init__("BadRequestException", message)


@dataclass(frozen=True)
class Options:
    """What a client wants: `languages` are codes as AWS writes them, one or those to choose from.

    `preferred` is one of those to choose from, or "".
    """

    languages: tuple[str, ...]
    rate: int
    encoding: str
    channels: int
    level: str
    vocabularies: tuple[str, ...]
    filters: tuple[str, ...]
    method: str
    preferred: str


def options(request: Mapping[str, Any]) -> Options:
    """Return the options of a request. Raises `ServiceError` that names what is wrong or not done."""
    for member, (nothing, what) in _REFUSED.items():
        if request.get(member) not in (nothing, None):
            raise bad(f"{member} is not done by this server: {what}")
    if request["MediaEncoding"] not in ENCODINGS:
        raise bad(
            f"MediaEncoding {request['MediaEncoding']} is not done by this server: {', '.join(ENCODINGS)} are"
        )
    identify = bool(request.get("IdentifyLanguage"))
    return Options(
        _languages(request, identify),
        request["MediaSampleRateHertz"],
        request["MediaEncoding"],
        _channels(request),
        _level(request),
        _names(request, "Vocabulary", identify),
        _names(request, "VocabularyFilter", identify),
        request.get("VocabularyFilterMethod") or "mask",
        request.get("PreferredLanguage") or "",
    )


def _languages(request: Mapping[str, Any], identify: bool) -> tuple[str, ...]:
    code, among = request.get("LanguageCode"), request.get("LanguageOptions")
    if not identify:
        if not code:
            raise bad("Give LanguageCode, or IdentifyLanguage with LanguageOptions")
        if among or request.get("PreferredLanguage"):
            raise bad("LanguageOptions and PreferredLanguage need IdentifyLanguage")
        return (str(code),)
    if code:
        raise bad("Give LanguageCode or IdentifyLanguage, not both")
    found = tuple(part.strip() for part in (among or "").split(",") if part.strip())
    if len(found) < 2:
        raise bad("IdentifyLanguage needs LanguageOptions: at least two language codes, e.g. en-US,es-US")
    spoken = [language(part) for part in found]
    twice = {part for part in spoken if spoken.count(part) > 1}
    if twice:
        raise bad(f"LanguageOptions has more than one dialect of {', '.join(sorted(twice))}")
    if request.get("PreferredLanguage") not in (None, *found):
        raise bad(f"PreferredLanguage {request['PreferredLanguage']} is not among LanguageOptions")
    return found


def _channels(request: Mapping[str, Any]) -> int:
    count = request.get("NumberOfChannels")
    if not request.get("EnableChannelIdentification"):
        if count is not None:
            raise bad("NumberOfChannels needs EnableChannelIdentification")
        return 1
    if count != 2:
        raise bad(f"EnableChannelIdentification needs NumberOfChannels=2, not {count}")
    return 2


def _level(request: Mapping[str, Any]) -> str:
    stability = request.get("PartialResultsStability")
    if request.get("EnablePartialResultsStabilization"):
        return str(stability or "high")
    if stability:
        raise bad("PartialResultsStability needs EnablePartialResultsStabilization")
    return "off"


def _names(request: Mapping[str, Any], member: str, identify: bool) -> tuple[str, ...]:
    one, several = request.get(f"{member}Name"), request.get(f"{member}Names")
    if identify and one:
        raise bad(f"With IdentifyLanguage give {member}Names, not {member}Name")
    if not identify and several:
        raise bad(f"{member}Names needs IdentifyLanguage: give {member}Name")
    return tuple(part.strip() for part in (one or several or "").split(",") if part.strip())
