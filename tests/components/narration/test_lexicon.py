"""Lexicons: what is checked when they are put, and what they change in texts."""

from __future__ import annotations

import pytest

from brume.narration.model import lexicon
from brume.narration.model.lexicon import LexiconError, Lexicons
from brume.narration.model.script import Word
from brume.narration.model.ssml import read
from brume.narration.model.xsampa import ipa

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<lexicon version="1.0"\n xmlns="http://www.w3.org/2005/01/pronunciation-lexicon"\n'


def pls(lexemes: str, *, language: str = "en-US", alphabet: str = "ipa") -> str:
    """Return a lexicon, whose first lexeme is in line 4."""
    return f'{HEAD} alphabet="{alphabet}" xml:lang="{language}">{lexemes}</lexicon>'


def lexeme(grapheme: str, *, alias: str = "", phoneme: str = "") -> str:
    read = f"<alias>{alias}</alias>" if alias else f"<phoneme>{phoneme}</phoneme>"
    return f"<lexeme><grapheme>{grapheme}</grapheme>{read}</lexeme>"


def words(text: str, *contents: str, language: str = "en-US", ssml: bool = False) -> list[Word]:
    applied = Lexicons([lexicon.parse(content) for content in contents])
    script = read(text, ssml=ssml, language=language, lexicons=applied)
    return [word for sentence in script.sentences for word in sentence.words]


def test_graphemes_are_whole_words_in_their_case() -> None:
    content = pls(lexeme("kubectl", alias="cube control") + lexeme("W3C", phoneme="wɛb"))
    found = words("kubectl, Kubectl kubectls kubectl's W3C.", content)
    assert [(word.text, word.spoken) for word in found[:2]] == [
        ("kubectl", "cube control"),
        ("Kubectl", "Kubectl"),
    ]
    assert found[0].after == ","
    assert [word.spoken == "cube control" for word in found] == [True, False, False, False, False]
    assert (found[-1].phonemes, found[-1].after) == ("wɛb", ".")


def test_the_longest_grapheme_goes_first_and_may_be_over_lines() -> None:
    content = pls(lexeme("New", alias="old") + lexeme("New York", alias="the city"))
    found = words("New\nYork is New", content)
    assert [word.spoken for word in found] == ["the city", "is", "old"]
    assert found[0].text == "New\nYork"


def test_an_earlier_lexicon_goes_first_and_languages_are_kept_apart() -> None:
    first, second = pls(lexeme("a1", alias="first")), pls(lexeme("a1", alias="second"))
    assert words("a1", first, second)[0].spoken == "first"
    spanish = pls(lexeme("a1", alias="primero"), language="es-ES")
    assert words("a1", spanish, second)[0].spoken == "second"
    text = '<speak><lang xml:lang="es-ES">a1</lang></speak>'
    assert words(text, spanish, second, ssml=True)[0].spoken == "primero"
    assert words("a1", second, language="en-GB")[0].spoken != "second"


def test_say_as_sub_and_phoneme_go_before_a_lexicon() -> None:
    text = '<speak><sub alias="one">a1</sub> <phoneme alphabet="ipa" ph="t">a1</phoneme></speak>'
    found = words(text, pls(lexeme("a1", alias="wrong")), ssml=True)
    assert [word.spoken for word in found] == ["one", found[1].spoken]
    assert found[1].phonemes == "t"


def test_x_sampa_becomes_ipa() -> None:
    content = pls(lexeme("pecan", phoneme='pI"kA:n'), alphabet="x-sampa")
    assert words("pecan", content)[0].phonemes == "pɪˈkɑːn"
    assert ipa("t_hIr\\`@_=d~") == "tʰɪɻə̩d̃"
    with pytest.raises(ValueError, match="'€', character 3 of 'ab€'"):
        ipa("ab€")


def test_what_is_known_of_a_lexicon() -> None:
    content = pls(
        "<lexeme><grapheme>a</grapheme><grapheme>b</grapheme><alias>c</alias><example>a</example></lexeme>"
        + lexeme("d", alias="e")
    )
    found = lexicon.parse(content)
    assert (found.language, found.alphabet, found.count) == ("en-US", "ipa", 2)
    assert [(one.grapheme, one.alias) for one in found.lexemes] == [("a", "c"), ("b", "c"), ("d", "e")]


@pytest.mark.parametrize(
    ("content", "kind", "what"),
    [
        ("", "lexicon", "line 1, column 1: the XML is not well-formed: no element found"),
        (pls("<lexeme>"), "lexicon", "line 4, column 44: the XML is not well-formed: mismatched tag"),
        ("<speak/>", "lexicon", "<speak> is no element of PLS: xmlns must be http://www.w3.org/2005"),
        (pls("<lexeme><word>a</word></lexeme>"), "lexicon", "<word> is no element of PLS"),
        (pls("<grapheme>a</grapheme>"), "lexicon", "<grapheme> stands in <lexicon>"),
        (pls("<lexeme><alias>a</alias></lexeme>"), "lexicon", "a <lexeme> has no <grapheme>"),
        (pls("<lexeme><grapheme>a</grapheme></lexeme>"), "lexicon", "neither <alias> nor <phoneme>"),
        (pls(lexeme("a", alias=" ")), "lexicon", "<alias> is empty"),
        (pls("", alphabet="cmu"), "alphabet", "alphabet must be ipa or x-sampa, not 'cmu'"),
        (pls("", language="English!"), "language", "xml:lang must be a code such as en-US, not 'English!'"),
        (pls("").replace('version="1.0"\n', ""), "lexicon", 'version="1.0" is missing'),
        (pls(lexeme("a", alias="b" * 101)), "lexeme", "<alias> has more than 100 characters"),
        (pls(lexeme("a", phoneme="€"), alphabet="x-sampa"), "lexicon", "is no symbol of X-SAMPA"),
        (pls(lexeme("a", phoneme="ζ")), "lexicon", "'ζ', character 1 of 'ζ', is no symbol of the IPA"),
        (pls(" " * 40_000), "size", "a lexicon has at most 40,000 characters"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + pls(lexeme("a", alias="&b;"))[39:], "lexicon", "document type"),
    ],
)
def test_a_lexicon_that_is_wrong_is_refused_by_place(content: str, kind: str, what: str) -> None:
    with pytest.raises(LexiconError) as caught:
        lexicon.parse(content)
    assert what in str(caught.value)
    assert caught.value.kind == kind
