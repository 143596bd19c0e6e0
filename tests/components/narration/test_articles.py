"""Reading of articles: everything is read or named as left out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from brume.narration.demo import make
from brume.narration.model.articles.article import Article, ArticleError, from_json, name_of, to_json
from brume.narration.model.articles.documents import read_documents
from brume.narration.model.articles.feeds import read_feed
from brume.narration.model.articles.html import read_html
from brume.narration.pipeline import sources

PARAGRAPH = "This is a paragraph of the text, and it goes on for a while, as paragraphs of articles do."


def page(body: str, head: str = "<title>Title</title>") -> bytes:
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'.encode()


def read(body: str, **given: str) -> Article:
    return read_html(page(body, **given), "page")


def texts(article: Article) -> list[str]:
    return [block.text for block in article.blocks]


def left_out(article: Article) -> dict[str, str]:
    return {one.text: one.rule for one in article.omissions}


def markdown(text: str) -> Article:
    return read_documents(text.encode(), "post.md").articles[0]


def test_all_paragraphs_are_read_not_the_first_alone() -> None:
    parts = [f"Paragraph number {number}." for number in range(40)]
    body = "".join(f"<p>{part}</p>" for part in parts)
    assert texts(read(f"<article>{body}</article>")) == parts


def test_what_is_no_main_text_is_left_out_by_a_rule_that_is_named() -> None:
    article = read(
        "<header>The site</header><nav>Home</nav>"
        "<article><header><h1>Headline</h1></header>"
        '<p>One<sup><a href="#fn1">1</a></sup> word.</p><pre>x = 1</pre>'
        '<figure><img src="a"><figcaption>A picture</figcaption></figure>'
        '<aside>Beside</aside><div class="ad box">Buy</div><div class="newsletter">Subscribe</div>'
        '<p hidden>Not seen</p><div role="doc-endnotes">1. A note</div></article>'
        '<footer>Imprint</footer><div class="related">Other articles</div>'
    )
    assert article.title == "Headline" and texts(article) == ["One word."]
    assert left_out(article) == {
        "The site": "header",
        "Home": "navigation",
        "1": "footnote",
        "x = 1": "code",
        "A picture": "caption",
        "Beside": "aside",
        "Buy": "advertisement",
        "Subscribe": "subscription",
        "Not seen": "hidden",
        "1. A note": "footnote",
        "Imprint": "footer",
        "Other articles": "related",
    }


def test_a_page_without_marks_is_read_where_its_text_is() -> None:
    body = (
        '<div class="top"><a href="/">Home</a> <a href="/a">About</a></div><div><h1>Headline</h1>'
        f"<h2>A section</h2><p>{PARAGRAPH}</p><p>{PARAGRAPH} Again.</p><p>{PARAGRAPH} And again.</p></div>"
    )
    article = read(body)
    assert article.title == "Headline"
    assert texts(article)[:2] == ["A section", PARAGRAPH] and len(article.blocks) == 4
    assert left_out(article) == {"Home About": "outside of the main text"}


def test_names_of_what_is_around_the_text_and_of_words_do_not_leave_it_out() -> None:
    article = read(
        '<div class="sidebar"><main class="highlight"><p>One <span class="highlight">two</span>.</p>'
        '<div class="highlight"><pre>code</pre></div></main></div>'
    )
    assert texts(article) == ["One two."] and left_out(article) == {"code": "code"}


def test_a_link_to_a_part_of_the_page_is_no_footnote() -> None:
    article = read(
        '<article><p>See <a href="#fn-results">the results</a> and <a href="/2">2</a>.</p></article>'
    )
    assert texts(article) == ["See the results and 2."]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<article><p>One <b>two<p>three</b> four</article>", ["One two", "three four"]),
        (
            "<article><div>Loose<p>in a paragraph</p>loose again</div></article>",
            ["Loose", "in a paragraph", "loose again"],
        ),
        ("<article><ul><li>a<li>b</ul></p></div>end", ["a", "b", "end"]),
        ("<article><p>1 &lt; 2 &amp; 3 &nbsp; &copy; &#8364; &bogus;</article>", ["1 < 2 & 3 © € &bogus;"]),
        ("<article><p>a\x00b\x07c\u200bd\u00ade</p></article>", ["abcde"]),
        ("<article><p>שלום עולם</p><p>مرحبا</p></article>", ["שלום עולם", "مرحبا"]),
        ("<article><p>one<br>two<br/>three</p></article>", ["one two three"]),
        ("<article><p>H<sub>2</sub>O and <code>kubectl</code></p></article>", ["H2O and kubectl"]),
    ],
)
def test_broken_pages_and_strange_characters(body: str, expected: list[str]) -> None:
    article = read(body)
    assert texts(article) == expected


def test_emoji_stay_in_a_sentence_and_alone_are_left_out_by_name() -> None:
    article = read("<article><p>Good 👩‍👩‍👧 day</p><p>🎉🎉</p></article>")
    assert texts(article) == ["Good 👩‍👩‍👧 day"]
    assert left_out(article) == {"🎉🎉": "no words"}


def test_languages_of_blocks_and_of_words_in_them() -> None:
    article = read(
        '<article lang="en-GB"><p>He called <i lang="fr">au revoir</i>.</p><p lang="es">Hola</p></article>'
    )
    first, second = article.blocks
    span = first.spans[0]
    assert (first.text[span.start : span.end], span.language) == ("au revoir", "fr")
    assert second.language == "es" and not second.spans


def test_tables_become_sentences_and_tables_for_the_layout_stay_text() -> None:
    small = (
        "<table><caption>Prices</caption><tr><th>Thing<th>Price<tr><td>Tea<td>£2<tr><td>Cake<td>£3</table>"
    )
    rows = "".join(f"<tr><td>{number}<td>x<td>y" for number in range(9))
    layout = "<table><tr><td><p>Just text</p></td></tr></table>"
    article = read(f"<article>{small}<table><tr><th>A<th>B<th>C{rows}</table>{layout}</article>")
    assert texts(article) == [
        "Table: Prices. Tea; Price: £2. Cake; Price: £3.",
        "Table. Columns: A, B, C. 9 rows.",
        "Just text",
    ]
    spanish = markdown("---\nlang: es\ntitle: x\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert texts(spanish) == ["Tabla. 1; b: 2."]


def test_markdown_with_front_matter() -> None:
    article = markdown(
        "---\ntitle: The title\nauthors: [Ann, Bob]\ndate: 2024-05-01\ntags: [Food, Other]\n---\n"
        "# Another headline\n\nText[^1] & *more* of `it`.\n\n3. three\n4. four\n\n```\ncode\n```\n\n"
        "> Quoted\n\n[^1]: A note.\n"
    )
    assert (article.title, article.author, article.date, article.section) == (
        "The title",
        "Ann",
        "2024-05-01",
        "Food",
    )
    assert [(block.kind, block.text) for block in article.blocks] == [
        ("paragraph", "Text & more of it."),
        ("item", "3. three"),
        ("item", "4. four"),
        ("quote", "Quoted"),
    ]
    assert {one.rule for one in article.omissions} == {"headline", "footnote", "code"}


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.md", b"", "it is empty"),
        ("a.html", b"<html><body></body></html>", "it has no text"),
        (
            "a.html",
            page("<article><h1>T</h1><pre>code</pre></article>"),
            r"it has no text to read aloud \(1 part",
        ),
        ("a.html", page("<article><p>x</p></article>", head=""), "it has no title"),
        ("a.md", b"---\ntitle: [\n---\n\ntext", "its front matter is no YAML, line"),
        ("a.md", b"---\n- a\n---\n\ntext", "its front matter is no list of names and values"),
        ("a.md", b"\xff\xfe\x00", "it is not UTF-8: byte 0"),
        ("a.json", b"{", "it is no JSON: line 1"),
        ("a.json", b"[1]", "it must be one object"),
        ("a.json", b'{"title": "T"}', "it has no text: none of its fields"),
        ("a.json", b'{"title": "T", "html": 5}', "its field html is no text"),
    ],
)
def test_what_is_no_article_is_named_with_the_reason(name: str, data: bytes, reason: str) -> None:
    found = read_documents(data, name)
    assert found.articles == [] and [item.partition(",")[0] for item, _ in found.faults] == [name]
    assert re.match(reason, found.faults[0][1]), found.faults


def test_one_bad_article_of_a_file_does_not_lose_the_others() -> None:
    items = [
        {"id": "a b", "title": "A", "text": "One.\n\nTwo <b>."},
        {"title": "B"},
        {"id": "c", "title": "C", "html": "<p>x"},
    ]
    found = read_documents(json.dumps({"items": items}).encode(), "feed.json")
    assert [(one.name, texts(one)) for one in found.articles] == [("a-b", ["One.", "Two <b>."]), ("c", ["x"])]
    assert [item for item, _ in found.faults] == ["feed.json, item 2"]


FEED = b"""<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>Blog</title><language>en-us</language>
<item><title>One &amp; only</title><link>https://example.org/2024/one.html</link>
<description>A summary</description><content:encoded><![CDATA[<p>First.</p><p>Second.</p>]]></content:encoded>
<category>Food</category>
<pubDate>Mon, 06 May 2024 10:00:00 GMT</pubDate></item>
<item><title>Two</title><link>ADDRESS</link><description>A summary alone</description></item>
</channel></rss>"""


def test_a_feed_has_the_whole_text_or_leads_to_it(
    serve_pages: Callable[[dict[str, Any]], str], tmp_path: Path
) -> None:
    url = serve_pages({"/two": page("<article><h1>Two</h1><p>From the page.</p></article>")})
    file = tmp_path / "feed.xml"
    file.write_bytes(FEED.replace(b"ADDRESS", f"{url}/two".encode()))
    found = sources.find(str(file), "en-US")
    one, two = found.articles
    assert (one.name, one.title, texts(one)) == ("2024-one", "One & only", ["First.", "Second."])
    assert (one.date, one.section, one.summary) == ("2024-05-06T10:00:00+00:00", "Food", "A summary")
    assert (two.name, texts(two), two.address) == ("two", ["From the page."], f"{url}/two")
    assert not found.all


def test_a_sitemap_lists_all_pages_and_what_is_gone_is_retracted(
    serve_pages: Callable[[dict[str, Any]], str], tmp_path: Path
) -> None:
    url = serve_pages(
        {"/a/": page("<article><h1>A</h1><p>Text.</p></article>"), "/gone": 410, "/empty": page("")}
    )
    places = "".join(f"<url><loc>{url}/{name}</loc></url>" for name in ("a/", "gone", "empty"))
    file = tmp_path / "sitemap.xml"
    file.write_text(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{places}</urlset>')
    found = sources.find(str(file), "en-US")
    assert [(one.name, one.retracted) for one in found.articles] == [("a", False), ("gone", True)]
    assert [one.item for one in found.rejects] == [f"{url}/empty"] and found.all


def test_a_page_that_cannot_be_reached_is_an_error_and_no_reject(
    serve_pages: Callable[[dict[str, Any]], str], tmp_path: Path
) -> None:
    file = tmp_path / "feed.xml"
    url = serve_pages({"/two": 503})
    file.write_bytes(FEED.replace(b"ADDRESS", f"{url}/two".encode()))
    with pytest.raises(sources.PageError, match="answers with status 503"):
        sources.find(str(file), "en-US")


@pytest.mark.parametrize("data", [b"<html><p>x", b"no xml", b"<a/>", b""])
def test_a_file_that_is_no_feed_is_named(data: bytes) -> None:
    with pytest.raises(ArticleError, match="it is n"):
        read_feed(data)


def test_entities_of_a_feed_are_not_expanded() -> None:
    kind = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    item = b"<item><title>a &x; b</title><link>https://example.org/</link></item>"
    entry = read_feed(kind + b'<rss version="2.0"><channel>' + item + b"</channel></rss>").entries[0]
    assert Path("/etc/hostname").read_text().strip() not in entry.fields["title"]


def test_two_articles_of_one_name_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: A\nslug: same\n---\n\ntext")
    (tmp_path / "b.md").write_text("---\ntitle: B\nslug: same\n---\n\ntext")
    found = sources.find(str(tmp_path), "en-US")
    assert [one.title for one in found.articles] == ["A"]
    assert [(one.item, one.reason) for one in found.rejects] == [("B", "another article has the name same")]


def test_the_demo_is_read_whole(tmp_path: Path) -> None:
    make(tmp_path)
    found = sources.find(str(tmp_path), "en-US")
    assert [one.name for one in found.articles] == ["pan", "pencil", "tides"] and not found.rejects
    kinds = {block.kind for one in found.articles for block in one.blocks}
    assert kinds == {"paragraph", "heading", "quote", "item", "table"}


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["p", "div", "li", "h2", "blockquote", "nav", "aside"]), WORDS), max_size=8
    )
)
def test_every_letter_of_a_page_is_read_or_named(parts: list[tuple[str, str]]) -> None:
    body = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in parts)
    article = read(f"<article><h1>T</h1>{body}</article>")
    heard = "".join(texts(article)) + "".join(one.text for one in article.omissions)
    letters = "".join(character for _, text in parts for character in text if character.isalnum())
    assert sorted(filter(str.isalnum, heard)) == sorted(letters)
    assert from_json(json.loads(json.dumps(to_json(article)))) == article


@given(st.text(max_size=200))
def test_names_are_safe_in_paths_and_addresses(text: str) -> None:
    name = name_of(text)
    assert 0 < len(name) <= 80 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name.strip("-") == name and name_of(text) == name


def test_names_of_other_scripts_stay_apart() -> None:
    assert name_of("статья один") != name_of("статья два") and name_of("Mañana, 2024") == "manana-2024"
