"""The choice of what finds entities: here, the service through a client, and what an export has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.aws.engine.catalog import Settings
from brume.records.engine import engine
from brume.records.model.entity import CodeSystem, Trait
from brume.records.model.nlp import comprehend, healthlake
from brume.records.model.note import Note
from brume.records.pipeline import extractors
from tests.aws.serving import KEY, serve_engine
from tests.components.records.terminologies import extractor

TEXT = "She takes metformin 500 mg daily for diabetes and denies chest pain. Mother had gout."
NOTE = Note("DocumentReference/d1/0", "p1", TEXT)


def bare(entities: Any) -> list[Any]:
    """Return what an answer of Comprehend Medical can hold of entities: the best code, no section."""
    return [
        (one.begin, one.end, one.text, one.type, one.traits, one.concepts[:1],
         [(each.begin, each.text, each.type) for each in one.attributes])
        for one in entities
        if one.category != "PROTECTED_HEALTH_INFORMATION"
    ]  # fmt: skip


def test_the_service_finds_what_the_local_extractor_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = extractor()
    note = Note("DocumentReference/d1/0", "p1", "Filler words. \n\n" * 700 + TEXT)
    with serve_engine(engine.create(Settings(tmp_path))) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_COMPREHENDMEDICAL", url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        chosen = extractors.choose("comprehendmedical", lambda _: None)
        assert chosen is not None and chosen.version == local.version
        found = chosen.extract(note)
    assert bare(found) == bare(local.extract(note))
    assert all(note.text[one.begin : one.end] == one.text for one in found)


def document(raw: bool) -> dict[str, Any]:
    entities = extractor().extract(NOTE)
    icd10 = comprehend.icd10cm(entities, lambda one: one.concepts)
    made = healthlake.extension(icd10, comprehend.rxnorm(entities), comprehend.detected(entities), "1")
    if not raw:  # as HealthLake's own, which is not JSON
        for part in made["extension"][:3]:
            part["extension"][0]["valueString"] = "{Entities: [{Id: 0"
    return {"resourceType": "DocumentReference", "id": "d1", "extension": [{"url": "http://other"}, made]}


@pytest.mark.parametrize("raw", [True, False])
def test_what_an_export_has_is_taken(raw: bool) -> None:
    resources = {"DocumentReference/d1": document(raw)}
    chosen = extractors.choose("present", resources.get)
    assert chosen is not None
    found = chosen.extract(NOTE)
    local = extractor().extract(NOTE)
    if raw:
        assert bare(found) == bare(local)
    assert [(one.begin, one.text, one.category) for one in found] == [
        (one.begin, one.text, one.category) for one in local
    ]
    codes = {one.text: one.concepts[0].code for one in found if one.concepts}
    assert codes == {"diabetes": "E11.9", "chest pain": "R07.9", "gout": "M10.9"}
    assert all(each.system == CodeSystem.ICD10CM for one in found for each in one.concepts)
    assert not chosen.extract(Note("DocumentReference/d1/1", "p1", TEXT))  # another content
    assert not chosen.extract(Note("DocumentReference/d2/0", "p1", TEXT))


def test_a_document_without_the_extension_has_none() -> None:
    assert healthlake.present({"resourceType": "DocumentReference"}) == ()
    assert healthlake.present({"extension": [{"url": healthlake.EXTENSION}]}) == ()


def test_a_trait_that_is_not_known_is_left_out() -> None:
    one = {"Id": 0, "BeginOffset": 0, "EndOffset": 4, "Text": "gout", "Category": "MEDICAL_CONDITION"}
    one |= {
        "Type": "DX_NAME",
        "Score": 0.9,
        "Traits": [{"Name": "FUTURE", "Score": 1.0}, {"Name": "SIGN", "Score": 0.5}],
    }
    (found,) = comprehend.read({"Entities": [one]}, {}, {}, 5)
    assert (found.begin, found.end, found.traits) == (5, 9, ((Trait.SIGN, 0.5),))


def test_choices_are_named() -> None:
    assert extractors.choose("none", lambda _: None) is None
    with pytest.raises(ValueError, match="nlp=lokal must be one of local, comprehendmedical, present, none"):
        extractors.choose("lokal", lambda _: None)


@given(st.text("ab .\n", max_size=120), st.integers(3, 30))
def test_parts_together_are_the_text(text: str, most: int) -> None:
    found = list(extractors.parts(text, most))
    assert "".join(part for _, part in found) == text
    assert all(len(part) <= most and text[begin : begin + len(part)] == part for begin, part in found)
