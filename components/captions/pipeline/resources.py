"""Vocabularies and vocabulary filters of the service, made of a user's files, through the AWS SDK alone."""

from __future__ import annotations

import hashlib
from typing import Any

from brume import storage
from brume.aws.client import client
from brume.aws.waiting import wait_until

_MINUTES = 20
_PREFIX = "brume-"


class ResourceError(RuntimeError):
    """A vocabulary or filter that the service refuses; the message has its reason."""


def vocabulary(given: str, language: str) -> str:
    """Return the name of a vocabulary for a language: `given`, or one with the phrases of the file `given`.

    The file has a phrase on each line. What was made of the same file before is used again. Raises
    `ResourceError`.
    """
    if not _is_file(given):
        return given
    phrases = _lines(given)
    name = _name("vocabulary", language, phrases)
    transcribe = client("transcribe")
    try:
        transcribe.create_vocabulary(VocabularyName=name, LanguageCode=language, Phrases=phrases)
    except transcribe.exceptions.ConflictException:
        pass  # of an earlier run
    except transcribe.exceptions.BadRequestException as error:
        raise ResourceError(f"{given}: {error}") from error

    def ready(found: dict[str, Any]) -> bool:
        if found["VocabularyState"] == "FAILED":
            transcribe.delete_vocabulary(VocabularyName=name)
            raise ResourceError(f"{given}: {found.get('FailureReason', 'the vocabulary failed')}")
        return bool(found["VocabularyState"] == "READY")

    wait_until(lambda: transcribe.get_vocabulary(VocabularyName=name), ready, seconds=60 * _MINUTES)
    return name


def vocabulary_filter(given: str, language: str) -> str:
    """Return the name of a vocabulary filter, as `vocabulary` does; the file has a word on each line."""
    if not _is_file(given):
        return given
    words = _lines(given)
    name = _name("filter", language, words)
    transcribe = client("transcribe")
    try:
        transcribe.create_vocabulary_filter(VocabularyFilterName=name, LanguageCode=language, Words=words)
    except transcribe.exceptions.ConflictException:
        pass  # of an earlier run
    except transcribe.exceptions.BadRequestException as error:
        raise ResourceError(f"{given}: {error}") from error
    return name


def _is_file(given: str) -> bool:
    return "/" in given or given.endswith(".txt")  # a name has no slash


def _lines(uri: str) -> list[str]:
    return [line.strip() for line in storage.read_bytes(uri).decode("utf-8-sig").splitlines() if line.strip()]


def _name(kind: str, language: str, lines: list[str]) -> str:
    digest = hashlib.sha256("\n".join([language, *lines]).encode()).hexdigest()[:16]
    return f"{_PREFIX}{kind}-{digest}"
