"""Exports by FHIR's $export: of all, of patients, of a group, since an instant, ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from brume.aws.wire.keys import Key
from tests.aws.serving import KEY
from tests.components.records import healthlake as hl
from tests.components.records.two_patients import WARD
from tests.polling import until

EMPTY = {"resourceType": "Group", "id": "empty", "type": "person", "actual": True}


def start(url: str, datastore: str, path: str, key: Key = KEY, **more: Any) -> Any:
    body = {"JobName": "raw", "OutputDataConfig": hl.output(), "DataAccessRoleArn": hl.ROLE, **more}
    return hl.send("POST", f"{url}/datastore/{datastore}/r4/{path}", body, key=key)


def raw(url: str, datastore: str, path: str, key: Key = KEY) -> dict[str, Any]:
    """Export by FHIR's own operation; returns the last answer of the address of its status."""
    began = start(url, datastore, path, key)
    assert began.status_code == 202, began.text
    assert began.json()["jobStatus"] == "SUBMITTED"

    def done() -> dict[str, Any] | None:
        answer = hl.send("GET", began.headers["content-location"], key=key)
        assert answer.status_code == 200 or "x-progress" in answer.headers
        return dict(answer.json()) if answer.status_code == 200 else None

    return until(done, "the end of an export") or {}


def ids(root: Path, answer: dict[str, Any]) -> set[str]:
    files = [one["url"].removeprefix("s3://") for one in answer["output"]]
    lines = [line for name in files for line in (root / name).read_text().splitlines()]
    return {json.loads(line)["id"] for line in lines}


def test_export_by_fhir_of_all_of_patients_and_of_a_group(url: str, root: Path, people: str) -> None:
    """LinuxForHealth/FHIR#1111: patients themselves belong to exports of patients and of groups."""
    everything = raw(url, people, "$export")
    assert {"a", "b", "of-a", "of-b", "p", "g"} <= ids(root, everything)
    assert everything["exportJobProperties"]["jobStatus"] == "COMPLETED"
    assert everything["request"].endswith("/r4/$export") and everything["error"] == []
    patients = ids(root, raw(url, people, "Patient/$export"))
    assert {"a", "b"} <= patients and "p" not in patients
    assert ids(root, raw(url, people, "Group/g/%24export")) == {"a", "of-a", "by-record", "g"}
    typed = raw(url, people, "Patient/$export?_type=Condition%2CGroup&_outputFormat=ndjson")
    assert {one["type"] for one in typed["output"]} == {"Condition", "Group"}
    assert ids(root, raw(url, people, "$export", key=WARD)) == {"a", "of-a", "by-record", "p", "g"}


def test_export_since_an_instant_has_what_changed_and_what_was_deleted(
    url: str, boto: Any, root: Path, people: str
) -> None:
    """LinuxForHealth/FHIR#1927: a copy is kept up to date by deletions too.

    And microsoft/fhir-server#1634: the export of a group without members is not that of all patients.
    """
    store = hl.make_datastore(boto)
    hl.write(
        root / "inputs/since/1/Patient-0.ndjson", [{"resourceType": "Patient", "id": one} for one in "xyz"]
    )
    hl.imported(boto, store, hl.start_import(boto, store, "s3://inputs/since/1"))
    at = raw(url, store, "$export")["transactionTime"]
    gone = {"request": {"method": "DELETE", "url": "Patient/x"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [gone]}
    hl.write(root / "inputs/since/2/changes.ndjson", [bundle, {"resourceType": "Patient", "id": "y"}, EMPTY])
    hl.imported(boto, store, hl.start_import(boto, store, "s3://inputs/since/2"))
    answer = raw(url, store, f"$export?_since={quote(at)}")
    assert ids(root, answer) == {"y", "empty"}
    (deleted,) = answer["deleted"]
    (line,) = (root / deleted["url"].removeprefix("s3://")).read_text().splitlines()
    assert json.loads(line)["entry"] == [gone]
    assert raw(url, store, "$export")["deleted"] == []
    assert ids(root, raw(url, store, "Group/empty/$export")) == set()


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("$export?_elements=id", 400, "Prefer: handling=lenient"),
        ("$export?_since=yesterday", 400, "_since is an instant"),
        ("$export?_type=patient", 400, "_type names a type"),
        ("$export?_outputFormat=text%2Fcsv", 400, "_outputFormat"),
        ("Group/none/$export", 404, "no such Group"),
    ],
)
def test_a_wrong_export_is_refused_by_an_outcome(
    url: str, people: str, path: str, status: int, named: str
) -> None:
    answer = start(url, people, path)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert named in answer.json()["issue"][0]["diagnostics"]


def test_a_body_is_checked_and_what_has_ended_is_not_cancelled(url: str, people: str) -> None:
    wrong = start(url, people, "$export", OutputDataConfig={"S3Configuration": {"S3Uri": "s3://outputs/x"}})
    assert wrong.status_code == 400 and "KmsKeyId" in wrong.text
    absent = start(url, "0" * 32, "$export")
    assert absent.status_code == 404 and "There is no data store" in absent.text
    done = raw(url, people, "$export")["exportJobProperties"]
    answer = hl.send("DELETE", f"{url}/datastore/{people}/r4/export/{done['jobId']}")
    assert answer.status_code == 404 and "has ended as COMPLETED" in answer.text
