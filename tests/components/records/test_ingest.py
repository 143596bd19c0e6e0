"""An export in a lake: all parts of all types, what was mended and set aside, changes and deletions."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import boto3
import pytest

from brume import inflating, storage
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.notes.making import make
from brume.records.model.reading import files
from brume.records.model.resources import Resources
from tests.components.records.conftest import Export
from tests.components.records.exports import (
    attached,
    content,
    document,
    held,
    notes,
    patient,
    rejects,
    write,
)


def test_every_resource_of_an_export_with_faults_is_there(export: Export) -> None:
    with Resources(export.lake) as resources:
        assert resources.counts() == export.truth.resources


def test_what_was_set_aside_and_mended_is_named_by_file_and_line(export: Export) -> None:
    assert rejects(export.lake) == sorted(export.truth.rejects)
    repairs = [(row["file"], row["what"], row["count"]) for row in export.lake.table("repairs").to_pylist()]
    assert sorted(repairs) == sorted(export.truth.repairs)
    counted = {row["file"]: row for row in export.lake.table("files").to_pylist()}
    for name, lines in Counter(file for file, _ in export.truth.rejects).items():
        assert counted[name]["rejects"] == lines


def test_an_export_that_did_not_change_is_not_read_again(tmp_path: Path, lake: Lake) -> None:
    source = write(tmp_path / "export", {"Patient-0.ndjson": [patient()], "Patient-1.ndjson": [patient("q")]})
    assert ingest.run(source, lake, processes=1).read == 2
    before = content(lake)
    again = ingest.run(source, lake, processes=1)
    assert (again.read, again.unchanged, again.snapshot) == (0, 2, 1)
    os.utime(tmp_path / "export/Patient-0.ndjson", (1, 1))  # another time, the same content
    again = ingest.run(source, lake, processes=1)
    assert (again.read, again.unchanged) == (0, 2)
    assert content(lake) == before


def test_rows_of_a_file_that_changed_or_is_gone_are_taken_back(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "export"
    source = write(
        folder,
        {
            "Patient-0.ndjson": [patient(), patient("q")],
            "DocumentReference-0.ndjson": [document("a")],
            "DocumentReference-1.ndjson": [document("b")],
            "log.ndjson": "no resource\n",
        },
    )
    ingest.run(source, lake, processes=1)
    write(folder, {"Patient-0.ndjson": [patient("r")]})
    (folder / "DocumentReference-1.ndjson").unlink()
    (folder / "log.ndjson").unlink()
    summary = ingest.run(source, lake, processes=1)
    assert (summary.read, summary.removed) == (1, 2)
    assert held(lake).keys() == {"Patient/r", "DocumentReference/a"}
    assert rejects(lake) == []
    other = Lake(str(tmp_path / "other"))
    ingest.run(source, other, processes=1)
    assert content(lake) == content(other)


def test_of_several_versions_the_last_changed_holds(tmp_path: Path, lake: Lake) -> None:
    def version(number: int, time: str = "") -> dict[str, object]:
        meta = {"versionId": str(number), **({"lastUpdated": time} if time else {})}
        return patient(meta=meta, multipleBirthInteger=number)

    source = write(
        tmp_path / "export",
        {
            "Patient-0.ndjson": [version(2, "2024-02-01T00:00:00.123456789+02:00")],
            "Patient-1.ndjson": [version(1, "2024-01-31T22:00:00Z"), version(0)],
        },
    )
    ingest.run(source, lake, processes=1)
    assert held(lake)["Patient/p"]["multipleBirthInteger"] == 2
    write(tmp_path / "export", {"Patient-0.ndjson": [version(3)], "Patient-1.ndjson": [version(4)]})
    ingest.run(source, lake, processes=1)
    # Of those without a time, that in the last file.
    assert held(lake)["Patient/p"]["multipleBirthInteger"] == 4


def test_deletions_of_an_export_and_what_was_made_again_after_them(tmp_path: Path, lake: Lake) -> None:
    def deletion(*urls: str, **more: str) -> dict[str, object]:
        entries = [{"request": {"method": "DELETE", "url": url}} for url in urls]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries, **more}

    folder = tmp_path / "export"
    source = write(
        folder,
        {
            "Patient-0.ndjson": [
                patient("a", meta={"lastUpdated": "2024-01-01T00:00:00Z"}),
                patient("b", meta={"lastUpdated": "2024-03-01T00:00:00Z"}),
                patient("c"),
            ],
            "deleted/Bundle-0.ndjson": [
                deletion("Patient/a", "Patient/b", timestamp="2024-02-01T00:00:00Z"),
                deletion("https://ehr.example/fhir/Patient/c"),
                deletion("Patient"),
            ],
        },
    )
    ingest.run(source, lake, max_rejected=0.5, processes=1)
    assert held(lake).keys() == {"Patient/b"}
    assert rejects(lake) == [("deleted/Bundle-0.ndjson", 3)]
    (folder / "deleted/Bundle-0.ndjson").unlink()
    ingest.run(source, lake, processes=1)
    assert held(lake).keys() == {"Patient/a", "Patient/b", "Patient/c"}


def test_resources_that_need_mending(tmp_path: Path, lake: Lake) -> None:
    lines: list[dict[str, object]] = [
        {"resourceType": "patient", "id": "a"},
        {"resourceType": "Patient", "id": 7},
        {"resourceType": "Patient", "gender": "female"},
        {"resourceType": "Condition", "id": "c"},
        {"resourceType": "Nothing", "id": "x"},
        {"resourceType": "Patient", "id": "a/b"},
        {"id": "no type"},
    ]
    ingest.run(write(tmp_path / "export", {"Patient-0.ndjson": lines}), lake, processes=1)
    found = held(lake)
    assert {"Patient/a", "Patient/7", "Condition/c"} < found.keys()
    assert found["Patient/a"]["resourceType"] == "Patient" and found["Patient/7"]["id"] == "7"
    (made,) = found.keys() - {"Patient/a", "Patient/7", "Condition/c"}
    assert found[made] == {"resourceType": "Patient", "gender": "female", "id": made.split("/")[1]}
    assert rejects(lake) == [("Patient-0.ndjson", line) for line in (5, 6, 7)]
    repairs = {(row["file"], row["what"]): row["line"] for row in lake.table("repairs").to_pylist()}
    # aehrc/pathling#2528: another type than that of the file was taken in without a word.
    assert repairs["Patient-0.ndjson", "a resource of another type than the file's name states"] == 4


def test_files_of_attachments_are_taken_in_and_nothing_outside_the_source(tmp_path: Path, lake: Lake) -> None:
    """Urls in the place of data, as smart-on-fhir/cumulus-etl#171 has them."""
    folder = tmp_path / "export"
    (tmp_path / "outside.txt").write_text("outside")
    urls = {
        "relative": "texts/a%20b.txt",
        "beside": "c.txt",
        "root": "texts/d.txt",
        "absolute": f"file://{folder}/texts/d.txt",
        "outside": "../outside.txt",
        "far": f"file://{tmp_path}/outside.txt",
        "server": "http://127.0.0.1:9/x.txt",
        "other": "s3://other/texts/d.txt",
        "wrong": "http://[",
        "itself": "sub/DocumentReference-0.ndjson",
    }
    documents = [attached(name, {"contentType": "text/plain", "url": url}) for name, url in urls.items()]
    source = write(
        folder,
        {
            "sub/DocumentReference-0.ndjson": documents,
            "texts/a b.txt": "relative",
            "sub/c.txt": "beside",
            "texts/d.txt": "root",
            "unused.txt": "unused",
        },
    )
    ingest.run(source, lake, processes=1)
    make(lake)
    texts = {name.split("/")[1]: row["text"] for name, row in notes(lake).items()}
    assert texts == {"relative": "relative", "beside": "beside", "root": "root", "absolute": "root"}
    assert {row["file"] for row in lake.table("attachments").to_pylist()} == {
        "texts/a b.txt",
        "sub/c.txt",
        "texts/d.txt",
    }
    write(folder, {"texts/d.txt": "changed"})
    (folder / "sub/c.txt").unlink()
    ingest.run(source, lake, processes=1)
    make(lake)
    texts = {name.split("/")[1]: row["text"] for name, row in notes(lake).items()}
    assert texts == {"relative": "relative", "root": "changed", "absolute": "changed"}


