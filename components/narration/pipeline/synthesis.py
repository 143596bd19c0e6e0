"""Has passages spoken by what answers for Polly, each only once: sounds are kept in a cache.

A sound in the cache is KEY.pcm, and KEY.json, which is written after it, with its marks. The key is made of
all that the sound depends on: the SSML, the voice as the service describes it, lexicons and the rate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from brume import storage
from brume.aws.client import client
from brume.narration.model.passages import Passage
from brume.narration.model.timeline import Pcm, Spoken
from brume.narration.pipeline.voices import Voice, Voices, digest, lexicons

RATES = (24000, 16000)  # Hz of pcm: the second is the best that Amazon Polly has
_SECONDS = 600.0  # until the next byte of an answer: a voice may be slow, and sends what it has
_SINGLY = 200  # sounds that are looked for one by one; for more the cache is listed
_TYPES = ["sentence", "word"]
# Answers of status 400 that are about the service's state, the rights or the settings, not about the text.
_NOT_OF_TEXT = (
    *("ThrottlingException", "AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"),
    *("InvalidSignatureException", "LexiconNotFoundException", "EngineNotSupportedException"),
    *("IncompleteSignature", "MissingAuthenticationToken"),
)


class RefusedError(ValueError):
    """Text that the service refuses to speak; the message has its reason."""


class AnswerError(RuntimeError):
    """What the service answered cannot be used; the message says why."""


@dataclass(frozen=True)
class Asked:
    """A passage and the key of its sound."""

    passage: Passage
    key: str


@dataclass
class Count:
    """What was spoken and what was in the cache, in passages and in billed characters."""

    made: int = 0
    kept: int = 0
    characters: int = 0
    kept_characters: int = 0


class Speaker:
    """Speaks with chosen voices and lexicons, into a cache at a URI."""

    def __init__(self, given: Mapping[str, str], lexicon: str, cache: str) -> None:
        self._voices = Voices(given)
        self._lexicons, self._lexicon_digest = lexicons(lexicon)
        self._cache = cache
        self._rate = 0

    def rate(self, language: str) -> int:
        """Return the rate (Hz) of sounds: the highest that the service has as pcm."""
        if not self._rate:
            voice = self._voices.of(language)
            self._rate = next(filter(lambda rate: self._takes(voice, rate), RATES), RATES[-1])
        return self._rate

    def _takes(self, voice: Voice, rate: int) -> bool:
        polly = client("polly", read_seconds=_SECONDS)
        given = self._parameters(voice, "<speak>1</speak>") | {"SampleRate": str(rate)}
        try:
            polly.synthesize_speech(OutputFormat="pcm", **given)["AudioStream"].close()
        except polly.exceptions.InvalidSampleRateException:
            return False
        return True

    def ask(self, passages: Sequence[Passage]) -> list[Asked]:
        """Return passages with the keys of their sounds. Raises `VoiceMissingError`."""
        found = []
        for passage in passages:
            voice = self._voices.of(passage.language)
            parts = [passage.ssml, voice.id, voice.engine, voice.language, voice.described]
            rate = str(self.rate(passage.language))
            found.append(Asked(passage, digest([*parts, self._lexicon_digest, rate])))
        return found

    def kept(self, keys: Collection[str]) -> frozenset[str]:
        """Return those of the keys whose sounds are in the cache."""
        if len(keys) <= _SINGLY:
            return frozenset(key for key in keys if all(map(storage.exists, self._files(key))))
        names = {storage.name_of(entry.uri) for entry in storage.list_files(self._cache)}
        return frozenset(
            name[:-5] for name in names if name.endswith(".json") and f"{name[:-5]}.pcm" in names
        )

    def _files(self, key: str) -> list[str]:
        return [storage.join(self._cache, f"{key}{ending}") for ending in (".json", ".pcm")]

    def speak(self, asked: Asked) -> int:
        """Have a passage spoken into the cache; returns the characters that the service counted.

        Raises `RefusedError`, `AnswerError`, and what a service raises that cannot be reached.
        """
        from botocore.exceptions import ClientError

        passage = asked.passage
        voice = self._voices.of(passage.language)
        given = self._parameters(voice, passage.ssml)
        given["SampleRate"] = str(self.rate(passage.language))
        polly = client("polly", read_seconds=_SECONDS)
        try:
            # First the sound, which is sent while it is made; its marks are known when it ends.
            answer = polly.synthesize_speech(OutputFormat="pcm", **given)
            pcm = answer["AudioStream"].read()
            marked = polly.synthesize_speech(OutputFormat="json", SpeechMarkTypes=_TYPES, **given)
            lines = marked["AudioStream"].read().decode().splitlines()
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            if status == 400 and code not in _NOT_OF_TEXT:
                raise RefusedError(f"{code}: {message}") from error
            raise
        if len(pcm) % 2 or not pcm:
            raise AnswerError(f"the service sent {len(pcm)} bytes of 16 bit sound for {passage.text[:60]!r}")
        marks = [json.loads(line) for line in lines if line]
        characters = int(answer["RequestCharacters"])
        about = {"samples": len(pcm) // 2, "characters": characters, "marks": marks}
        storage.write_bytes(storage.join(self._cache, f"{asked.key}.pcm"), pcm)
        data = json.dumps(about, ensure_ascii=False, separators=(",", ":")).encode()
        storage.write_bytes(storage.join(self._cache, f"{asked.key}.json"), data)
        return characters

    def _parameters(self, voice: Voice, ssml: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "Text": ssml,
            "TextType": "ssml",
            "VoiceId": voice.id,
            "Engine": voice.engine,
            "LanguageCode": voice.language,
        }
        return found | ({"LexiconNames": self._lexicons} if self._lexicons else {})


def speak_all(
    speaker: Speaker, asked: Sequence[Asked], at_once: int, report: Callable[[int, int], None]
) -> tuple[Count, dict[str, str]]:
    """Speak what is not in the cache; returns what was done, and by key why one was refused.

    The same passage is spoken once, however often it stands there. Raises the first error that is not about
    a text; what had been spoken by then stays in the cache.
    """
    count = Count()
    refused: dict[str, str] = {}
    wanted = {one.key: one for one in asked}
    kept = speaker.kept(wanted)
    missing = [one for key, one in wanted.items() if key not in kept]
    count.kept = len(wanted) - len(missing)
    count.kept_characters = sum(len(one.passage.text) for key, one in wanted.items() if key in kept)

    def speak(one: Asked) -> int | None:
        try:
            return speaker.speak(one)
        except RefusedError as error:
            refused[one.key] = str(error)
            return None

    with ThreadPoolExecutor(at_once, thread_name_prefix="speech") as pool:
        try:
            for number, characters in enumerate(pool.map(speak, missing), 1):
                if characters is not None:
                    count.made += 1
                    count.characters += characters
                report(count.kept + number, len(wanted))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return count, refused


def holds(cache: str, keys: Iterable[str]) -> bool:
    """Return whether all of these sounds are in a cache."""
    there = {storage.name_of(entry.uri) for entry in storage.list_files(cache)}
    return all(f"{key}.json" in there and f"{key}.pcm" in there for key in keys)


def spoken(cache: str, key: str) -> Spoken:
    """Return a sound of the cache. Raises `FileNotFoundError` for one that is not there."""
    about = json.loads(storage.read_bytes(storage.join(cache, f"{key}.json")))
    place = storage.join(cache, f"{key}.pcm")

    def load() -> Pcm:
        return np.frombuffer(storage.read_bytes(place), "<i2")

    return Spoken(load, about["samples"], about["marks"])
