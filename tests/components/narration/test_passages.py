"""Passages: every byte of SSML is a character of the text, and nothing is lost."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.narration.model.articles.article import Article, Block, Span, clean
from brume.narration.model.passages import (
    framed,
    language_for,
    narrated,
    passages,
    pieces,
    silence_after,
    voices_of,
)

TEXTS = st.text(max_size=120).map(clean).filter(bool)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    text = draw(TEXTS)
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    spans = tuple(Span(a, b, "es") for a, b in zip(places[::2], places[1::2], strict=False))
    return Block(draw(st.sampled_from(["paragraph", "quote", "heading"])), text, spans=spans)


@given(st.lists(blocks(), min_size=1, max_size=4), st.sampled_from([100, 80]))
def test_marks_lead_back_to_the_characters(given_blocks: list[Block], speed: int) -> None:
    for passage in passages(given_blocks, "en-US", speed):
        tree = ElementTree.fromstring(passage.ssml)
        assert "".join(tree.itertext()) == passage.text
        data = passage.ssml.encode()
        for index, character in enumerate(passage.text):
            start = passage.places[index]
            end = start + len({"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character).encode())
            assert passage.character_at(start) == index and passage.character_at(end) == index + 1
            assert data[start:end].decode() in (character, "&amp;", "&lt;", "&gt;")


@given(st.lists(st.sampled_from(["word", "x" * 40, "end.", "“Yes!”", "a & b", "<" * 20]), max_size=2000))
def test_pieces_are_whole_and_within_the_limits(words: list[str]) -> None:
    text = " ".join(words)
    found = pieces(text)
    assert "".join(text[start:end] for start, end in found) == text
    for passage in passages([Block("paragraph", text)] if text else [], "en-US"):
        assert len(passage.text) <= 3000 and len(passage.ssml) <= 6000


def test_long_paragraphs_are_cut_after_sentences_not_within_words() -> None:
    text = "One sentence that is not long. " * 200 + "word " * 2000 + "x" * 9000
    parts = [text[start:end] for start, end in pieces(text)]
    assert parts[0].endswith("long. ") and all(len(part) <= 2500 for part in parts)
    middle = [part for part in parts if part.startswith("word")]
    assert middle and all(part.endswith(("word ", "x")) for part in middle)


def test_a_span_that_is_cut_stays_in_its_language() -> None:
    text = "una palabra " * 400
    block = Block("paragraph", text.strip(), spans=(Span(0, len(text.strip()), "es-ES"),))
    found = passages([block], "en-US")
    assert len(found) > 1 and all(one.ssml.count('<lang xml:lang="es-ES">') == 1 for one in found)


def test_frames_name_the_article_and_nothing_else() -> None:
    article = Article("a", "Title", (Block("paragraph", "Text."),), author="Ann")
    found = narrated(article, intro="You hear {title} by {author}.", outro="The end.")
    assert [(block.kind, block.text) for block in found] == [
        ("intro", "You hear Title by Ann."),
        ("title", "Title"),
        ("paragraph", "Text."),
        ("outro", "The end."),
    ]
    with pytest.raises(ValueError, match=r"\{titel\}.*is none of \{title\}"):
        framed("{titel}", article)


def test_sections_and_quotations_are_heard_as_such() -> None:
    found = [Block("paragraph", "a"), Block("heading", "b", 2), Block("quote", "c"), Block("paragraph", "d")]
    assert silence_after(found, 0) > silence_after(found, 3)
    assert silence_after(found, 1) >= 0.6 <= silence_after(found, 2)
    quote = passages(found, "en-US")[2]
    assert quote.ssml == '<speak><prosody rate="95%">c</prosody></speak>'


@pytest.mark.parametrize(
    ("own", "default", "expected"),
    [("", "en-GB", "en-GB"), ("en", "en-GB", "en-GB"), ("en-US", "en-GB", "en-US"), ("es", "en-GB", "es")],
)
def test_the_language_is_the_articles(own: str, default: str, expected: str) -> None:
    assert language_for(own, default) == expected


def test_voices_by_language() -> None:
    assert voices_of("en-US=Joanna, es=Lupe") == {"en-us": "Joanna", "es": "Lupe"}
    assert voices_of("Joanna") == {"": "Joanna"} and voices_of("") == {}
    for wrong in ("a,b", "=x", "en="):
        with pytest.raises(ValueError, match="write one voice, or LANGUAGE=VOICE"):
            voices_of(wrong)
