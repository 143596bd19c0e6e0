"""Documents with faults: each is read, or named with its reason; none ends the reading of others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.narration.model.articles.article import Article, ArticleError
from brume.narration.model.articles.documents import ENDINGS, Documents, read_documents
from brume.narration.model.articles.feeds import read_feed
from brume.narration.pipeline import sources

PIECES = [
    *(
        "<html>",
        "<body>",
        "</body>",
        "<head>",
        "<article>",
        "<frameset>",
        "<ol start=",
        "'²'>",
        "<li>",
        "<td>",
    ),
    *(
        "<table>",
        "<!--",
        "<p lang=",
        "&#0;",
        "\0",
        "---\n",
        "title: T\n",
        "date: 2024-99-99\n",
        "- a",
        "> ",
        "*",
    ),
    *(
        "[",
        "{",
        '"items":',
        '"title":',
        '"text":',
        "&a [*a]",
        "9" * 5000,
        "\\ud800",
        ": ",
        "\n",
        "[^1]",
        "|-|",
    ),
    *("<?xml encoding='x'?>", "<meta charset=utf-16>", "slug: {}\n", "words"),
]


def front(lines: str) -> Documents:
    return read_documents(f"---\n{lines}\n---\nText of it.".encode(), "post.md")


def only(found: Documents) -> Article:
    assert not found.faults, found.faults
    return found.articles[0]


@settings(max_examples=25, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=20),
        st.lists(st.sampled_from(PIECES), max_size=12).map(lambda p: "".join(p).encode()),
    ),
    st.sampled_from(ENDINGS),
)
def test_any_bytes_are_articles_or_named(data: bytes, ending: str) -> None:
    found = read_documents(data, f"it{ending}")
    assert all(why for _, why in found.faults)
    assert found.articles or found.faults


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.html", b"<html></html>", "no text"),
        ("a.html", b"<html><head><title>x</title></head></html>", "no text"),
        ("a.html", b"<html><frameset><frame src=x></frameset></html>", "no text"),
        ("a.html", b"<p>a" + b"<div>" * 3000 + b"deep", "nested too deep"),
        ("a.html", b"\x89PNG\r\n\x1a\n" + bytes(100), "no text"),
        ("a.html", "<p>é</p>".encode() * 3 + b"caf\xe9", "not UTF-8: byte 30"),
        ("a.json", b"[" * 100_000, "nested too deep"),
        ("a.json", b"[]", "lists no articles"),
        ("a.json", b'{"version": "https://jsonfeed.org/version/1.1", "items": []}', "lists no articles"),
        ("a.json", b'{"title": ' + b"9" * 5000 + b"}", "4300 digits"),
        ("a.md", b"---\ntitle: T\nText", "no line --- at its end"),
        ("a.md", b"---\ntitle: &a [*a]\n---\nText", "nested too deep"),
        ("a.md", b"---\nx: " + b"[" * 1000 + b"\n---\nText", "nested too deep"),
        ("a.md", b"---\ntitle: T\nx: !!timestamp y\n---\nText", "cannot be read"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_no_parser_takes_is_named(name: str, data: bytes, reason: str) -> None:
    found = read_documents(data, name)
    assert not found.articles and reason in found.faults[0][1]


def test_one_bad_file_of_a_folder_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_bytes(b"<html></html>")
    (tmp_path / "deep.json").write_bytes(b"[" * 100_000)
    (tmp_path / "good.md").write_text("---\ntitle: T\n---\nText")
    found = sources.find(str(tmp_path), "en-US")
    assert [one.name for one in found.articles] == ["good"]
    assert [one.item for one in found.rejects] == ["bad.html", "deep.json"]


@pytest.mark.parametrize("tag", ["div", "section", "b", "li"])
def test_elements_that_are_never_closed_lose_no_text(tag: str) -> None:
    body = "".join(f"<{tag}><p>Paragraph {number}.</p>" for number in range(280))
    found = only(read_documents(f"<html><article><h1>T</h1>{body}".encode(), "a.html"))
    assert [block.text for block in found.blocks] == [f"Paragraph {number}." for number in range(280)]


@pytest.mark.parametrize("tag", ["article", "main", "section", "div"])
def test_the_tags_of_head_and_body_may_be_left_out(tag: str) -> None:
    page = f"<!doctype html><meta charset=utf-8><title>T</title><{tag}><p>One.</p></{tag}><p>Two.</p>"
    found = read_documents(page.encode(), "a.html").articles[0]
    assert "One." in [block.text for block in found.blocks]
    assert {"One.", "Two."} == {one.text for one in (*found.blocks, *found.omissions)}


def test_markdown_that_is_nested_deep_loses_no_text() -> None:
    items = "".join(f"{'  ' * depth}- item {depth}\n" for depth in range(40))
    found = only(read_documents(f"---\ntitle: T\n---\n{items}".encode(), "a.md"))
    assert [block.text for block in found.blocks] == [f"item {depth}" for depth in range(40)]


@pytest.mark.parametrize(
    ("encoding", "declared", "text"),
    [
        ("iso-8859-1", "iso-8859-1", "Año “nuevo”".replace("“", "").replace("”", "")),
        ("cp1252", "ISO-8859-1", "It’s “new” – 5 €"),
        ("cp1251", "windows-1251", "Привет, мир"),
        ("shift_jis", "Shift_JIS", "こんにちは"),
        ("utf-8", "iso-8859-1", "Niño"),
        ("utf-8", "klingon", "Niño"),
    ],
)
def test_a_page_is_decoded_as_it_declares(encoding: str, declared: str, text: str) -> None:
    page = f'<html><head><meta charset="{declared}"></head><article><h1>T</h1><p>{text}</p></article></html>'
    found = only(read_documents(page.encode(encoding), "a.html"))
    assert [block.text for block in found.blocks] == [text]


@pytest.mark.parametrize(
    "lines",
    ["date: 2024-99-99", "date: yesterday", "date: 0000-00-00", "date: 0001-01-01T00:00:00+14:00",
     "date: Mon, 01 Jan 2024 00:00:00 +99999999999", "language: in English", "url: javascript:alert(1)",
     "url: /posts/it"],
)  # fmt: skip
def test_a_field_that_is_not_understood_is_left_out_by_name(lines: str) -> None:
    found = only(front(f"title: T\n{lines}"))
    assert not (found.date or found.language or found.address)
    assert [one.rule.endswith("that is not understood") for one in found.omissions] == [True]


@pytest.mark.parametrize("date", ["2024-05-06 07:08:09 +0200", "2024-05-06T07:08:09+02:00"])
def test_dates_as_blogs_write_them(date: str) -> None:
    assert only(front(f"title: T\ndate: {date}")).date.startswith("2024-05-06")


@pytest.mark.parametrize(
    ("line", "withdrawn"),
    [
        ("retracted: true", True),
        ("status: retracted", True),
        ("draft: true", True),
        ("status: draft", True),
        ("published: false", True),
        ("draft: false", False),
        ("published: 2024-05-01", False),
        ("status: final", False),
    ],
)
def test_a_draft_is_not_published(line: str, withdrawn: bool) -> None:
    assert only(front(f"title: T\n{line}")).retracted == withdrawn


def test_a_date_in_the_text_is_not_the_articles() -> None:
    page = "<html><article><h1>T</h1><p>It rained on 4 March 1999.</p></article></html>"
    assert only(read_documents(page.encode(), "a.html")).date == ""
    own = page.replace("<article>", '<meta name="date" content="2020-01-02"><article>')
    assert only(read_documents(own.encode(), "a.html")).date == "2020-01-02"


def test_pictures_and_formulas_are_left_out_by_name_within_their_sentence() -> None:
    body = "<p>As <math><mi>x</mi></math> grows <svg><text>A label</text></svg> it falls.</p>"
    found = only(read_documents(f"<html><article><h1>T</h1>{body}</article></html>".encode(), "a.html"))
    assert [block.text for block in found.blocks] == ["As grows it falls."]
    assert {one.text: one.rule for one in found.omissions} == {"x": "formula", "A label": "picture"}


def test_numbers_of_lists_in_lists() -> None:
    body = "<ol><li>a<ol start='5'><li>b</li><li>c</li></ol></li><li>d</li></ol>"
    found = only(read_documents(f"<html><article><h1>T</h1>{body}</article></html>".encode(), "a.html"))
    assert [block.text for block in found.blocks] == ["1. a", "5. b", "6. c", "2. d"]


def test_a_slug_that_is_none_gives_no_name() -> None:
    assert only(front("title: T\nslug: {a: b}")).name == "post"


def test_a_json_feed_has_one_language_and_lists_the_newest_alone() -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "language": "es-ES",
        "items": [{"id": "1", "title": "Uno", "content_text": "Hola."}],
    }
    found = read_documents(json.dumps(feed).encode(), "feed.json", "en-US")
    assert [one.language for one in found.articles] == ["es-ES"] and not found.all
    assert read_documents(json.dumps(feed["items"]).encode(), "posts.json").all


@pytest.mark.parametrize(
    "text",
    ['<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"/>', '<rss version="2.0"><channel/></rss>'],
    ids=["sitemap", "feed"],
)
def test_a_feed_without_entries_withdraws_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(text)
    with pytest.raises(ArticleError, match="lists no articles"):
        sources.find(str(tmp_path / "feed.xml"), "en-US")


def test_half_a_sitemap_is_no_sitemap() -> None:
    page = "<url><loc>https://example.org/{}</loc></url>"
    whole = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{page.format(1)}{page.format(2)}</urlset>'
    assert len(read_feed(whole.encode()).entries) == 2
    with pytest.raises(ArticleError, match="damaged sitemap"):
        read_feed(whole[:-30].encode())


def test_addresses_of_a_feed_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    addresses = ("http://[bad", "/relative", "javascript:alert(1)", "")
    items = "".join(f"<item><title>T{n}</title><link>{one}</link></item>" for n, one in enumerate(addresses))
    (tmp_path / "feed.xml").write_text(f'<rss version="2.0"><channel>{items}</channel></rss>')
    found = sources.find(str(tmp_path / "feed.xml"), "en-US")
    assert not found.articles and len(found.rejects) == len(addresses)
    assert all("address" in one.reason for one in found.rejects)
