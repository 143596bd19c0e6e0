"""An index is brought to a lake's notes: what changed is put, what is gone deleted, a kill made good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brume.aws.client import client
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.notes.making import make
from brume.records.model.search.judging import JudgedError
from brume.records.model.search.lake_terms import keep_terms
from brume.records.pipeline import judged, notes_index
from brume.records.pipeline.documents import moment
from brume.records.pipeline.notes_index import Brought, NotesIndexError, bring
from tests.aws.serving import KEY, serve_engine
from tests.components.records.exports import Json, document, patient, write
from tests.components.records.kendra import found, plain_engine

GOUT = {"system": "http://snomed.info/sct", "code": "90560007", "display": "Podagra"}
NOTES = {
    "a": document("a", "Seen for podagra.", status="current", date="2024-05-01T10:00:00+02:00"),
    "b": document("b", "Asthma is stable.", status="superseded", date="2023"),
    "c": document("c", "No complaints today."),
}


@pytest.fixture(scope="module")
def kendra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("engine")
    with pytest.MonkeyPatch.context() as patch, serve_engine(plain_engine(folder, patch)) as url:
        patch.setenv("AWS_ENDPOINT_URL_KENDRA", url)
        patch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        yield client("kendra")


def take_in(lake: Lake, folder: Path, notes: Mapping[str, Json], *others: Json) -> None:
    """Make notes and concepts of a lake those of an export."""
    for file in folder.glob("*.ndjson"):
        file.unlink()
    ingest.run(
        write(folder, {"a.ndjson": [patient(), *notes.values(), *others]}), lake, processes=1, max_rejected=0
    )
    make(lake)
    keep_terms(lake)


def entries(lake: Lake, index: str) -> dict[str, tuple[bool, str]]:
    rows = [row for row in lake.table("indexed").to_pylist() if row["index"] == index]
    return {row["note"].split("/")[1]: (bool(row["digest"]), row["failure"]) for row in rows}


def test_only_what_changed_moves(kendra: Any, lake: Lake, tmp_path: Path) -> None:
    take_in(lake, tmp_path / "in", NOTES)
    first = bring(lake, "moving")
    assert first == Brought(first.index, notes=3, put=3, deleted=0, failed=0)
    assert found(kendra, first.index, "podagra") == ["DocumentReference/a/0"]
    assert bring(lake, "moving") == Brought(first.index, 3, 0, 0, 0)
    changed = {"a": NOTES["a"], "b": document("b", "Asthma is stable.", status="amended")}
    take_in(lake, tmp_path / "in", changed)
    assert bring(lake, "moving") == Brought(first.index, 2, 1, 1, 0)
    assert found(kendra, first.index, "complaints") == []
    assert entries(lake, first.index) == {"a": (True, ""), "b": (True, "")}


def test_attributes_come_along(kendra: Any, lake: Lake, tmp_path: Path) -> None:
    author = {"author": [{"display": "Dr. A"}], "type": {"text": "Visit"}}
    take_in(lake, tmp_path / "in", {"a": {**NOTES["a"], **author}, "b": NOTES["b"]})
    index = bring(lake, "attributes").index
    names = ["patient", "kind", "status", "author", "date"]
    asked = {"QueryText": "podagra", "QueryResultTypeFilter": "DOCUMENT"}
    answer = kendra.query(IndexId=index, RequestedDocumentAttributes=names, **asked)
    (item,) = answer["ResultItems"]
    values = {one["Key"]: next(iter(one["Value"].values())) for one in item["DocumentAttributes"]}
    date = values.pop("date")
    assert date == datetime(2024, 5, 1, 8, tzinfo=UTC)
    assert values == {"patient": "p", "kind": "Visit", "status": "current", "author": "Dr. A"}
    before = {"LessThan": {"Key": "date", "Value": {"DateValue": datetime(2024, 1, 1, tzinfo=UTC)}}}
    assert found(kendra, index, "asthma", AttributeFilter=before) == ["DocumentReference/b/0"]


def test_a_note_is_put_again_when_a_code_of_the_lake_is_in_it(
    kendra: Any, lake: Lake, tmp_path: Path
) -> None:
    """The engine finds the lake's codes in notes: what it made of those without is no longer right."""
    take_in(lake, tmp_path / "in", NOTES)
    index = bring(lake, "codes").index
    condition = {"resourceType": "Condition", "id": "x", "code": {"coding": [GOUT]}}
    take_in(lake, tmp_path / "in", NOTES, condition)
    assert bring(lake, "codes") == Brought(index, 3, 1, 0, 0)
    assert bring(lake, "codes") == Brought(index, 3, 0, 0, 0)


