"""An owner's concepts: those of a file and those of a lake's codes, as the lake has them now."""

from __future__ import annotations

from pathlib import Path

import pytest

from brume.aws.engine.catalog import EngineError
from brume.records.engine.kendra.own_terms import OwnTerms
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.search.concepts import Term
from brume.records.model.search.lake_terms import keep_terms, read_lake_terms
from tests.components.records.exports import Json, write

SNOMED = "http://snomed.info/sct"


def condition(identity: str, code: str, *displays: str) -> Json:
    codings = [{"system": SNOMED, "code": code, "display": display} for display in displays]
    return {"resourceType": "Condition", "id": identity, "code": {"coding": codings}}


def test_codes_are_named_by_all_their_displays(tmp_path: Path, lake: Lake) -> None:
    coding = {"system": SNOMED, "code": "7", "display": "Aspirin"}
    listed = [condition("a", "1", "Gout", "Urate gout"), condition("b", "1", "Gout"), condition("c", "2", "")]
    listed.append({"resourceType": "Medication", "id": "m", "code": {"coding": [coding]}})
    ingest.run(write(tmp_path / "in", {"a.ndjson": listed}), lake, processes=1)
    assert keep_terms(lake) == 2
    assert read_lake_terms(lake) == [
        Term(SNOMED, "1", "Gout", ("Urate gout",)),
        Term(SNOMED, "7", "Aspirin"),
    ]
    number = lake.snapshot().number
    assert keep_terms(lake) == 2 and lake.snapshot().number == number


def test_what_a_lake_has_anew_is_found(tmp_path: Path, lake: Lake) -> None:
    file = tmp_path / "own.tsv"
    file.write_text(f"{SNOMED}\t9\tSpring fever\n")
    own = OwnTerms(str(file), lake.uri)
    assert [term.code for term in own.current()[0]] == ["9"]  # the lake is not there yet
    source = tmp_path / "in"
    ingest.run(write(source, {"a.ndjson": [condition("a", "1", "Gout")]}), lake, processes=1)
    keep_terms(lake)
    terms, finder = own.current()
    assert [term.code for term in terms] == ["9", "1"]
    found = finder.find("He has gout, and spring fever.")
    assert [one.concepts[0].code for one in found] == ["1", "9"]
    assert own.current()[1] is finder
    ingest.run(write(source, {"a.ndjson": [condition("a", "2", "Mumps")]}), lake, processes=1)
    keep_terms(lake)
    assert [term.code for term in own.current()[0]] == ["9", "2"]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.tsv").write_text("gout\n")
    with pytest.raises(EngineError, match=r"own\.tsv: line 1 of the concepts"):
        OwnTerms(str(tmp_path / "own.tsv"), "")
