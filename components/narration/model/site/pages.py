"""The pages of a site: an article with its player, the playlist, and the script of both."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from brume.narration.model.site.about import Published, Site, newest_first
from brume.narration.model.site.linked_data import linked_data
from brume.narration.model.site.tracks import chapters
from brume.narration.model.timeline import Timeline

_HERE = Path(__file__).parent
_SCRIPT = ("words.js", "text.js", "player.js", "playlist.js")


def article_page(one: Published, site: Site, timeline: Timeline) -> str:
    """Return the page of an article, which can be read and heard without the script too."""
    facts = [fact for fact in (one.author, one.date[:10], one.section) if fact]
    # In a script element only these characters could end it or begin a comment.
    data = json.dumps(linked_data(one, site), ensure_ascii=False).replace("<", "\\u003c")
    return _render("article.html", one=one, site=site, timeline=timeline, facts=facts, data=Markup(data))  # noqa: S704


def article_record(one: Published, site: Site, timeline: Timeline) -> dict[str, Any]:
    """Return what the player reads first: it names the files of the present version."""
    return {
        "version": one.version,
        "title": one.title,
        "language": one.language,
        "author": one.author,
        "site": site.title,
        "seconds": round(one.seconds, 3),
        "audio": [
            {"src": f"{one.version}/{file.path}", "type": file.type, "bytes": file.bytes}
            for file in one.audio
        ],
        "marks": f"{one.version}/marks.json",
        "transcript": f"{one.version}/transcript.vtt",
        "epub": f"{one.version}/article.epub",
        "cover": f"{one.version}/cover.jpg",
        "chapters": chapters(timeline)["chapters"],
    }


def index_page(articles: Sequence[Published], site: Site) -> str:
    """Return the page of all articles: the playlist."""
    return _render("index.html", articles=newest_first(articles), site=site)


def site_record(articles: Sequence[Published], site: Site) -> dict[str, Any]:
    """Return what the playlist reads."""
    return {
        "title": site.title,
        "articles": [
            {
                "name": one.name,
                "title": one.title,
                "language": one.language,
                "section": one.section,
                "date": one.date,
                "seconds": round(one.seconds, 3),
                "version": one.version,
                "source": f"articles/{one.name}/article.json",
                "page": one.page,
            }
            for one in newest_first(articles)
        ],
    }


@functools.cache
def script() -> str:
    """Return the player: one script, without the address of anything else."""
    parts = [(_HERE / "player" / name).read_text(encoding="utf-8") for name in _SCRIPT]
    style = json.dumps((_HERE / "player" / "style.css").read_text(encoding="utf-8"))
    sheet = f"const SHEET = new CSSStyleSheet();\nSHEET.replaceSync({style});\n"
    return "(() => {\n'use strict';\n" + sheet + "\n".join(parts) + "})();\n"


def style() -> str:
    """Return the style of the pages around the player."""
    return (_HERE / "pages" / "page.css").read_text(encoding="utf-8")


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
