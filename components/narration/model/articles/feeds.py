"""Feeds (RSS, Atom) and sitemaps: the articles in them, and the addresses of others."""

from __future__ import annotations

import calendar
import datetime
import io
from dataclasses import dataclass
from typing import Any

from brume.narration.model.articles.article import Article, ArticleError, clean, name_of
from brume.narration.model.articles.documents import with_fields
from brume.narration.model.articles.html import language_of, read_html

ENDINGS = (".xml", ".rss", ".atom")
_SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@dataclass(frozen=True)
class Entry:
    """An article of a feed: `html` is its whole text, "" where its page at `address` has it."""

    name: str
    address: str
    html: str
    fields: dict[str, str]

    def article(self, language: str = "") -> Article:
        """Read it; `language` is that of a feed that has none. Raises `ArticleError`."""
        language = self.fields.get("language", language)
        html = f"<html><body>{self.html}</body></html>"
        article = read_html(html, self.name, language=language, whole=True)
        return with_fields(article, self.fields)


@dataclass(frozen=True)
class Feed:
    """What a file lists. A sitemap lists `all` articles of a site, a feed the newest."""

    entries: tuple[Entry, ...]
    all: bool


def read_feed(data: bytes) -> Feed:
    """Read a feed or a sitemap. Raises `ArticleError` for a file that is neither."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ArticleError(f"it is no XML: {error}") from None
    if root is None:
        raise ArticleError("it is no XML")
    if root.tag == f"{_SITEMAP}urlset":
        if fault := next(iter(parser.error_log), None):
            # What is missing from a sitemap is withdrawn: half of one must not pass for a whole.
            raise ArticleError(f"it is a damaged sitemap: line {fault.line}: {fault.message}")
        addresses = dict.fromkeys(clean(one.text or "") for one in root.iter(f"{_SITEMAP}loc"))
        return Feed(tuple(Entry(name_of_address(one), one, "", {}) for one in addresses if one), True)
    if root.tag == f"{_SITEMAP}sitemapindex":
        raise ArticleError("it lists sitemaps, not pages: give one of those")
    return _feed(data)


def name_of_address(address: str) -> str:
    """Return the name of an article by its page's address: the path without host and ending."""
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(address)
    except ValueError:  # of a host in brackets that is no address
        return name_of(address)
    path = unquote(parts.path).strip("/").removesuffix("/index.html")
    stem, dot, ending = path.rpartition(".")
    path = stem if dot and ending.lower() in ("html", "htm", "php", "asp", "aspx") else path
    return name_of(f"{path or parts.netloc} {parts.query}".strip())


def _feed(data: bytes) -> Feed:
    import feedparser

    found = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    if not found.version:
        raise ArticleError("it is neither a feed (RSS, Atom) nor a sitemap")
    language = language_of(found.feed.get("language") or "")
    return Feed(tuple(_entry(entry, language) for entry in found.entries), False)


def _entry(entry: Any, language: str) -> Entry:
    """Return an entry; a description counts as the whole text where there is no page to read."""
    html = max((one.get("value") or "" for one in entry.get("content", [])), key=len, default="")
    address = entry.get("link") or ""
    if not html and not address:
        html = entry.get("summary") or ""
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    date = (
        datetime.datetime.fromtimestamp(calendar.timegm(moment), datetime.UTC).isoformat() if moment else ""
    )
    tags = [clean(tag.get("term") or "") for tag in entry.get("tags", [])]
    content: Any = next(iter(entry.get("content", [])), {})
    fields = {
        "title": clean(entry.get("title") or ""),
        "language": language_of(content.get("language") or "") or language,
        "author": clean(entry.get("author") or ""),
        "date": date,
        "section": next(iter(tags), ""),
        "summary": clean(_plain(entry.get("summary") or "")) if html else "",
        "url": address,
    }
    name = name_of_address(address) if address else name_of(entry.get("id") or fields["title"])
    return Entry(name, address, html, {key: value for key, value in fields.items() if value})


def _plain(html: str) -> str:
    """Return the text of a piece of HTML."""
    from lxml import html as parser

    return " ".join(parser.fragment_fromstring(html, create_parent="div").itertext()) if html else ""