def test_compressed_files_and_one_whose_end_is_missing(tmp_path: Path, lake: Lake) -> None:
    whole = gzip.compress(b"".join(json.dumps(patient(name)).encode() + b"\n" for name in "ab"))
    many = gzip.compress(b"".join(os.urandom(40).hex().encode() + b"\n" for _ in range(99)))
    source = write(tmp_path / "export", {"Patient-0.ndjson.gz": whole, "Patient-1.ndjson.gz": many[:-20]})
    summary = ingest.run(source, lake, processes=1)
    assert held(lake).keys() == {"Patient/a", "Patient/b"}
    assert ("Patient-1.ndjson.gz", None) in rejects(lake)
    assert summary.files == 2


def test_a_compressed_file_that_stands_for_too_much_is_set_aside(tmp_path: Path, lake: Lake) -> None:
    bomb = gzip.compress(b" " * (4 * inflating.FREE))
    source = write(tmp_path / "export", {"Patient-0.ndjson.gz": bomb, "Patient-1.ndjson": [patient()]})
    ingest.run(source, lake, processes=1)
    assert len(held(lake)) == 1
    (rejected,) = lake.table("rejects").to_pylist()
    assert (rejected["file"], rejected["line"]) == ("Patient-0.ndjson.gz", None)
    assert "times its size" in rejected["reason"] and "without compression" in rejected["remedy"]


