"""The podcast feed: RSS 2.0 with iTunes' and Podcasting 2.0's elements.

https://github.com/Podcastindex-org/podcast-namespace and https://podcasters.apple.com/support/823 have what
directories ask for.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from email.utils import format_datetime

from lxml import etree

from brume.narration.model.site.about import Published, Site, newest_first
from brume.narration.model.site.linked_data import absolute

_ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
_PODCAST = "https://podcastindex.org/namespace/1.0"
_ATOM = "http://www.w3.org/2005/Atom"
# The namespace by which Podcasting 2.0 makes a feed's guid of its address.
_GUID = uuid.UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")


def feed(articles: Sequence[Published], site: Site) -> bytes:
    """Return the feed of a site with an address, the newest article first."""
    root = etree.Element("rss", nsmap={"itunes": _ITUNES, "podcast": _PODCAST, "atom": _ATOM}, version="2.0")
    channel = etree.SubElement(root, "channel")
    address = absolute(site, "feed.xml")
    _text(channel, "title", site.title)
    _text(channel, "link", f"{site.address}/")
    _text(channel, "description", site.description or f"{site.title}: articles to listen to.")
    _text(channel, "language", site.language)
    _text(channel, "generator", "Brume")
    etree.SubElement(channel, f"{{{_ATOM}}}link", href=address, rel="self", type="application/rss+xml")
    _text(channel, f"{{{_ITUNES}}}author", site.author or site.title)
    _text(channel, f"{{{_ITUNES}}}explicit", "false")
    _text(channel, f"{{{_ITUNES}}}type", "episodic")
    etree.SubElement(channel, f"{{{_ITUNES}}}category", text="News")
    etree.SubElement(channel, f"{{{_ITUNES}}}image", href=absolute(site, "cover.jpg"))
    if site.email:
        owner = etree.SubElement(channel, f"{{{_ITUNES}}}owner")
        _text(owner, f"{{{_ITUNES}}}name", site.author or site.title)
        _text(owner, f"{{{_ITUNES}}}email", site.email)
    _text(channel, f"{{{_PODCAST}}}guid", str(uuid.uuid5(_GUID, address.partition("://")[2])))
    _text(channel, f"{{{_PODCAST}}}medium", "podcast")
    for one in newest_first(articles):
        _item(channel, one, site)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")  # type: ignore[no-any-return]


def _item(channel: etree._Element, one: Published, site: Site) -> None:
    """Add an episode. Its guid stays the same for all versions: an app shows a correction once."""
    item = etree.SubElement(channel, "item")
    page = absolute(site, one.page)
    _text(item, "title", one.title)
    _text(item, "link", one.address or page)
    _text(item, "description", one.summary or one.title)
    etree.SubElement(item, "guid", isPermaLink="false").text = page
    if one.date:
        _text(item, "pubDate", _rfc2822(one.date))
    file = one.audio[0]
    folder = absolute(site, one.folder)
    etree.SubElement(
        item,
        "enclosure",
        url=f"{folder}/{file.path}",
        length=str(file.bytes),
        type=file.type.partition(";")[0],
    )
    _text(item, f"{{{_ITUNES}}}duration", str(round(one.seconds)))
    _text(item, f"{{{_ITUNES}}}author", one.author or site.author or site.title)
    _text(item, f"{{{_ITUNES}}}explicit", "false")
    etree.SubElement(item, f"{{{_ITUNES}}}image", href=f"{folder}/cover.jpg")
    etree.SubElement(
        item, f"{{{_PODCAST}}}chapters", url=f"{folder}/chapters.json", type="application/json+chapters"
    )
    etree.SubElement(
        item,
        f"{{{_PODCAST}}}transcript",
        url=f"{folder}/transcript.vtt",
        type="text/vtt",
        language=one.language,
    )
    for other in one.audio[1:]:
        further = etree.SubElement(
            item,
            f"{{{_PODCAST}}}alternateEnclosure",
            type=other.type.partition(";")[0],
            length=str(other.bytes),
        )
        etree.SubElement(further, f"{{{_PODCAST}}}source", uri=f"{folder}/{other.path}")


def _text(parent: etree._Element, tag: str, text: str) -> None:
    etree.SubElement(parent, tag).text = text


def _rfc2822(date: str) -> str:
    """Return a date of ISO 8601 as mail and RSS write it; a day alone is its noon in UTC."""
    moment = datetime.datetime.fromisoformat(date)
    if len(date) <= 10:
        moment = moment.replace(hour=12)
    return format_datetime(moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC))
