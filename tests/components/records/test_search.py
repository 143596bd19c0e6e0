"""The index of search: what is put and taken out, ranking, answers, and who reads what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from brume.records.model.search import ranking
from brume.records.model.search.concepts import Match
from brume.records.model.search.document import Access, Document, Grant, Principal, Reader
from brume.records.model.search.filters import All
from brume.records.model.search.index import WIDTH, Query, SearchIndex
from brume.records.model.search.lexical import Lexical
from brume.records.model.search.questions import Questions
from brume.records.model.search.vectors import VectorFile
from tests.components.records.searching import Hashing, documents, order


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["asthma", "gout", ""])), max_size=12))
def test_an_index_that_was_changed_is_one_that_was_made_anew(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str]]
) -> None:
    changed = SearchIndex(tmp_path_factory.mktemp("vectors"), Hashing())
    state: dict[str, str] = {}
    for name, text in changes:
        if text:
            state[name] = f"{text} of {name}"
            changed.put(documents({name: state[name]}))
        else:
            state.pop(name, None)
            changed.delete([name])
    fresh = SearchIndex(tmp_path_factory.mktemp("vectors"), Hashing())
    fresh.put(documents(state))
    assert len(changed) == len(fresh) == len(state)
    for text in ("asthma", "gout"):
        assert set(order(changed, text)) == set(order(fresh, text))


def test_documents_that_fit_equally_well_have_one_order_however_they_came(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Pages of a search stay what they are when an engine starts again."""
    found = []
    for names in ("abcdefgh", "hgfedcba"):
        index = SearchIndex(tmp_path_factory.mktemp("vectors"), Hashing())
        for name in names:
            index.put(documents({name: "asthma"}))
        found.append(order(index, "asthma"))
    assert found[0] == found[1] and len(found[0]) == 8


def test_an_embedding_is_computed_once_and_a_torn_record_again(tmp_path: Path) -> None:
    first = Hashing()
    made = VectorFile(tmp_path, first, WIDTH).encode(["asthma", "gout", "asthma"])
    assert first.texts == ["asthma", "gout"]
    (path,) = tmp_path.glob("vectors-*.bin")
    with path.open("ab") as file:
        file.write(b"torn")
    again = Hashing()
    kept = VectorFile(tmp_path, again, WIDTH).encode(["asthma", "gout", "asthma"])
    assert again.texts == []
    assert np.array_equal(made, kept)
    path.write_bytes(path.read_bytes()[:-10])
    VectorFile(tmp_path, again, WIDTH).encode(["asthma", "gout"])
    assert again.texts == ["gout"]


def test_a_query_that_is_asked_again_is_embedded_once_and_written_nowhere(tmp_path: Path) -> None:
    encoder = Hashing()
    file = VectorFile(tmp_path, encoder, WIDTH)
    first = file.queries(["asthma", "gout"])
    assert np.array_equal(file.queries(["gout", "asthma", "gout"]), first[[1, 0, 1]])
    assert encoder.texts == ["asthma", "gout"]
    for number in range(300):
        file.queries([f"asthma {number}"])
    file.queries(["gout"])
    assert encoder.texts[-1] == "gout"
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [0]


def test_hidden_documents_do_not_push_visible_ones_out() -> None:
    lexical = Lexical()
    for ordinal in range(2500):
        lexical.add(ordinal, "asthma", "asthma " * (3 if ordinal < 2490 else 1))
    lexical.commit()
    among = np.zeros(2500, bool)
    among[2490:] = True
    ordinals, _ = lexical.scores("asthma", (), among)
    assert sorted(ordinals) == list(range(2490, 2500))


def test_a_sure_concept_goes_before_words_and_an_unsure_one_does_not(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path, None)
    index.put(
        documents(
            {
                "concept": "Essential hypertension.",
                "words": "Blood was high in sugar; the pressure of the tyres was high. High blood. Pressure!",
            }
        )
    )
    assert order(index, "high blood pressure") == ["concept", "words"]
    assert order(index, "high tyres")[0] == "words"


def test_a_concept_that_was_taken_away_finds_nothing(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path, None)
    index.put(documents({"a": "Essential hypertension.", "b": "Gout."}))
    (match,) = index.search(Query("high blood pressure", Reader())).matches
    assert (match.id, match.display, match.name) == ("s|1", "Essential hypertension", "high blood pressure")
    without = index.search(Query("high blood pressure", Reader(), without=frozenset({match.id})))
    assert list(without.matches) == [] and len(without) == 0  # nor is it by its other names