def test_many_lines_that_are_set_aside_are_counted_and_not_all_listed(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_LISTED", 3)
    source = write(tmp_path / "export", {"Patient-0.ndjson": [patient()], "log.ndjson": "x\n" * 10})
    assert ingest.run(source, lake, processes=1).rejects == 10
    listed = lake.table("rejects").to_pylist()
    assert sorted((row["line"] or 99, row["count"]) for row in listed) == [(1, 1), (2, 1), (3, 1), (99, 7)]


def test_too_much_that_is_set_aside_fails_the_run_and_changes_nothing(tmp_path: Path, lake: Lake) -> None:
    source = write(tmp_path / "export", {"Patient-0.ndjson": [patient()], "log.ndjson": "secret\n" * 3})
    with pytest.raises(ingest.IngestError, match=r"3 of 4 lines .* log\.ndjson \(3\)") as raised:
        ingest.run(source, lake, max_rejected=0.5, processes=1)
    assert "secret" not in str(raised.value)
    assert not list(Path(lake.uri).rglob("*.parquet"))


def test_a_source_that_holds_nothing_is_named(tmp_path: Path, lake: Lake) -> None:
    with pytest.raises(FileNotFoundError, match="holds no file"):
        ingest.run(str(tmp_path / "nowhere"), lake)
    with pytest.raises(FileNotFoundError, match=r"a\.ndjson is a file: give the folder that it lies in"):
        ingest.run(write(tmp_path / "one", {"a.ndjson": [patient()]}) + "/a.ndjson", lake)
    with pytest.raises(ingest.IngestError, match=r"\.ndjson"):
        ingest.run(write(tmp_path / "export", {"README.md": "x"}), lake)


def test_a_source_and_a_lake_in_s3(s3_server: str, tmp_path: Path) -> None:
    """Keys are read as they are; events of S3 have them encoded, which the AWS sample took for the key."""
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="records")
    url = {"contentType": "text/plain", "url": "texts/a.txt"}
    name = "export/Patient it's a+b%20c 100% [ü].ndjson"
    local = write(
        tmp_path,
        {
            name: [patient()],
            "export/DocumentReference-0.ndjson": [document("a", "ü"), attached("b", url)],
            "export/texts/a.txt": "of a file",
        },
    )
    storage.upload(Path(local), "s3://records/in")
    lake = Lake("s3://records/lake")
    assert ingest.run("s3://records/in/export", lake, processes=1).read == 3
    make(lake)
    assert {row["text"] for row in notes(lake).values()} == {"ü", "of a file"}
    storage.remove(f"s3://records/in/{name}")
    assert ingest.run("s3://records/in/export", lake, processes=1).removed == 1
    assert held(lake).keys() == {"DocumentReference/a", "DocumentReference/b"}


def test_a_large_file_is_written_in_several_parts(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_FLUSH", 20_000)
    source = write(tmp_path / "export", {"Patient-0.ndjson": [patient(f"p{n}") for n in range(100)]})
    ingest.run(source, lake, processes=1)
    assert len(lake.snapshot().parts("resources")) > 1
    assert len(held(lake)) == 100


def test_the_data_of_ten_patients(real_data, lake: Lake) -> None:  # type: ignore[no-untyped-def]
    source = str(real_data("records/fhir-10-patients"))
    summary = ingest.run(source, lake, processes=1)
    assert (summary.resources, summary.rejects, summary.repaired) == (7160, 4, 0)
    assert make(lake).notes == 1215
    assert lake.table("note_rejects").num_rows == 0
    rows = notes(lake).values()
    assert len({row["patient"] for row in rows}) == 13 and all(row["author"] for row in rows)
    assert Counter(row["status"] for row in rows)["superseded"] == 1202
    with Resources(lake) as resources:
        named = [resources.resolve(one.value["requester"]) for one in resources.of("MedicationRequest")]
    assert len(named) == 1745 and all(name.startswith("Practitioner/") for name in named)
