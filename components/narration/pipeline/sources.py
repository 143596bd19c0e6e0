"""Finds articles: files of a folder, the entries of a feed, the pages of a sitemap."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from brume import storage
from brume.narration.model.articles import article as articles
from brume.narration.model.articles import documents, feeds
from brume.narration.model.articles.article import Article, ArticleError
from brume.narration.model.articles.html import read_html
from brume.narration.model.articles.parsing import faults_named
from brume.run import progress
from brume.run.content import content
from brume.run.rejects import Reject

STEP = "read"
_MOST_BYTES = 32 << 20  # of one page
_SECONDS = 30.0
_GONE = (404, 410)


class PageError(OSError):
    """A page that cannot be reached; the message has its address and the reason."""


@dataclass
class Found:
    """What can be read, and what cannot. `all`: what is not among them is withdrawn."""

    articles: list[Article] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    all: bool = True


def article_files(uri: str) -> list[str]:
    """Return the files of articles at `uri`, a file or a folder; one that is not there has none."""
    listed = [entry.uri for entry in storage.list_files(uri)]
    files = listed or ([uri] if storage.exists(uri) else [])
    endings = documents.ENDINGS if listed else (*documents.ENDINGS, *feeds.ENDINGS)
    return [file for file in files if _ending(file) in endings]


def state(uri: str) -> list[Any]:
    """Return what the articles at `uri` depend on; of pages elsewhere it is never known."""
    found: list[Any] = [content(file) for file in article_files(uri)]
    listed = _entries(uri).entries if _ending(uri) in feeds.ENDINGS and storage.exists(uri) else ()
    if any(not entry.html for entry in listed):
        found.append(secrets.token_hex(8))
    return found


def find(uri: str, language: str) -> Found:
    """Read the articles at `uri`: a folder, a document, a feed or a sitemap.

    `language` is that of articles that have none of their own. Raises `FileNotFoundError` where there is
    none, `ArticleError` for a feed that is none, and what storage and the network raise.
    """
    files = article_files(uri)
    if not files:
        endings = ", ".join((*documents.ENDINGS, *feeds.ENDINGS))
        raise FileNotFoundError(f"{uri} holds no articles: no file ends in {endings}")
    if _ending(files[0]) in feeds.ENDINGS:
        found = _of_feed(files[0], language)
    else:
        found = Found()
        for number, file in enumerate(files, 1):
            name = file.removeprefix(uri.rstrip("/") + "/") if file != uri else storage.name_of(file)
            read = documents.read_documents(storage.read_bytes(file), name, language)
            found.articles += read.articles
            found.rejects += [Reject(item, STEP, why) for item, why in read.faults]
            found.all = found.all and read.all
            progress.report(STEP, number, len(files))
    return _distinct(found)


def _of_feed(uri: str, language: str) -> Found:
    listed = _entries(uri)
    if not listed.entries:
        raise ArticleError(f"{uri}: it lists no articles")
    found = Found(all=listed.all)
    for number, entry in enumerate(listed.entries, 1):
        try:
            with faults_named():
                found.articles.append(documents.checked(_of_entry(entry, language)))
        except ArticleError as error:
            found.rejects.append(Reject(entry.address or entry.name, STEP, str(error)))
        progress.report(STEP, number, len(listed.entries))
    return found


def _of_entry(entry: feeds.Entry, language: str) -> Article:
    """Read an entry, or the page that it leads to. Raises `ArticleError`, `PageError`."""
    if entry.html:
        return entry.article(language)
    page = _page(entry.address)
    if page is None:
        return Article(entry.name, "", (), retracted=True)
    read = read_html(page, entry.name, language=language)
    return documents.with_fields(read, {"url": entry.address, **entry.fields})


def _entries(uri: str) -> feeds.Feed:
    try:
        return feeds.read_feed(storage.read_bytes(uri))
    except ArticleError as error:
        raise ArticleError(f"{uri}: {error}") from error


def _page(address: str) -> bytes | None:
    """Return a page, None for one that is gone (404, 410). Raises `ArticleError`, `PageError`."""
    import urllib3

    if not address:
        raise ArticleError("it has neither text nor the address of a page")
    if not articles.address_of(address):
        raise ArticleError(f"its address {address} is not of http or https")
    try:
        with urllib3.PoolManager() as pool:
            answer = pool.request(
                "GET", address, timeout=urllib3.Timeout(_SECONDS), preload_content=False, redirect=True
            )
            data: bytes = answer.read(_MOST_BYTES + 1, decode_content=True)
    except urllib3.exceptions.LocationValueError as error:
        raise ArticleError(f"its address {address} is no URL: {error}") from error
    except urllib3.exceptions.HTTPError as error:
        raise PageError(f"{address} cannot be reached: {error}") from error
    if answer.status in _GONE:
        return None
    if answer.status != 200:
        raise PageError(f"{address} answers with status {answer.status}")
    if len(data) > _MOST_BYTES:
        raise ArticleError(f"the page has more than {_MOST_BYTES >> 20} MB")
    return data


def _distinct(found: Found) -> Found:
    """Set aside articles whose name another one has."""
    seen: set[str] = set()
    for article in list(found.articles):
        if article.name in seen:
            found.articles.remove(article)
            reason = f"another article has the name {article.name}"
            remedy = "give one of them a slug of its own"
            found.rejects.append(Reject(article.title or article.name, STEP, reason, remedy))
        seen.add(article.name)
    return found


def _ending(uri: str) -> str:
    return PurePosixPath(uri).suffix.lower()


def write(found: Found, folder: str) -> None:
    """Write articles to a folder, NAME.json each and a list; unchanged files are left alone."""
    kept = {f"{article.name}.json" for article in found.articles} | {"articles.json"}
    for entry in storage.list_files(folder):
        if storage.name_of(entry.uri) not in kept:
            storage.remove(entry.uri)
    for article in found.articles:
        write_changed(storage.join(folder, f"{article.name}.json"), articles.to_json(article))
    listed = {"names": [article.name for article in found.articles], "all": found.all}
    write_changed(storage.join(folder, "articles.json"), listed)


def write_changed(uri: str, value: Any) -> None:
    """Write JSON unless it is there already: what depends on it then stands."""
    data = json.dumps(value, ensure_ascii=False, indent=1).encode()
    if not (storage.exists(uri) and storage.read_bytes(uri) == data):
        storage.write_bytes(uri, data)


def read_list(folder: str) -> tuple[list[Article], bool]:
    """Return what `write` wrote: the articles, and whether they are all of a site."""
    listed = json.loads(storage.read_bytes(storage.join(folder, "articles.json")))
    found = [
        articles.from_json(json.loads(storage.read_bytes(storage.join(folder, f"{name}.json"))))
        for name in listed["names"]
    ]
    return found, bool(listed["all"])
