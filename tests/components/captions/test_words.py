"""Vocabularies and filters on the words of a stream: how they are read, and that what is Stable stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.captions.model.hypothesis import Word
from brume.captions.model.items import Item, items_of, text_of
from brume.captions.model.vocabulary import Entry, Filter, Spelling, VocabularyError, parse_list, parse_table

WORDS = st.sampled_from(["a", "b", "c", "B", ","])


def words(text: str, probability: float = 0.9) -> list[Word]:
    return [Word(word, index, index + 0.5, probability) for index, word in enumerate(text.split())]


def spelled(spelling: Spelling, text: str, probability: float = 0.9, language: str = "") -> str:
    return " ".join(word.text for word in spelling.apply(words(text, probability), language))


def test_phrases_are_written_as_the_vocabulary_has_them() -> None:
    spelling = Spelling(
        parse_table("Phrase\tDisplayAs\nlos-angeles\tLos Angeles\nU.S.A.\tUSA\nkubeflow\tKubeflow\n")
    )
    assert spelled(spelling, "in los angeles, and the usa.") == "in Los Angeles, and the USA."
    assert spelled(spelling, "cubeflow kubeflow") == "cubeflow Kubeflow"
    assert spelled(Spelling(parse_list(["Kubeflow"])), "kubeflou kubflow", 0.4) == "Kubeflow Kubeflow"
    english = Spelling([Entry(("two",), "2", "en")])
    assert (spelled(english, "two", language="en"), spelled(english, "two", language="es")) == ("2", "two")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Phrase\na\x00b", "control character"),
        ("", "found none"),
        ("Phrase\tColour\na\tb", "the columns"),
        ("Phrase\na\tb", "line 2: 2 cells under 1 columns"),
        ("Phrase\nroom 1", "line 2: 'room 1' holds a space or a digit"),
        ("Phrase\n-", "line 2: '-' holds no word"),
        ("Phrase\n", "holds no phrase"),
        (f"Phrase\n{'a' * 300}", "1 to 256 characters"),
    ],
)
def test_a_table_that_cannot_be_used_names_its_line(text: str, message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        parse_table(text)


@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), max_size=4),
    st.lists(st.tuples(WORDS, st.lists(WORDS, max_size=2)), max_size=10),
    st.sampled_from(["mask", "remove", "tag"]),
)
def test_what_a_filter_leaves_stable_stays(
    phrases: list[str], spoken: list[tuple[str, list[str]]], method: str
) -> None:
    """A stream grows word by word; those after the Stable ones are others each time."""
    chosen = Filter([phrase.casefold() for phrase in phrases], method)
    kept: list[tuple[str, bool]] = []
    for number, (_, rest) in enumerate(spoken):
        texts = [*(text for text, _ in spoken[:number]), *rest]
        found = chosen.apply(_items(texts, number), final=False)
        now = [(item.text, item.filtered) for item in found if item.stable]
        assert now[: len(kept)] == kept
        assert all(item.stable for item in found[: len(now)])
        kept = now
    found = chosen.apply(_items([text for text, _ in spoken], len(spoken)), final=True)
    assert [(item.text, item.filtered) for item in found][: len(kept)] == kept
    assert all(item.stable for item in found)


def _items(texts: list[str], stable: int) -> list[Item]:
    return [
        Item(text, index, index + 1, text != ",", stable=index < stable) for index, text in enumerate(texts)
    ]


def test_what_a_vocabulary_shows_is_shown_as_it_stands() -> None:
    spelling = Spelling(parse_table("Phrase\tDisplayAs\ndot-net\t.NET\nisc\t(ISC)\nplus\tC++\n"))
    items = items_of(spelling.apply(words("dot net, isc plus.")))
    assert [item.text for item in items] == [".NET", ",", "(ISC)", "C++", "."]


def test_spanish_marks_that_open_a_sentence_stay_with_its_first_word() -> None:
    items = items_of(words("¿Cómo estás?"))
    assert [item.text for item in items] == ["¿Cómo", "estás", "?"]
    assert text_of(items) == "¿Cómo estás?"
    assert [item.text for item in Filter(["cómo"], "mask").apply(items)] == ["***", "estás", "?"]
    assert spelled(Spelling(parse_table("Phrase\tDisplayAs\nespana\tEspaña")), "¿Espana?") == "¿España?"
