"""Articles of files: HTML, Markdown with front matter, and JSON, one or many in a file."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml
from markupsafe import Markup

from brume.narration.model.articles.article import (
    Article,
    ArticleError,
    address_of,
    clean,
    date_of,
    name_of,
    omission,
)
from brume.narration.model.articles.html import language_of, read_html
from brume.narration.model.articles.parsing import faults_named

HTML, MARKDOWN, JSON = (".html", ".htm", ".xhtml"), (".md", ".markdown"), (".json",)
ENDINGS = (*HTML, *MARKDOWN, *JSON)
# What a field of an article may be called in front matter and JSON; the first that is there counts.
_FIELDS = {
    "title": ("title", "headline"),
    "language": ("language", "lang"),
    "author": ("author", "authors", "byline"),
    "date": ("date", "date_published", "published"),
    "section": ("section", "category", "categories", "tags"),
    "summary": ("summary", "description", "excerpt"),
    "image": ("image", "cover"),
    "address": ("url", "permalink", "link"),
}
_NAMES = ("slug", "id")
_UNCLOSED = re.compile(r"\ufeff?---[ \t]*\r?\n[\w-]+:")
_DEEPEST = 100  # levels of Markdown: what is deeper its parser drops
_WITHDRAWN = ("retracted", "withdrawn", "draft")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True)
class Documents:
    """The articles in a file, and what in it is none: a name (`posts.json, item 3`), and why.

    `all`: what is not among them any more is withdrawn, as it is not where a JSON Feed lists the newest.
    """

    articles: list[Article]
    faults: list[tuple[str, str]]
    all: bool = True


def read_documents(data: bytes, name: str, language: str = "") -> Documents:
    """Read the articles in a file; `name` is its path below the folder of articles.

    `language` is that of articles that have none of their own. One that is retracted may have no text.
    """
    path = PurePosixPath(name)
    own = name_of(str(path.with_suffix("")).removesuffix("/index"))
    try:
        with faults_named():
            if not data.strip():
                raise ArticleError("it is empty")
            if path.suffix.lower() in HTML:
                return Documents([checked(read_html(data, own, language=language))], [])
            if path.suffix.lower() in MARKDOWN:
                return Documents([checked(read_markdown(_decoded(data), own, language))], [])
            items, shared = _items(_decoded(data))
    except ArticleError as error:
        return Documents([], [(name, str(error))])
    found = Documents([], [], all="version" not in shared)
    language = _language(shared) or language
    for number, item in enumerate(items, 1):
        try:
            named = own if len(items) == 1 else f"{own}-{number}"
            with faults_named():
                found.articles.append(checked(read_fields(item, named, language)))
        except ArticleError as error:
            found.faults.append((f"{name}, item {number}", str(error)))
    return found


def read_fields(fields: Mapping[str, Any], own: str, language: str = "") -> Article:
    """Read an article of named fields: `html`, `markdown` or `text`, and those of _FIELDS.

    `own` is its name where it has neither `slug` nor `id`. JSON Feed's `content_html` and `content_text` are
    taken as well. Raises `ArticleError`.
    """
    name = _name(fields) or own
    html = fields.get("html") or fields.get("content_html")
    text = fields.get("text") or fields.get("content_text")
    given = {"html": html, "markdown": fields.get("markdown"), "text": text}
    if wrong := [key for key, value in given.items() if value and not isinstance(value, str)]:
        raise ArticleError(f"its field {wrong[0]} is no text")
    language = _language(fields) or language
    if html:
        article = read_html(
            f"<html><body>{html}</body></html>", name, language=language, whole="<article" not in html
        )
    elif fields.get("markdown"):
        article = read_markdown(str(fields["markdown"]), name, language)
    elif text:
        parts = (Markup("<p>{}</p>").format(part) for part in str(text).split("\n\n"))
        article = read_html(
            f"<html><body>{''.join(parts)}</body></html>", name, language=language, whole=True
        )
    elif retracted(fields):
        article = Article(name, "", ())
    else:
        raise ArticleError("it has no text: none of its fields is html, markdown or text")
    return with_fields(article, fields)


def read_markdown(text: str, name: str, language: str = "") -> Article:
    """Read CommonMark with tables, footnotes, and front matter (YAML between `---` lines).

    Raises `ArticleError` for front matter that is no YAML.
    """
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin
    from mdit_py_plugins.front_matter import front_matter_plugin

    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable(["table", "strikethrough"])
    parser = parser.use(front_matter_plugin).use(footnote_plugin)
    tokens = parser.parse(text.removeprefix("\ufeff"))
    front = next((token.content for token in tokens if token.type == "front_matter"), "")
    if not front and _UNCLOSED.match(text):
        raise ArticleError("its front matter has no line --- at its end")
    try:
        fields = yaml.load(front, _Loader) or {}  # noqa: S506
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 2}" if place else ""
        raise ArticleError(f"its front matter is no YAML{line}: {getattr(error, 'problem', error)}") from None
    if not isinstance(fields, dict):
        raise ArticleError("its front matter is no list of names and values")
    html = parser.renderer.render(tokens, parser.options, {})
    if not html.strip() and retracted(fields):
        article = Article(name, "", ())
    elif not html.strip():
        raise ArticleError("it has no text")
    else:
        language = _language(fields) or language
        article = read_html(f"<html><body>{html}</body></html>", name, language=language, whole=True)
    return with_fields(article, {**fields, "slug": _name(fields) or name})


class _Loader(yaml.SafeLoader):
    """YAML in which what is no date stays text: then the date is not known, and the article is read."""


def _timestamp(loader: _Loader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def with_fields(article: Article, fields: Mapping[str, Any]) -> Article:
    """Return an article with the fields that are given: they count more than what its text has."""
    found: dict[str, Any] = {}
    for field, names in _FIELDS.items():
        value = next((fields[name] for name in names if fields.get(name)), None)
        if value is not None:
            found[field] = _plain(value)
    left = []
    for field, read in (("language", language_of), ("date", date_of), ("address", address_of)):
        if found.get(field) and not read(found[field]):
            left.append(omission(f"{field} that is not understood", found.pop(field)))
        elif field in found:
            found[field] = read(found[field])
    if article.title and found.get("title", article.title) != article.title:
        left.append(omission("headline", article.title))
    found["omissions"] = (*left, *article.omissions)
    if slug := _plain(fields.get("slug") or ""):
        found["name"] = name_of(slug)
    found["retracted"] = article.retracted or retracted(fields)
    return dataclasses.replace(article, **found)


def _language(fields: Mapping[str, Any]) -> str:
    names = _FIELDS["language"]
    return language_of(_plain(next((fields[name] for name in names if fields.get(name)), "")))


def retracted(fields: Mapping[str, Any]) -> bool:
    """Return whether fields name an article that is withdrawn, or a draft that is not published yet."""
    values = {name: _plain(fields.get(name, "")).lower() for name in (*_WITHDRAWN, "status", "published")}
    return (
        any(values[name] in _TRUE for name in _WITHDRAWN)
        or values["status"] in ("retracted", "draft")
        or values["published"] in _FALSE
    )


def _name(fields: Mapping[str, Any]) -> str:
    """Return the name that fields give an article, "" where they give none."""
    given = next(filter(None, (_plain(fields.get(key) or "") for key in _NAMES)), "")
    return name_of(given) if given else ""


def _plain(value: Any) -> str:
    """Return a value of front matter or JSON as text; of a list the first."""
    if isinstance(value, list):
        return _plain(value[0]) if value else ""
    if isinstance(value, dict):
        return _plain(value.get("name") or value.get("url") or "")
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    return clean(str(value))


def _items(text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the articles in a JSON document, as their fields, and the fields around a list of them."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ArticleError(f"it is no JSON: line {error.lineno}: {error.msg}") from None
    shared = found if isinstance(found, dict) and "items" in found else {}
    several = shared.get("items", found)
    items = [several] if isinstance(several, dict) else several
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ArticleError('it must be one object with an article, a list of them, or {"items": [...]}')
    if not items:
        raise ArticleError("it lists no articles")
    return items, shared


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ArticleError(f"it is not UTF-8: byte {error.start} does not fit") from None


def checked(article: Article) -> Article:
    """Return an article that has a title and words. Raises `ArticleError` for one that has not."""
    if article.retracted:
        return article
    if not article.blocks:
        left = len(article.omissions)
        raise ArticleError(
            f"it has no text to read aloud ({left} parts were left out)" if left else "it has no text"
        )
    if not article.title:
        raise ArticleError("it has no title: give it a headline, or a title in its fields")
    return article