def test_a_run_that_was_cut_short_is_made_good(
    kendra: Any, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(lake, tmp_path / "in", NOTES)

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(notes_index, "_settled", cut)
        with pytest.raises(KeyboardInterrupt):
            bring(lake, "cut")
    take_in(lake, tmp_path / "in", {"a": NOTES["a"]})  # two of those that were put are gone meanwhile
    brought = bring(lake, "cut")
    assert brought == Brought(brought.index, 1, 1, 2, 0)
    assert entries(lake, brought.index) == {"a": (True, "")}
    assert found(kendra, brought.index, "asthma") == []


def test_what_the_service_does_not_take_is_entered_with_the_reason(
    kendra: Any, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brume.records.engine.kendra.documents._SIZE", 100)
    take_in(lake, tmp_path / "in", {"a": NOTES["a"], "b": document("b", "x" * 101)})
    brought = bring(lake, "failing")
    assert (brought.notes, brought.put, brought.failed) == (1, 1, 1)
    done, reason = entries(lake, brought.index)["b"]
    assert not done and "100 bytes" in reason
    assert bring(lake, "failing").failed == 1  # it is tried again


def test_an_index_that_does_not_fit_is_named(kendra: Any, lake: Lake, tmp_path: Path) -> None:
    take_in(lake, tmp_path / "in", NOTES)
    index = bring(lake, "unfit").index
    kendra.update_index(Id=index, Name="taken")
    other = bring(lake, "unfit").index
    assert other != index
    kendra.update_index(Id=other, Name="taken")
    with pytest.raises(NotesIndexError, match="2 indexes are called taken"):
        bring(lake, "taken")
    role = "arn:aws:iam::000000000000:role/kendra"
    third = kendra.create_index(Name="numbers", RoleArn=role)["Id"]
    notes_index.wait_until(lambda: kendra.describe_index(Id=third), lambda one: one["Status"] == "ACTIVE")
    number = {"Name": "patient", "Type": "LONG_VALUE"}
    kendra.update_index(Id=third, DocumentMetadataConfigurationUpdates=[number])
    with pytest.raises(NotesIndexError, match="attribute patient of type LONG_VALUE"):
        bring(lake, "numbers")


def test_judged_queries_are_asked_of_the_index(kendra: Any, lake: Lake, tmp_path: Path) -> None:
    take_in(lake, tmp_path / "in", NOTES)
    index = bring(lake, "judged").index
    file = tmp_path / "queries.tsv"
    lines = ["query\tdocument\tgrade", "podagra\tDocumentReference/a\t2", "asthma\tDocumentReference/a/0\t1"]
    file.write_text(
        "\n".join([*lines, "asthma\tDocumentReference/gone/0", "nothing\tDocumentReference/c\t0"])
    )
    notes = frozenset(f"DocumentReference/{name}/0" for name in NOTES)
    made = judged.run(index, str(file), notes)
    assert [(one.number, one.ndcg, one.precision, one.found, one.right) for one in made.queries] == [
        (1, 1.0, 1.0, 1, 1),
        (2, 0.0, 0.0, 0, 2),
    ]
    assert (made.ndcg, made.precision, made.unknown) == (0.5, 0.5, 1)
    made.save(str(tmp_path / "judged.json"))
    assert judged.Judgement.load(str(tmp_path / "judged.json")) == made
    assert "podagra" not in (tmp_path / "judged.json").read_text()
    file.write_text("podagra\tDocumentReference/a\thigh\n")
    with pytest.raises(JudgedError, match="line 1: it needs query, document, grade"):
        judged.run(index, str(file), notes)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-05", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-02", datetime(2024, 5, 2, tzinfo=UTC)),
        ("2024-05-02T03:04:05.1234567Z", datetime(2024, 5, 2, 3, 4, 5, 123456, UTC)),
        ("", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_dates_of_fhir(text: str, wanted: datetime | None) -> None:
    assert moment(text) == wanted
