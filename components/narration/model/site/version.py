"""A version of an article: its files in a folder, whose name is the digest of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from brume.narration.model.articles.article import Article, Block
from brume.narration.model.passages import Passage
from brume.narration.model.site import covers, epub, pages, tracks
from brume.narration.model.site.about import AudioFile, Published, Site
from brume.narration.model.site.audio_files import FORMATS, Tags, write_audio
from brume.narration.model.timeline import Spoken, joined, timeline


@dataclass(frozen=True)
class Sounded:
    """An article with the sounds of its passages at `rate` Hz; `language` is the spoken one."""

    article: Article
    language: str
    blocks: Sequence[Block]
    passages: Sequence[Passage]
    spoken: Sequence[Spoken]
    rate: int


def write_version(
    given: Sounded, site: Site, formats: Sequence[str], cover: bytes | None, folder: Path
) -> Published:
    """Write page, record and version of an article into `folder`, as they are published.

    `formats` are some of FORMATS, mp3 among them; `cover` is a picture of the user's. Raises `MarksError`,
    and `ValueError` for a picture that cannot be read.
    """
    article = given.article
    times = timeline(given.blocks, given.passages, given.spoken, given.rate)
    picture = covers.read(cover) if cover else covers.made(article.title, site.title)
    whole, small = covers.jpeg(picture, covers.SIDE), covers.jpeg(picture, covers.EMBEDDED_SIDE)
    working = folder / ".new"
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    tags = Tags(
        title=article.title,
        artist=article.author or site.author or site.title,
        album=site.title,
        date=article.date,
        language=given.language,
        chapters=times.chapters,
        seconds=times.seconds,
        cover=small,
    )
    files = []
    for name in formats:
        kind = FORMATS[name]
        sound = joined(given.blocks, given.passages, given.spoken, given.rate)
        write_audio(working / kind.path, kind, sound, given.rate, tags)
        files.append(AudioFile(kind.path, kind.type, (working / kind.path).stat().st_size))
    texts = {
        "transcript.txt": tracks.transcript(times),
        "transcript.vtt": tracks.webvtt(times),
        "marks.jsonl": tracks.marks(times),
        "marks.json": _json(tracks.player_marks(times, given.language)),
        "chapters.json": _json(tracks.chapters(times)),
    }
    for name, text in texts.items():
        (working / name).write_text(text, encoding="utf-8")
    (working / "cover.jpg").write_bytes(whole)
    one = Published(
        name=article.name,
        version="",
        title=article.title,
        language=given.language,
        seconds=times.seconds,
        audio=tuple(files),
        author=article.author,
        date=article.date,
        section=article.section,
        summary=article.summary,
        address=article.address,
        words=sum(len(block.words) for block in times.blocks),
    )
    book = epub.write_epub(one, site, times, working / FORMATS["mp3"].path, small)
    (working / "article.epub").write_bytes(book)
    one = dataclasses.replace(one, version=_digest(working))
    working.replace(folder / one.version)
    (folder / "index.html").write_text(pages.article_page(one, site, times), encoding="utf-8")
    (folder / "article.json").write_text(_json(pages.article_record(one, site, times)), encoding="utf-8")
    return one


def _digest(folder: Path) -> str:
    """Return the name of a version: the digest of all its files."""
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(f"{path.name} {path.stat().st_size} ".encode())
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:16]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
