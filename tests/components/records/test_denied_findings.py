"""Findings that a text denies and that no term names: mentions without a code, and what is none."""

from __future__ import annotations

import pytest

from brume.records.model.entity import CodeSystem, Concept, Entity, Trait
from brume.records.model.graph.statements import Choice, stated
from brume.records.model.nlp import comprehend, healthlake
from tests.components.records.terminologies import entities, extractor


def uncoded(text: str) -> list[str]:
    """Return the conditions without a code, of which each has to be denied."""
    found = [one for one in entities(text) if one.category == "MEDICAL_CONDITION" and not one.concepts]
    assert all(one.has(Trait.NEGATION) and text[one.begin : one.end] == one.text for one in found)
    return [one.text for one in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("No saccadic intrusions.", ["saccadic intrusions"]),
        ("In no acute distress.", ["distress"]),
        ("Denies cravings, relapse, or withdrawal symptoms.", ["cravings", "relapse", "withdrawal symptoms"]),
        ("Extraocular movements full without entrapment.", ["entrapment"]),
        ("He has not noticed any dark urine.", ["dark urine"]),
        ("Absence of Babinski's sign.", ["Babinski's sign"]),
        ("Free of malodor, entrapment and dark urine.", ["malodor", "entrapment", "dark urine"]),
        ("Negative for filling defect or lid lag.", ["filling defect", "lid lag"]),
        ("Pulsus paradoxus absent.", ["Pulsus paradoxus"]),
        ("Lid lag was not seen.", ["Lid lag"]),
        ("Tongue biting denied.", ["Tongue biting"]),
        ("Tongue biting: none", ["Tongue biting"]),
        ("No hemodynamic instability overnight.", ["hemodynamic instability"]),
    ],
)
def test_what_is_denied_is_a_mention_without_being_a_term(text: str, found: list[str]) -> None:
    assert uncoded(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "No change in her medications.",
        "No known drug allergies.",
        "No further questions were asked.",
        "No one at home is ill.",
        "No siblings, no pets, no recent travel.",
        "There is no plan to operate.",
        "No transfusion or colectomy since the last visit.",
        "Denies tobacco use, alcohol, and illicit drugs.",
        "No Dr. Smith available.",
        "No lifting over ten pounds for two weeks.",
        "No more than 3 g daily.",
        "No longer drives.",
        "Denies that he fell.",
        "No, he went home.",
        "Allergies: none",
        "Last menstrual period: none",
        "Bowel movements absent.",
        "The appendix is not seen.",
        "Without prompting he apologised.",
    ],
)
def test_what_is_no_finding_is_none(text: str) -> None:
    assert uncoded(text) == []


def test_a_list_ends_where_the_state_of_something_else_begins() -> None:
    assert uncoded("No malodor, abdomen soft, lid position normal.") == ["malodor"]
    assert uncoded("No entrapment but lid lag.") == ["entrapment"]


def test_a_drug_that_is_not_taken_stays_a_drug() -> None:
    (aspirin,) = entities("She takes no aspirin.")
    assert (aspirin.category, aspirin.text) == ("MEDICATION", "aspirin")


def test_a_finding_without_a_code_is_in_what_needs_none_alone() -> None:
    found = entities("No malodor.")
    assert [one["Text"] for one in comprehend.detected(found)["Entities"]] == ["malodor"]
    assert comprehend.icd10cm(found, lambda one: extractor().codes(one, 5)) == {"Entities": []}
    assert healthlake.resources("d", "p", found) == []
    assert [stated(one, Choice()) for one in found] == [None]


def test_an_extension_has_no_empty_list_of_codes_for_a_condition() -> None:
    gout = Entity(0, 4, "gout", "MEDICAL_CONDITION", "DX_NAME", 0.9, (),
                  (Concept(CodeSystem.ICD10CM, "M10.9", "Gout", 0.9),))  # fmt: skip
    found = [gout, *entities("No malodor.")]
    document, _ = healthlake.annotated({"id": "d"}, "p", found, found, "1")
    icd10, _, detected = document["extension"][0]["extension"][:3]
    assert sum(one["url"].endswith("-entity") for one in icd10["extension"]) == 1
    assert sum(one["url"].endswith("-entity") for one in detected["extension"]) == 2
