"""Checks of the narration pipeline's parameters, and what their values mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from brume import storage
from brume.narration.model.articles.article import Article
from brume.narration.model.passages import framed, voices_of
from brume.narration.model.site import covers
from brume.narration.model.site.about import Site
from brume.narration.model.site.audio_files import FORMATS
from brume.narration.pipeline.voices import lexicon_places
from brume.run.checks import Checks

_LANGUAGE = re.compile(r"[a-z]{2,3}-[A-Z]{2}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ADDRESS = re.compile(r"https?://[^\s/?#]+[^\s?#]*")
SLOWEST, FASTEST = 50, 200  # per cent


def check_narration(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the pipeline. Raises `ValueError` with one line for each wrong one."""
    checks = Checks(arguments)
    checks.exists("articles")
    if not storage.is_remote(arguments["cover"]):
        checks.attempt(lambda: cover_of(arguments["cover"]))
    checks.require(
        not _SCHEME.match(arguments["articles"]) or storage.is_remote(arguments["articles"]),
        "articles takes a folder, an s3:// prefix or a file: save a feed or a sitemap to a file",
    )
    checks.attempt(lambda: check_speech(arguments))
    checks.attempt(lambda: check_site(arguments))
    checks.require(
        arguments["articles"] or not arguments["publish"],
        "publish needs articles: without it the pipeline makes articles of its own, which are for a trial",
    )
    checks.at_least(1, "requests")
    checks.between(0, 1, "max_rejected")
    checks.finish()


def check_speech(arguments: Mapping[str, Any]) -> None:
    """Check what decides how articles are spoken. Raises `ValueError`."""
    checks = Checks(arguments)
    checks.attempt(lambda: voices_of(arguments["voices"]))
    language = arguments["language"]
    checks.require(
        _LANGUAGE.fullmatch(language), f"language={language} must be a code with a country, such as en-US"
    )
    checks.between(SLOWEST, FASTEST, "speed")
    for name in ("intro", "outro"):
        checks.attempt(lambda name=name: framed(arguments[name], Article("", "", ())))  # type: ignore[misc]
    for part, is_file in lexicon_places(arguments["lexicons"]):
        there = not is_file or storage.is_remote(part) or storage.exists(part)
        checks.require(there, f"lexicons: {part} is not there")
    checks.finish()


def check_site(arguments: Mapping[str, Any]) -> None:
    """Check what decides how articles are published. Raises `ValueError`."""
    checks = Checks(arguments)
    checks.attempt(lambda: formats_of(arguments["formats"]))
    address = arguments["address"]
    checks.require(
        not address or _ADDRESS.fullmatch(address),
        f"address={address} must be the site's URL, such as https://example.org/audio",
    )
    checks.require(arguments["title"].strip(), "title= is empty: name the site")
    for name in ("publish", "cache"):
        uri = arguments[name]
        known = storage.is_remote(uri) or not _SCHEME.match(uri)
        checks.require(known, f"{name}={uri} must be a folder, or s3://BUCKET/FOLDER")
        named = not storage.is_remote(uri) or uri.split("://", 1)[1].strip("/")
        checks.require(named, f"{name}={uri} names no bucket: write s3://BUCKET/FOLDER")
    checks.finish()


def cover_of(uri: str) -> bytes | None:
    """Return the picture at `uri`, None without one. Raises `ValueError` for no picture."""
    try:
        data = storage.read_bytes(uri) if uri else None
        if data is not None:
            covers.read(data)
    except FileNotFoundError:
        raise ValueError(f"cover={uri} is not there") from None
    except ValueError as error:
        raise ValueError(f"cover={uri}: {error}") from None
    return data


def formats_of(text: str) -> tuple[str, ...]:
    """Return the formats in a list with commas; MP3 is the first, which feeds and books need."""
    given = {part.strip() for part in text.split(",") if part.strip()}
    if "mp3" not in given or not given <= set(FORMATS):
        raise ValueError(f"formats={text} must be mp3, or mp3 and others of {','.join(FORMATS)}, with commas")
    return tuple(name for name in FORMATS if name in given)


def site_of(title: str, address: str, language: str, author: str, email: str) -> Site:
    """Return the site that parameters describe."""
    return Site(title.strip(), address.rstrip("/"), language, author.strip(), email=email.strip())
