"""Makes versions of articles, as they are published, of scripts and the cache of sounds."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brume import storage
from brume.narration.model.articles.article import Article, Block, Span, from_json, to_json
from brume.narration.model.passages import language_for, narrated, passages
from brume.narration.model.site.about import Published, Site
from brume.narration.model.site.about import from_json as published
from brume.narration.model.site.about import to_json as record
from brume.narration.model.site.version import Sounded, write_version
from brume.narration.pipeline.synthesis import Asked, Speaker, spoken
from brume.narration.pipeline.voices import digest

RECORD, KEY = "published.json", "key.txt"


@dataclass(frozen=True)
class Script:
    """An article as it is to be spoken: `language` is that of the voice, `speed` in per cent."""

    article: Article
    language: str
    blocks: tuple[Block, ...]
    speed: int

    @property
    def characters(self) -> int:
        """How many characters are spoken."""
        return sum(len(block.text) for block in self.blocks)


@dataclass(frozen=True)
class Sounds:
    """The keys of the sounds of a script, in their order, and their rate (Hz)."""

    rate: int
    keys: tuple[str, ...]


def script(article: Article, language: str, intro: str, outro: str, speed: int) -> Script:
    """Return the script of an article; `language` is the default."""
    blocks = narrated(article, intro, outro)
    return Script(article, language_for(article.language, language), tuple(blocks), speed)


def script_json(one: Script) -> dict[str, Any]:
    """Return a script as values that JSON holds."""
    return {**asdict(one), "article": to_json(one.article)}


def script_from(given: Mapping[str, Any]) -> Script:
    """Return the script that `script_json` was called with."""
    blocks = tuple(
        Block(**{**block, "spans": tuple(Span(**span) for span in block["spans"])})
        for block in given["blocks"]
    )
    return Script(from_json(given["article"]), given["language"], blocks, given["speed"])


def asked(speaker: Speaker, one: Script) -> list[Asked]:
    """Return the passages of a script with the keys of their sounds. Raises `VoiceMissingError`."""
    return speaker.ask(passages(one.blocks, one.language, one.speed))


def assemble(
    one: Script,
    sounds: Sounds,
    cache: str,
    site: Site,
    formats: Sequence[str],
    cover: bytes | None,
    folder: Path,
    code: str,
) -> Published:
    """Write the version of an article into `folder`, unless it is there, made of the same.

    Raises `MarksError`, `ValueError`, and `FileNotFoundError` for a sound that is not in the cache.
    """
    parts = [json.dumps(script_json(one), sort_keys=True), *sounds.keys, str(sounds.rate), repr(site)]
    key = digest([*parts, *formats, (cover or b"").hex(), code])
    if (folder / KEY).is_file() and (folder / KEY).read_text() == key:
        return published(json.loads((folder / RECORD).read_text(encoding="utf-8")))
    storage.remove(str(folder))
    given = Sounded(
        one.article,
        one.language,
        one.blocks,
        passages(one.blocks, one.language, one.speed),
        [spoken(cache, name) for name in sounds.keys],
        sounds.rate,
    )
    made = write_version(given, site, formats, cover, folder)
    (folder / RECORD).write_text(json.dumps(record(made), ensure_ascii=False), encoding="utf-8")
    (folder / KEY).write_text(key)
    return made


def without_text(one: Script) -> Script:
    """Return a script without the text of its article, which its blocks have."""
    return dataclasses.replace(one, article=dataclasses.replace(one.article, blocks=(), omissions=()))
