"""An article as a book: EPUB 3.3 with a media overlay, so that readers follow the sound.

The overlay is one flat list of sentences. A sentence's clip ends with its last word, or where the next one
begins: none plays past its text, and no two overlap.
"""

from __future__ import annotations

import datetime
import io
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from brume.narration.model.articles.article import HEADING, ITEM, QUOTE, TITLE
from brume.narration.model.site.about import Published, Site
from brume.narration.model.site.linked_data import absolute
from brume.narration.model.timeline import BlockTimes, Timeline, clock

_TIME = (1980, 1, 1, 0, 0, 0)  # of every file in the archive: the same article is the same bytes
_CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="EPUB/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>
"""
_STYLE = """body { font-family: serif; line-height: 1.5; margin: 1em; }
h1, h2, h3, h4, h5, h6 { font-family: sans-serif; line-height: 1.2; }
blockquote { font-style: italic; }
.media-active { background: #ffe08a; color: #000; }
"""
_HEAD = Markup(
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n'
    '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="{0}" '
    'xml:lang="{0}">\n<head><meta charset="UTF-8"/><title>{1}</title>'
    '<link rel="stylesheet" href="style.css"/></head>\n'
)


def write_epub(one: Published, site: Site, timeline: Timeline, mp3: Path, cover: bytes) -> bytes:
    """Return the book. `mp3` is the article's sound, `cover` a JPEG."""
    files: list[tuple[str, str | bytes]] = [
        ("META-INF/container.xml", _CONTAINER),
        ("EPUB/package.opf", _package(one, site, timeline)),
        ("EPUB/nav.xhtml", _navigation(one, timeline)),
        ("EPUB/article.xhtml", _text(one, timeline)),
        ("EPUB/article.smil", _overlay(timeline)),
        ("EPUB/style.css", _STYLE),
        ("EPUB/cover.jpg", cover),
        ("EPUB/audio.mp3", mp3.read_bytes()),
    ]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        # By the format this file is the first, and not compressed.
        archive.writestr(zipfile.ZipInfo("mimetype", _TIME), "application/epub+zip", zipfile.ZIP_STORED)
        for name, content in files:
            kind = zipfile.ZIP_STORED if name.endswith((".mp3", ".jpg")) else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, _TIME), content, kind)
    return data.getvalue()


def _package(one: Published, site: Site, timeline: Timeline) -> str:
    identity = uuid.uuid5(uuid.NAMESPACE_URL, absolute(site, one.page))
    date = datetime.datetime.fromisoformat(one.date) if one.date else datetime.datetime(2000, 1, 1)
    moment = date.astimezone(datetime.UTC) if date.tzinfo else date
    spoken = clock(sum(end - begin for _, begin, end in _clips(timeline)))
    people = Markup("<dc:creator>{}</dc:creator>").format(one.author) if one.author else Markup("")
    day = Markup("<dc:date>{}</dc:date>").format(one.date[:10]) if one.date else Markup("")
    return str(
        Markup(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" '
            'xml:lang="{lang}">'
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
            '<dc:identifier id="id">urn:uuid:{identity}</dc:identifier><dc:title>{title}</dc:title>'
            "<dc:language>{lang}</dc:language>{people}{day}<dc:publisher>{site}</dc:publisher>"
            '<meta property="dcterms:modified">{modified}</meta>'
            '<meta property="media:duration">{seconds}</meta>'
            '<meta property="media:duration" refines="#overlay">{seconds}</meta>'
            '<meta property="media:active-class">media-active</meta></metadata><manifest>'
            '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
            '<item id="article" href="article.xhtml" media-type="application/xhtml+xml" '
            'media-overlay="overlay"/>'
            '<item id="overlay" href="article.smil" media-type="application/smil+xml"/>'
            '<item id="style" href="style.css" media-type="text/css"/>'
            '<item id="cover" href="cover.jpg" media-type="image/jpeg" properties="cover-image"/>'
            '<item id="audio" href="audio.mp3" media-type="audio/mpeg"/></manifest>'
            '<spine><itemref idref="article"/></spine></package>\n'
        ).format(
            lang=one.language,
            identity=identity,
            title=one.title,
            people=people,
            day=day,
            site=site.title,
            modified=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            seconds=spoken,
        )
    )


def _navigation(one: Published, timeline: Timeline) -> str:
    entries = [
        Markup('<li><a href="article.xhtml#b{}">{}</a></li>').format(number, block.block.text)
        for number, block in enumerate(timeline.blocks)
        if block.block.kind in (TITLE, HEADING)
    ]
    body = Markup('<body><nav epub:type="toc"><h1>{}</h1><ol>{}</ol></nav></body></html>\n')
    return str(_HEAD.format(one.language, one.title) + body.format(one.title, Markup("").join(entries)))


def _text(one: Published, timeline: Timeline) -> str:
    parts = [_HEAD.format(one.language, one.title), Markup("<body>\n")]
    parts += [_block(number, block) for number, block in enumerate(timeline.blocks)]
    return str(Markup("").join([*parts, Markup("</body></html>\n")]))


def _block(number: int, one: BlockTimes) -> Markup:
    level = min(one.block.level, 6)
    tag = {TITLE: "h1", HEADING: f"h{level}"}.get(one.block.kind, "p")
    language = one.block.language
    attribute = Markup(' lang="{0}" xml:lang="{0}"').format(language) if language else Markup("")
    pieces = []
    end = 0
    for index, sentence in enumerate(one.sentences):
        pieces.append(escape(one.block.text[end : sentence.start]))
        text = one.block.text[sentence.start : sentence.end]
        pieces.append(Markup('<span id="b{}s{}">{}</span>').format(number, index, text))
        end = sentence.end
    pieces.append(escape(one.block.text[end:]))
    whole = Markup("").join(pieces)
    text = Markup('<{0} id="b{1}"{2}>{3}</{0}>').format(Markup(tag), number, attribute, whole)  # noqa: S704
    outer = {QUOTE: Markup("<blockquote>{}</blockquote>\n"), ITEM: Markup("<div>{}</div>\n")}
    return outer.get(one.block.kind, Markup("{}\n")).format(text)


def _clips(timeline: Timeline) -> Sequence[tuple[str, float, float]]:
    """Return the sentences: the id of each, and the seconds at which it begins and ends."""
    return [
        (f"b{number}s{index}", sentence.begins, max(sentence.ends, sentence.begins + 0.001))
        for number, one in enumerate(timeline.blocks)
        for index, sentence in enumerate(one.sentences)
    ]


def _overlay(timeline: Timeline) -> str:
    pairs = [
        Markup(
            '<par id="p{0}"><text src="article.xhtml#{0}"/>'
            '<audio src="audio.mp3" clipBegin="{1}" clipEnd="{2}"/></par>\n'
        ).format(name, clock(begins), clock(ends))
        for name, begins, ends in _clips(timeline)
    ]
    return str(
        Markup(
            '<?xml version="1.0" encoding="UTF-8"?>\n<smil xmlns="http://www.w3.org/ns/SMIL" '
            'xmlns:epub="http://www.idpf.org/2007/ops" version="3.0"><body epub:textref="article.xhtml">\n'
            "{}</body></smil>\n"
        ).format(Markup("").join(pairs))
    )
