"""What sentences state of a mention: the labelled ones, and each kind of fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from brume.records.model.entity import Trait
from tests.components.records.terminologies import entities, named

STATED = {
    "negated": Trait.NEGATION,
    "past": Trait.PAST_HISTORY,
    "family": Trait.FAMILY,
    "possible": Trait.LOW_CONFIDENCE,
    "hypothetical": Trait.HYPOTHETICAL,
}
LINES = (Path(__file__).parent / "labelled/tuned-context.tsv").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("line", LINES)
def test_a_labelled_sentence(line: str) -> None:
    sentence, section, mention, stated = line.split("\t")
    text = f"{section.upper()}:\n{sentence}" if section else sentence
    begin = text.index(mention)
    here = [one for one in entities(text) if one.begin < begin + len(mention) and begin < one.end]
    assert here, "the mention is not found"
    found = {name for name, trait in STATED.items() if any(one.has(trait) for one in here)}
    assert found == (set() if stated == "none" else set(stated.split("+")))


def test_a_section_gives_what_its_sentences_do_not_state() -> None:
    text = "PMH: COPD, gout.\nFAMILY HISTORY: Asthma.\nASSESSMENT: Pneumonia."
    assert named(text) == {
        "copd": {Trait.PAST_HISTORY},
        "gout": {Trait.PAST_HISTORY},
        "asthma": {Trait.FAMILY},
        "pneumonia": set(),
    }


def test_a_scope_ends_with_its_sentence_and_at_another_statement() -> None:
    assert named("No fever. Cough.") == {"fever": {Trait.NEGATION}, "cough": set()}
    assert named("No fever but chills") == {"fever": {Trait.NEGATION}, "chills": set()}
    assert named("Mother with stroke, and the patient has gout") == {"stroke": {Trait.FAMILY}, "gout": set()}


def test_a_heading_is_no_mention() -> None:
    assert named("ALLERGIES:\nNone known.\n# Chief Complaint\n- Cough\n") == {"cough": set()}


@pytest.mark.parametrize("text", ["No ſigns of asthma.", "Rİsk of asthma.", "No sıgn of asthma."])
def test_letters_that_are_another_in_the_other_case_are_no_error(text: str) -> None:
    assert "asthma" in named(text)
