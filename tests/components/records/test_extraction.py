"""Conditions, drugs, codes and personal data of notes, found at their places."""

from __future__ import annotations

import bz2
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume import weights
from brume.records.model.entity import Trait
from brume.records.model.nlp import drugs, icd10cm, rxnorm
from brume.records.model.nlp.rxnorm import DrugCodes, TerminologyError
from tests.components.records.planted import TUNED, planted_notes
from tests.components.records.terminologies import entities, extractor

TABULAR = """<?xml version="1.0" encoding="utf-8"?><ICD10CM.tabular><chapter><section id="J45">
<diag><name>J45</name><desc>Asthma</desc><includes><note>atopic asthma</note></includes>
<diag><name>J45.9</name><desc>Other and unspecified asthma</desc>
<diag><name>J45.90</name><desc>Unspecified asthma</desc>
<inclusionTerm><note>Childhood asthma NOS</note></inclusionTerm>
</diag></diag></diag>
<diag><name>C50</name><desc>Malignant neoplasm of breast</desc></diag>
<diag><name>I10</name><desc>Essential (primary) hypertension</desc>
<includes><note>high blood pressure</note></includes></diag>
<diag><name>W11</name><desc>Fall on and from ladder</desc></diag>
</section></chapter></ICD10CM.tabular>"""


def codes(text: str) -> dict[str, str]:
    return {
        one.text: one.concepts[0].code[:3]
        for one in entities(text)
        if one.category == "MEDICAL_CONDITION" and one.concepts
    }


@pytest.mark.parametrize(
    ("phrase", "category"),
    [
        ("squamous cell carcinoma of the tongue", "C02"),  # the table of neoplasms: a site and `cancer`
        ("hernia", "K46"),  # not the congenital one
        ("arthritis of the knee", "M17"),  # a joint's
        ("pneumonia", "J18"),  # the default
        ("High blood pressure", "I10"),  # of `includes` alone
        ("oedema", "R60"),
        ("cardiac failure", "I50"),
        ("prior MI", "I25"),  # an abbreviation in a longer name
        ("DJD of the knee", "M17"),
        ("hep B", "B19"),  # the default of the index: neither acute nor chronic
        ("enlarged adenoids", "J35"),
        ("Ovarian tumor, malignant", "C56"),
        ("neutropenic fever", "D70"),
        ("traumatic subdural hematoma", "S06"),
        ("infected surgical wound", "T81"),
        ("actinic keratoses", "L57"),  # a plural of Greek
        ("klebsiella pneumonia", "J15"),  # of a germ
        ("bone mets", "C79"),  # of a cancer that has spread
        ("type 1 diabetes with neuropathy", "E10"),  # what comes of diabetes, by its type
        ("SAH", "I60"),  # of no injury, where none is named
        ("farsighted", "H52"),  # as people say it
        ("MGUS", "D47"),
    ],
)
def test_the_code_of_a_phrase(phrase: str, category: str) -> None:
    assert extractor().linker.link(phrase)[0].code[:3] == category


def test_terms_are_found_in_any_order_and_across_a_line_end() -> None:
    assert codes("Cancer of the left breast. Acute renal\nfailure.") == {
        "Cancer of the left breast": "C50",
        "Acute renal\nfailure": "N17",
    }
    assert set(codes("fever, chest pain, heart failure")) == {"fever", "chest pain", "heart failure"}


def test_a_mention_begins_with_its_type() -> None:
    assert codes("Known type 2 diabetes mellitus; a brother has type I diabetes.") == {
        "type 2 diabetes mellitus": "E11",
        "type I diabetes": "E10",
    }


def test_a_surname_is_no_condition() -> None:
    text = "Mr. Gout and John Graves came. Gout denies Graves disease. Frank hematuria. Dr. Parkinson."
    assert [one.text for one in entities(text)] == ["Graves disease", "hematuria"]


def test_an_abbreviation_that_is_a_word_is_meant_in_capitals_alone() -> None:
    assert codes("He has AIDS and uses hearing aids. PE was seen on pe.") == {"AIDS": "B20", "PE": "I26"}
    text = (
        "NPH insulin. Abdomen TTP, GBS swab sent. TMJ moves well. A double-blind trial. GAD-7 was 4. We met."
    )
    assert codes(text) == {}


def test_a_procedure_is_no_condition() -> None:
    """Synthea's notes list procedures by SNOMED's names: "assessment of anxiety (procedure)"."""
    text = (
        "The following procedures were conducted:\n- assessment of anxiety (procedure)\n"
        "- skin test for tuberculosis, tine test (procedure)\n"
        "Patient has anemia (disorder), depression screening (procedure), fever. Pain control, body mass."
    )
    assert [one.text for one in entities(text)] == ["anemia", "fever"]


