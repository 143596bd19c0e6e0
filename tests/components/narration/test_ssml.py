"""Text and SSML as sentences: words, places in the original, what each element asks for, what is refused."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.narration.model import prosody
from brume.narration.model.boundaries import ends
from brume.narration.model.script import Break, Mark, Prosody, Word
from brume.narration.model.ssml import Script, SsmlError, read


def ssml(inside: str, language: str = "en-US") -> Script:
    return read(f"<speak>{inside}</speak>", ssml=True, language=language)


def words(script: Script) -> list[Word]:
    return [word for sentence in script.sentences for word in sentence.words]


def parts(script: Script) -> list[str]:
    """Return all parts in short: words, breaks as their seconds, marks with a hash, | between sentences."""
    found = []
    for sentence in script.sentences:
        for part in sentence.parts:
            if isinstance(part, Word):
                found.append(part.text + part.after)
            else:
                found.append(f"{part.seconds:g}s" if isinstance(part, Break) else f"#{part.name}")
        found.append("|")
    return found[:-1]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('a <break/> b <break strength="x-strong"/> c', ["a", "0.3s", "b", "1s", "c"]),
        ('a <break time="1500ms"/> b <break time="2s"/> c', ["a", "1.5s", "b", "2s", "c"]),
        ('a, <break strength="none"/> b', ["a", "b"]),
        ('a <mark name="x"/>b', ["a", "#x", "b"]),
        ('One. <mark name="x"/>Two.', ["One.", "|", "#x", "Two."]),
        ('One. <break/><mark name="x"/> Two.', ["One.", "0.3s", "|", "#x", "Two."]),
        ('One.<mark name="x"/><break/> Two.', ["One.", "#x", "0.3s", "|", "Two."]),
        ("<p>One</p><p>Two</p>", ["One", "0.5s", "|", "Two"]),
        ("<p><s>One</s><s>Two</s></p>", ["One", "|", "Two"]),
        ('<p>One</p><break time="1s"/><p>Two</p>', ["One", "0.5s", "1s", "|", "Two"]),
        ('One <mark name="end"/>', ["One", "#end"]),
        ('<break time="1s"/>', ["1s"]),
        ('<mark name="a"/>One<emphasis>Two</emphasis>, three', ["#a", "One", "Two,", "three"]),
        ("<emphasis>One</emphasis>. Two", ["One.", "|", "Two"]),
        ('one<mark name="x"/>, two', ["one,", "#x", "two"]),
        ('<sub alias="Saint John. Or so">St.</sub> Two', ["St.", "Two"]),
        ("<![CDATA[a < b & c]]>", ["a", "<", "b", "&", "c"]),
        ("<!-- no -->a<?x y?> b", ["a", "b"]),
    ],
)
def test_the_parts_of_sentences(inside: str, expected: list[str]) -> None:
    found = parts(ssml(inside))
    assert [part for part in found if part != "<"] == [part for part in expected if part != "<"]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('<prosody rate="150%">a</prosody>', Prosody(rate=1.5)),
        ('<prosody rate="x-slow"><prosody rate="50%">a</prosody></prosody>', Prosody(rate=0.25)),
        ('<prosody pitch="+50%" volume="-6dB">a</prosody>', Prosody(pitch=12 * math.log2(1.5), volume=-6.0)),
        ('<prosody volume="silent"><prosody volume="+6dB">a</prosody></prosody>', Prosody(volume=-114.0)),
        (
            '<amazon:effect name="drc"><prosody rate="50%">a</prosody></amazon:effect>',
            Prosody(0.5, compressed=True),
        ),
        ("<emphasis>a</emphasis>", prosody.emphasis("moderate")),
        ('<emphasis level="reduced">a</emphasis>', prosody.emphasis("reduced")),
    ],
)
def test_prosody(inside: str, expected: Prosody) -> None:
    (word,) = words(ssml(inside))
    assert word.prosody == expected


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('<phoneme alphabet="ipa" ph="pɪˈkɑːn">pecan</phoneme>', {"spoken": "pecan", "phonemes": "pɪˈkɑːn"}),
        ("<phoneme alphabet='x-sampa' ph='pI\"kA:n'>pecan</phoneme>", {"phonemes": "pɪˈkɑːn"}),
        ('<sub alias="World Wide Web">W3C</sub>', {"text": "W3C", "spoken": "World Wide Web"}),
        ('<say-as interpret-as="characters">A&amp;B</say-as>', {"text": "A&B"}),
        ('<say-as interpret-as="ordinal">3</say-as>', {"text": "3", "spoken": "third"}),
        ('<w role="amazon:VBD">read</w>', {"phonemes": "ɹɛd"}),
        ('<w role="amazon:VB">read</w>', {"phonemes": "ɹiːd"}),
        ('<lang xml:lang="es-ES">hola</lang>', {"language": "es"}),
        ('<p xml:lang="fr-FR">bonjour</p>', {"language": "fr"}),
    ],
)
def test_how_a_word_is_read(inside: str, expected: dict[str, Any]) -> None:
    (word,) = words(ssml(inside))
    assert {name: getattr(word, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("<speak>a</b></speak>", 1, 11, "mismatched tag"),
        ("<speak>\n a <audio src='x'/></speak>", 2, 4, "<audio> is not supported"),
        ("<speak>\n\n<prosody rate='5%'>a</prosody></speak>", 3, 1, "rate must be 20% to 200%"),
        ("<speak><prosody>a</prosody></speak>", 1, 8, "rate, pitch or volume is missing"),
        ("<speak><prosody amazon:max-duration='2s'>a</prosody></speak>", 1, 8, "Unsupported Neural feature"),
        (
            "<speak>é<amazon:effect name='whispered'>a</amazon:effect></speak>",
            1,
            9,
            "Unsupported Neural feat",
        ),
        ("<speak><amazon:domain name='news'>a</amazon:domain></speak>", 1, 8, "Unsupported Neural feature"),
        ("<speak><break time='11s'/></speak>", 1, 8, "time must be at most 10 s"),
        ("<speak><break time='soon'/></speak>", 1, 8, "time must be a number"),
        ("<speak><break>a</break></speak>", 1, 15, "<break> must be empty"),
        ("<speak><mark/></speak>", 1, 8, "name is missing"),
        ("<speak><say-as interpret-as='song'>a</say-as></speak>", 1, 8, "interpret-as must be one of"),
        ("<speak><say-as interpret-as='date' format='x'>a</say-as></speak>", 1, 8, "format of a date"),
        ("<speak><sub>a</sub></speak>", 1, 8, "alias is missing"),
        ("<speak><sub alias='b'><s>a</s></sub></speak>", 1, 23, "<sub> holds text alone"),
        ("<speak><phoneme alphabet='kirshenbaum' ph='a'>a</phoneme></speak>", 1, 8, "alphabet must be"),
        ("<speak><phoneme alphabet='x-sampa' ph='a€'>a</phoneme></speak>", 1, 8, "'€', character 2"),
        ("<speak><phoneme alphabet='ipa' ph='aζ'>a</phoneme></speak>", 1, 8, "'ζ', character 2"),
        ("<speak><lang xml:lang='e s'>a</lang></speak>", 1, 8, "xml:lang must be a code"),
        ("<speak>a &nbsp; b</speak>", 1, 10, "undefined entity"),
        ("<speak>a & b</speak>", 1, 11, "not well-formed"),
        ("<speak>\x01</speak>", 1, 8, "not well-formed"),
        ("<p>a</p>", 1, 1, "must be in <speak>"),
        ("hello", 1, 1, "not well-formed"),
        ("", 1, 1, "no element found"),
        ('<!DOCTYPE speak [<!ENTITY a "b">]><speak>&a;</speak>', 1, 17, "document type"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, line: int, column: int, what: str) -> None:
    with pytest.raises(SsmlError) as caught:
        read(text, ssml=True, language="en-US")
    assert (caught.value.line, caught.value.column) == (line, column), str(caught.value)
    assert what in str(caught.value)


def test_billed_characters_are_those_outside_of_markup() -> None:
    assert ssml('a &amp; <mark name="x"/>é').characters == 5
    assert read("a &amp; é", ssml=False, language="en-US").characters == 9


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Dr. Smith paid $3.50 to J. R. Jones.| He left at 5 p.m.| The end!"),
        (
            "en",
            "“Really?” she asked.| No. 5 is here, e.g. this one.| No.| It is St. John St.| The house is old.",
        ),
        ("es", "El Sr. López vino.| ¿Qué tal?| ¡Bien!| Fin"),
        ("en", "One\n|\nTwo…| Three"),
        ("de", "Das ist so.| Und das auch."),
        ("ja", "こんにちは。|元気ですか？"),
    ],
)
def test_where_sentences_end(language: str, text: str) -> None:
    plain = text.replace("|", "")
    begin, found = 0, []
    for end in ends(plain, language):
        found.append(plain[begin:end])
        begin = end
    assert "|".join(found) == text


_TEXT = st.text(
    st.sampled_from(list("abcXYé 0127$.,;:!?&<>'\"\n\t–…¿ñ😀日()/"))
    | st.characters(exclude_categories=["Cs", "Cc"]),
    max_size=60,
)


@given(_TEXT)
def test_the_places_of_words_in_plain_text(text: str) -> None:
    last = 0
    for sentence in read(text, ssml=False, language="en-US").sentences:
        assert sentence.start <= sentence.words[0].start
        assert sentence.words[-1].end <= sentence.end
        for word in sentence.words:
            assert text[word.start : word.end] == word.text
            assert word.start >= last
            last = word.end


def _element(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def wrapped(name: str) -> st.SearchStrategy[str]:
        return st.lists(inside, max_size=3).map(lambda found: f"<{name}>{''.join(found)}</{name.split()[0]}>")

    return st.sampled_from(["p", "s", "emphasis", 'prosody rate="slow"', 'lang xml:lang="en-GB"']).flatmap(
        wrapped
    )


_LEAF = (
    _TEXT.map(escape)
    | st.sampled_from(["<break/>", '<mark name="&lt;m&gt;"/>', "<!-- x -->", "&#233;&#x1F600;", "\r\n"])
    | _TEXT.map(lambda text: f"<sub alias={quoteattr('alias ' + text)}>x</sub>")
)


@given(st.lists(st.recursive(_LEAF, _element, max_leaves=6), max_size=4).map("".join))
def test_the_places_of_words_in_ssml(inside: str) -> None:
    """What lies at a word's place is the word, but for entities and empty elements; places never go back."""
    text = f"<speak>{inside}</speak>"
    last = 0
    for sentence in read(text, ssml=True, language="en-US").sentences:
        for part in sentence.parts:
            if isinstance(part, Mark):
                assert text[part.start : part.end] == '<mark name="&lt;m&gt;"/>'
                assert part.name == "<m>"
            if isinstance(part, Word):
                assert _resolved(text[part.start : part.end]) == part.text
            assert part.start >= last
            last = part.end


def _resolved(text: str) -> str:
    text = re.sub("<!--.*?-->|<[^>]*>", "", text)
    for entity, letter in (
        ("&#233;", "é"),
        ("&#x1F600;", "😀"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ):
        text = text.replace(entity, letter)
    return text
