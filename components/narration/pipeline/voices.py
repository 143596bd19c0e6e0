"""Which voice of the service reads a language, and the lexicons that it gets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brume import storage
from brume.aws.client import client

_ENGINES = ("neural", "standard", "long-form", "generative")  # the first that a voice has
# Of a language of several (ISO 639-3), the one that Polly has.
_MEMBERS = {"ar": "arb", "zh": "cmn", "no": "nb", "nn": "nb"}
_LEXICON_ENDINGS = (".pls", ".xml")


class VoiceMissingError(ValueError):
    """The service has no voice for a language; the message says which it has."""


@dataclass(frozen=True)
class Voice:
    """A voice: id, engine and language that are asked for, and all that the service says of it."""

    id: str
    engine: str
    language: str
    described: str  # changes with the voice


class Voices:
    """Chooses among the voices of the service, asked once. `given` are the user's, by language."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._found: list[dict[str, Any]] | None = None

    def of(self, language: str) -> Voice:
        """Return the voice that reads a language (BCP 47). Raises `VoiceMissingError`."""
        wanted = language.lower()
        name = self._given.get(wanted) or self._given.get(wanted.partition("-")[0]) or self._given.get("", "")
        if name:
            for voice in self._all():
                if voice["Id"].lower() == name.lower():
                    return _voice(voice, language)
            raise VoiceMissingError(f"the service has no voice {name}: it has {self._names()}")
        # The very language, then the same one elsewhere; the service's order decides between voices.
        for matches in (lambda code: code.lower() == wanted, lambda code: _base(code) == _base(language)):
            for voice in self._all():
                if matches(voice["LanguageCode"]):
                    return _voice(voice, language)
        raise VoiceMissingError(
            f"the service has no voice for the language {language}: it has {self._names()}"
        )

    def _all(self) -> list[dict[str, Any]]:
        if self._found is None:
            pages = client("polly").get_paginator("describe_voices").paginate()
            self._found = [voice for page in pages for voice in page["Voices"]]
        return self._found

    def _names(self) -> str:
        return ", ".join(f"{voice['Id']} ({voice['LanguageCode']})" for voice in self._all()) or "none"


def _base(code: str) -> str:
    base = code.partition("-")[0].lower()
    return _MEMBERS.get(base, base)


def _voice(voice: Mapping[str, Any], language: str) -> Voice:
    spoken = [voice["LanguageCode"], *voice.get("AdditionalLanguageCodes", [])]
    code = next((one for one in spoken if one.lower() == language.lower()), spoken[0])
    engines = voice["SupportedEngines"]
    engine = next((one for one in _ENGINES if one in engines), engines[0])
    described = "|".join(str(voice[key]) for key in sorted(voice))
    return Voice(voice["Id"], engine, code, described)


def lexicon_places(given: str) -> list[tuple[str, bool]]:
    """Return the lexicons in a list with commas, each with whether it is a file."""
    parts = filter(None, (part.strip() for part in given.split(",")))
    return [(part, "/" in part or part.lower().endswith(_LEXICON_ENDINGS)) for part in parts]


def lexicons(given: str) -> tuple[list[str], str]:
    """Return the names of lexicons in the service, and a digest of their content.

    A file is put there under a name that is made of its content. Raises what the service raises for one that
    it does not take.
    """
    polly = client("polly")
    names: list[str] = []
    contents: list[str] = []
    for part, is_file in lexicon_places(given):
        if is_file:
            content = storage.read_bytes(part).decode("utf-8-sig")
            name = f"brume{hashlib.sha256(content.encode()).hexdigest()[:15]}"
            polly.put_lexicon(Name=name, Content=content)
        else:
            name, content = part, polly.get_lexicon(Name=part)["Lexicon"]["Content"]
        names.append(name)
        contents.append(content)
    return names, digest(contents) if contents else ""


def digest(values: Sequence[str]) -> str:
    """Return a digest of texts in their order."""
    found = hashlib.sha256()
    for value in values:
        data = value.encode()
        found.update(f"{len(data)} ".encode() + data)
    return found.hexdigest()