def test_drugs_with_what_is_stated_of_them() -> None:
    (found,) = entities("Take two tablets. Lipitor 20 mg po nightly for 30 days")
    assert (found.type, [(one.type, one.text) for one in found.attributes]) == (
        "BRAND_NAME",
        [
            ("STRENGTH", "20 mg"),
            ("ROUTE_OR_MODE", "po"),
            ("FREQUENCY", "nightly"),
            ("DURATION", "for 30 days"),
        ],
    )
    first, second = entities("metoprolol 25 mg bid, aspirin 81 mg daily")
    assert [one.text for one in first.attributes] == ["25 mg", "bid"]
    assert [one.text for one in second.attributes] == ["81 mg", "daily"]


def test_a_misspelt_drug_is_believed_by_what_is_beside_it() -> None:
    assert [one.text for one in entities("Started on metfromin for sugar. lisinoprl 10 mg daily.")] == [
        "metfromin",
        "lisinoprl",
    ]
    assert not entities("The metfromin was a word.")
    assert not [one for one in entities("No antibiotics; blood group A.") if one.category == "MEDICATION"]


def test_a_drug_that_is_denied_is_negated() -> None:
    (found,) = entities("She does not take warfarin.")
    assert found.has(Trait.NEGATION)


def test_codes_of_drugs_come_from_the_users_own_names() -> None:
    known = DrugCodes(
        [
            ("29046", "lisinopril"),
            ("314076", "lisinopril 10 MG Oral Tablet"),
            ("314077", "lisinopril 20 MG Oral Tablet"),
        ]
    )
    assert known.link("lisinopril", "lisinopril 10 mg oral tablet")[0].code == "314076"
    assert known.link("lisinopril", "lisinopril")[0].code == "29046"
    assert known.link("warfarin", "warfarin") == ()
    assert known.version != DrugCodes([("29046", "lisinopril")]).version


def test_rxnorms_file_is_read_and_a_wrong_line_named(tmp_path: Path) -> None:
    line = "6809|ENG||||||1||||{source}|IN|6809|metformin||{suppressed}|4096|\n"
    (tmp_path / "RXNCONSO.RRF").write_text(
        line.format(source="RXNORM", suppressed="N")
        + line.format(source="MTHSPL", suppressed="N")
        + line.format(source="RXNORM", suppressed="O")
    )
    assert list(rxnorm.read(str(tmp_path))) == [("6809", "metformin")]
    (tmp_path / "RXNCONSO.RRF").write_text(line + "6809|ENG\n")
    with pytest.raises(TerminologyError, match=r"RXNCONSO.RRF, line 2: 2 columns"):
        list(rxnorm.read(str(tmp_path)))


def test_a_tabular_list_becomes_terms(tmp_path: Path) -> None:
    (tmp_path / "list.xml").write_text(TABULAR)
    rows = {(row["code"], tuple(row["key"])) for row in icd10cm.build(tmp_path / "list.xml").to_pylist()}
    assert {
        ("J45", ("asthma",)),
        ("J45", ("asthma", "atopic")),
        ("J45.90", ("asthma", "childhood")),
        ("C50", ("breast", "cancer")),
        ("I10", ("essential", "hypertension")),
        ("I10", ("blood", "high", "pressure")),
    } <= rows
    assert not any(code == "W11" for code, _ in rows)


def test_a_dictionary_with_more_than_plain_values_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    path = tmp_path / "drugs.pkl.bz2"
    path.write_bytes(bz2.compress(pickle.dumps({"names": Path(mark)})))
    with pytest.raises(weights.WeightsError, match=r"is no dictionary of drugs: it names pathlib"):
        drugs.read(path)
    path.write_bytes(b"no archive")
    with pytest.raises(weights.WeightsError, match="is no dictionary of drugs"):
        drugs.read(path)


def test_planted_personal_data_is_found() -> None:
    found = total = 0
    for text, planted in planted_notes(TUNED, 100, seed=7):
        spans = [(one.begin, one.end) for one in extractor().personal(text)]
        found += sum(any(a <= begin and end <= b for a, b in spans) for begin, end, _ in planted)
        total += len(planted)
    assert found >= 0.99 * total


def test_known_names_are_found_wherever_they_are() -> None:
    text = "zofia will call. ZOFIA WRONA signed."
    found = extractor().personal(text, ["Zofia Wrona"])
    assert [one.text for one in found] == ["zofia", "ZOFIA WRONA"]


@given(st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_entities_at_their_places(text: str) -> None:
    found = [*entities(text), *extractor().personal(text)]
    for one in [*found, *(each for entity in found for each in entity.attributes)]:
        assert 0 <= one.begin < one.end <= len(text) and text[one.begin : one.end] == one.text
    assert entities(text) == [one for one in found if one.category != "PROTECTED_HEALTH_INFORMATION"]
