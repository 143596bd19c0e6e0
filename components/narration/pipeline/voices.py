"""Which voice of the service reads a language, and the lexicons that it gets."""

from __future__ import annotations

import difflib
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
    """The service has no voice of a name or for a language; the message says what it has."""


class LexiconError(ValueError):
    """A lexicon that the service does not have, or does not take; the message names it."""


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
            ids = {voice["Id"].lower(): voice["Id"] for voice in self._all()}
            near = difflib.get_close_matches(name.lower(), ids, 1)
            ask = f"did you mean {ids[near[0]]}? " if near else ""
            raise VoiceMissingError(f"the service has no voice {name}: {ask}DescribeVoices lists what it has")
        # The very language, then the same one elsewhere; the service's order decides between voices.
        for matches in (lambda code: code.lower() == wanted, lambda code: _base(code) == _base(language)):
            for voice in self._all():
                if matches(voice["LanguageCode"]):
                    return _voice(voice, language)
        spoken = ", ".join(sorted({voice["LanguageCode"] for voice in self._all()})) or "none"
        raise VoiceMissingError(f"the service has no voice for the language {language}: it speaks {spoken}")

    def _all(self) -> list[dict[str, Any]]:
        if self._found is None:
            pages = client("polly").get_paginator("describe_voices").paginate()
            self._found = [voice for page in pages for voice in page["Voices"]]
        return self._found


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

    A file is put there under a name that is made of its content. Raises `LexiconError`.
    """
    names: list[str] = []
    contents: list[str] = []
    for part, is_file in lexicon_places(given):
        name, content = _put(part) if is_file else _found(part)
        names.append(name)
        contents.append(content)
    return names, digest(contents) if contents else ""


def _put(file: str) -> tuple[str, str]:
    from botocore.exceptions import ClientError

    try:
        content = storage.read_bytes(file).decode("utf-8-sig")
        name = f"brume{hashlib.sha256(content.encode()).hexdigest()[:15]}"
        client("polly").put_lexicon(Name=name, Content=content)
    except UnicodeDecodeError as error:
        raise LexiconError(f"lexicons: {file} is not UTF-8: byte {error.start} does not fit") from None
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 400:
            raise
        raise LexiconError(f"lexicons: {file}: {error.response['Error']['Message']}") from error
    return name, content


def _found(name: str) -> tuple[str, str]:
    from botocore.exceptions import ClientError

    try:
        return name, client("polly").get_lexicon(Name=name)["Lexicon"]["Content"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("LexiconNotFoundException", "ValidationException"):
            raise
        raise LexiconError(
            f"lexicons: the service has no lexicon {name}: put it there (PutLexicon), or name a .pls file"
        ) from error


def digest(values: Sequence[str]) -> str:
    """Return a digest of texts in their order."""
    found = hashlib.sha256()
    for value in values:
        data = value.encode()
        found.update(f"{len(data)} ".encode() + data)
    return found.hexdigest()
