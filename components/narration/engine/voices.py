"""DescribeVoices, and which voice of this server speaks for an id of Amazon Polly's.

A voice has its own id, its name here. Ids of Polly's stand for a voice of this server that has their
language: a neural one rather than another, of the same gender, from the same country; settings name another.
All are described as what really speaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brume.aws.engine.service import Call
from brume.narration.engine.errors import POLLY, invalid
from brume.narration.engine.polly import LANGUAGES, VOICES, PollyVoice
from brume.narration.model.scripts import short
from brume.narration.model.voice import VoiceInfo

_ENGINES = ("neural", "standard")  # the better first


@dataclass(frozen=True)
class Offered:
    """An id that requests may name, the voice that speaks for it, and the language of its texts."""

    id: str
    info: VoiceInfo
    language: str
    stands_in: bool  # for a voice of Polly's

    def speaks(self, code: str) -> bool:
        """Return whether it takes texts in a language: for an id of Polly's in any country's form."""
        if not self.stands_in:
            return code in self.info.languages
        return short(code) in {short(one) for one in self.info.languages}


class Voices:
    """The operation DescribeVoices, and the look-up of voices for the others."""

    def __init__(self, infos: Sequence[VoiceInfo], chosen: Mapping[str, str]) -> None:
        """`chosen` are the voices, by name, that speak for ids of Polly's. Raises `ValueError` for others."""
        known = {info.name: info for info in infos}
        for name, own in chosen.items():
            if name not in VOICES:
                raise ValueError(f"{name} is no voice of Amazon Polly")
            if own not in known:
                raise ValueError(f"{own} is no voice of this server: it has {', '.join(known) or 'none'}")
        self._offered = {info.name: Offered(info.name, info, info.languages[0], False) for info in infos}
        for name, voice in VOICES.items():
            info = known[chosen[name]] if name in chosen else _nearest(voice, infos)
            if info is not None and name not in self._offered:
                self._offered[name] = Offered(name, info, voice.language, True)

    def describe_voices(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the voices, those of this server's own ids first; all of them are one page."""
        if request.get("NextToken"):
            raise POLLY(
                "InvalidNextTokenException", "NextToken is none that this listing gave: it has one page"
            )
        return {"Voices": [_described(one) for one in self._wanted(request)]}

    def _wanted(self, request: Mapping[str, Any]) -> Iterator[Offered]:
        engine, code = request.get("Engine"), request.get("LanguageCode")
        for one in self._offered.values():
            languages = (
                one.info.languages
                if request.get("IncludeAdditionalLanguageCodes")
                else one.info.languages[:1]
            )
            if (not engine or one.info.engine == engine) and (not code or code in languages):
                yield one

    def find(self, name: str, code: str | None, engine: str | None) -> tuple[Offered, str]:
        """Return the voice of a request and the code of the text's language. Raises `ServiceError`.

        An id of Polly's takes any engine: programs name the one that it has there.
        """
        found = self._offered.get(name)
        if found is None:
            own = [one.id for one in self._offered.values() if not one.stands_in]
            if name in VOICES:
                raise invalid(
                    f"No voice of this server speaks {VOICES[name].language} for {name}: it has "
                    f"{', '.join(own) or 'none'}"
                )
            raise invalid(f"VoiceId {name} is no voice of this server: DescribeVoices lists them")
        if engine and engine != found.info.engine and not found.stands_in:
            raise POLLY(
                "EngineNotSupportedException", f"This voice does not support the selected engine: {engine}"
            )
        if code and not found.speaks(code):
            raise POLLY(
                "LanguageNotSupportedException",
                f"{name} does not speak {code}: it speaks {', '.join(found.info.languages)}",
            )
        return found, code or found.language


def _nearest(voice: PollyVoice, infos: Sequence[VoiceInfo]) -> VoiceInfo | None:
    """Return the voice that speaks for one of Polly's, None if none has its language."""
    able = [info for info in infos if short(voice.language) in {short(code) for code in info.languages}]
    return min(
        able,
        key=lambda info: (
            _ENGINES.index(info.engine) if info.engine in _ENGINES else len(_ENGINES),
            info.gender != voice.gender,
            voice.language not in info.languages,
        ),
        default=None,
    )


def _described(one: Offered) -> dict[str, Any]:
    info = one.info
    name = f"{one.id}, spoken by {info.name}" if one.stands_in else info.name
    return {
        "Id": one.id,
        # Programs that keep speech see here that the same text may become other sound.
        "Name": f"{name} ({info.licence}; version {info.version[:8]})",
        "Gender": info.gender,
        "LanguageCode": info.languages[0],
        "LanguageName": LANGUAGES.get(info.languages[0], info.languages[0]),
        "AdditionalLanguageCodes": list(info.languages[1:]) or None,
        "SupportedEngines": [info.engine],
    }