def test_a_query_that_is_the_name_of_a_concept_is_about_no_other(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path, None)
    index.put(documents({"two": "Diabetes mellitus type 2.", "any": "Diabetes mellitus."}))
    assert [match.id for match in index.search(Query("diabetes mellitus type 2", Reader())).matches] == [
        "s|2"
    ]
    assert len(index.search(Query("diabetes mellitus of adults", Reader())).matches) == 2


def test_two_parts_of_a_query_add_up(tmp_path: Path) -> None:
    index = SearchIndex(tmp_path, None)
    index.put(
        documents(
            {
                "pressure": "Essential hypertension.",
                "sugar": "Diabetes mellitus type 2.",
                "both": "Essential hypertension. Also noted and treated: diabetes mellitus type 2.",
            }
        )
    )
    assert order(index, "diabetes mellitus type 2 with essential hypertension")[0] == "both"


def test_the_best_score_says_how_sure_it_is_and_ties_have_one_score() -> None:
    among = np.ones(4, bool)
    lexical = (np.array([2, 3, 1]), np.array([5.0, 5.0, 1.0]))
    found = ranking.fuse(([], np.zeros(4)), lexical, 0.5, None, among)
    assert list(found.ordinals) == [2, 3, 1]
    assert found.scores[0] == found.scores[1] == 0.5 > found.scores[2] > 0
    near = np.array([0.2, 0.9, 0.1, 0.1], np.float32)
    assert list(ranking.fuse(([], np.zeros(4)), lexical, 0.5, near, among).ordinals) == [1, 2, 3]
    assert list(ranking.fuse(([], np.zeros(4)), lexical, 1.0, near, among).ordinals)[:2] == [2, 3]


def test_nothing_of_what_a_reader_may_not_read_counts() -> None:
    among = np.array([False, True, True])
    matches = [Match("s|1", "Gout", "gout", 0.9, 0)]
    lexical = (np.array([1]), np.array([1.0]))
    found = ranking.fuse((matches, np.array([0.9, 0.0, 0.0])), lexical, 1.0, None, among)
    assert list(found.ordinals) == [1]


PATIENTS = st.sampled_from(["", "p1", "p2"])
USERS = st.frozensets(st.sampled_from(["ann", "bob", "cid"]), max_size=2)


def access_for(users: frozenset[str]) -> Access:
    return (tuple(Grant(Principal(user)) for user in sorted(users)),) if users else ()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["asthma", "gout"]), USERS, PATIENTS), max_size=6))
def test_answers_are_those_of_the_reader(entered: list[tuple[str, frozenset[str], str]]) -> None:
    entries = [
        Document(str(number), "answer", f"Who has {what}?", access=access_for(users), patient=patient)
        for number, (what, users, patient) in enumerate(entered)
    ]
    reader = Reader(frozenset({Principal("ann")}), frozenset({"p1"}))
    found = Questions(entries, None).find("who has gout", reader, All(()))
    expected = {
        str(number)
        for number, (what, users, patient) in enumerate(entered)
        if what == "gout" and (not users or "ann" in users) and patient in ("", "p1")
    }
    assert {entry.id for entry, _ in found} == expected


def test_a_question_in_other_words_is_found_by_its_meaning(tmp_path: Path) -> None:
    class Synonyms(Hashing):
        """A test double of an encoder: it knows that two words mean the same."""

        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().encode([text.replace("guests", "visitors") for text in texts])

    entry = Document("a", "From two to six.", "When are visitors welcome?")
    file = VectorFile(tmp_path, Synonyms(), WIDTH)
    for asked, expected in (("when are guests welcome", [entry]), ("who has gout", [])):
        assert [one for one, _ in Questions([entry], file).find(asked, Reader(), All(()))] == expected
    assert Questions([entry], None).find("guests", Reader(), All(())) == []


@settings(max_examples=12)
@given(st.lists(USERS, min_size=1, max_size=4), USERS)
def test_access_that_was_changed_is_that_of_an_index_made_with_it(
    tmp_path_factory: pytest.TempPathFactory, before: list[frozenset[str]], after: frozenset[str]
) -> None:
    def made(lists: Sequence[frozenset[str]]) -> SearchIndex:
        index = SearchIndex(tmp_path_factory.mktemp("vectors"), None)
        index.put([Document(str(n), "Gout.", access=access_for(users)) for n, users in enumerate(lists)])
        return index

    changed, fresh = made(before), made([after, *before[1:]])
    changed.grant(["0", "nowhere"], access_for(after))
    for user in ("ann", "bob", "cid"):
        query = Query("gout", Reader(frozenset({Principal(user)})))
        assert {one.id for one in changed.search(query).documents} == {
            one.id for one in fresh.search(query).documents
        }
