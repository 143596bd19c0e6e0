"""What a published article is: the record that its page, lists and feed are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AudioFile:
    """An audio file: its path in the folder of the version, media type and size in bytes."""

    path: str
    type: str
    bytes: int


@dataclass(frozen=True)
class Site:
    """The site that articles are published at. `address` is its URL, "" where it is not known."""

    title: str
    address: str = ""
    language: str = "en"
    author: str = ""
    description: str = ""
    email: str = ""  # of the owner: podcast directories ask for it


@dataclass(frozen=True)
class Published:
    """A version of an article as it is published. `version` names its folder."""

    name: str
    version: str
    title: str
    language: str
    seconds: float
    audio: tuple[AudioFile, ...]
    author: str = ""
    date: str = ""
    section: str = ""
    summary: str = ""
    address: str = ""  # of the page that the article comes from
    words: int = 0

    @property
    def folder(self) -> str:
        """The path of the version's files below the site."""
        return f"articles/{self.name}/{self.version}"

    @property
    def page(self) -> str:
        """The path of the article's page below the site."""
        return f"articles/{self.name}/index.html"


def to_json(one: Published) -> dict[str, Any]:
    """Return a record as values that JSON holds."""
    return dataclasses.asdict(one)


def from_json(given: Mapping[str, Any]) -> Published:
    """Return the record that `to_json` was called with."""
    return Published(**{**given, "audio": tuple(AudioFile(**file) for file in given["audio"])})


def newest_first(articles: Sequence[Published]) -> list[Published]:
    """Return articles by their date, the newest first; those without a date last, by title."""
    dated = sorted((one for one in articles if one.date), key=lambda one: (one.date, one.name), reverse=True)
    return [*dated, *sorted((one for one in articles if not one.date), key=lambda one: (one.title, one.name))]
