"""Texts of search: passages, highlights, names of concepts, and what lay people say."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.records.model.entity import CodeSystem, Trait
from brume.records.model.search.concepts import Term, ingredient, plain
from brume.records.model.search.excerpts import Wanted, passages
from brume.records.model.search.sections import count_tokens, sentences, windows
from brume.records.model.search.terms import TermFinder, TermsError, read_terms, write_terms
from brume.records.model.search.thesaurus import (
    Thesaurus,
    ThesaurusError,
    lay_terms,
    lay_variants,
    parse_solr,
)
from brume.records.model.search.words import stems
from tests.components.records.searching import TERMS

TEXTS = st.text(st.sampled_from("abc ABC.:;!?\n#-*é😀(),0123456789"), max_size=400)


@given(TEXTS, st.integers(1, 30))
def test_passages_cover_the_sentences_and_keep_their_limit(text: str, tokens: int) -> None:
    found = windows(text, tokens)
    assert all(0 < count_tokens(span.of(text)) <= tokens for span in found)
    assert all(first.end <= second.begin for first, second in pairwise(found))
    inside = "".join(span.of(text) for span in found)
    whole = "".join(span.of(text) for span in sentences(text))
    assert "".join(inside.split()) == "".join(whole.split())


@given(TEXTS)
def test_highlights_lie_in_their_passage_and_do_not_overlap(text: str) -> None:
    wanted = Wanted({"abc": 1.0, "a": 0.5}, {"bc": 1.0}, frozenset())
    for passage in passages(text, (), wanted, 12):
        assert passage.text == passage.span.of(text)
        end = 0
        for mark in passage.highlights:
            assert end <= mark.begin < mark.end <= len(passage.text)
            assert set(stems(passage.text[mark.begin : mark.end])) & {"abc", "a", "bc"}
            end = mark.end


def test_terms_are_found_in_any_form_the_longest_first_with_their_traits() -> None:
    text = "No diabetes mellitus of type 2. Diabetes mellitus, and Adult onset\ndiabetes in the mother."
    found = TermFinder(TERMS).find(text)
    assert [(entity.concepts[0].code, text[entity.begin : entity.end]) for entity in found] == [
        ("2", "diabetes mellitus of type 2"),
        ("3", "Diabetes mellitus"),
        ("2", "Adult onset\ndiabetes"),
    ]
    assert [entity.has(Trait.NEGATION) for entity in found] == [True, False, False]
    assert found[2].has(Trait.FAMILY)


def test_a_mention_is_of_the_kind_that_its_concept_is() -> None:
    finder = TermFinder(
        [
            Term(CodeSystem.RXNORM, "723", "amoxicillin"),
            Term(CodeSystem.SNOMED, "265764009", "Renal dialysis (procedure)"),
            Term(CodeSystem.SNOMED, "195967001", "Asthma (disorder)"),
        ]
    )
    found = finder.find("Asthma. Renal dialysis, and amoxicillin 500 mg.")
    assert [entity.category for entity in found] == [
        "MEDICAL_CONDITION",
        "TEST_TREATMENT_PROCEDURE",
        "MEDICATION",
    ]


def test_a_list_of_concepts_is_read_as_it_was_written_and_a_bad_line_named() -> None:
    assert read_terms(write_terms(TERMS)) == TERMS
    with pytest.raises(TermsError, match="line 2"):
        read_terms("system\tcode\tdisplay\ns\t1\n")


def test_names_of_drugs_and_tags_of_snomed() -> None:
    assert plain("Anemia (disorder)") == "Anemia"
    assert plain("Severe anxiety (panic) (finding)") == "Severe anxiety (panic)"
    assert ingredient("24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet") == (
        "Metformin hydrochloride"
    )
    assert ingredient("Asthma") == ""


def test_a_thesaurus_takes_the_longest_part_and_names_a_bad_line() -> None:
    rules = parse_solr(
        "# comment\nblood pressure, BP\nhigh blood pressure => hypertension\nbp => hypertension"
    )
    found = Thesaurus(rules).expand("my high blood pressures today")
    assert [(one.query, one.phrase) for one in found] == [("my hypertension today", "hypertension")]
    assert {one.phrase for one in Thesaurus(rules).expand("BP")} == {"blood pressure", "hypertension"}
    with pytest.raises(ThesaurusError, match="line 2"):
        parse_solr("a, b\nalone")
    assert all(phrase == phrase.lower() and terms for phrase, terms in lay_terms())


def test_lay_words_are_known_in_other_words_of_the_same_meaning() -> None:
    known = Thesaurus(lay_variants())

    def meant(query: str) -> set[str]:
        return {one.phrase for one in known.expand(query)}

    assert meant("blood pressure capsules") >= {"lisinopril", "amlodipine"}
    assert meant("seizure tablets") == meant("seizure medicine")
    assert "osteoarthritis of knee" in meant("the worn out knee")
