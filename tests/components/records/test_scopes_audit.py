"""The page, FHIR and emergencies by role; what was read is in the audit, and no name is in a log."""

from __future__ import annotations

import itertools
import json
import re

import pytest
import requests
from botocore.exceptions import ClientError
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.emergency import Emergencies
from brume.records.engine.access.rights import read_rights
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.neptune import shown_documents
from brume.records.engine.tables import SCHEMA
from brume.records.pipeline.command import records
from tests.aws.serving import KEY, client_of
from tests.components.records.fhir import Client
from tests.components.records.scoped import (
    DEIDENTIFIED,
    KEYS,
    NAMES,
    PATIENTS,
    SEEN,
    WORDS,
    Served,
    shown,
)
from tests.polling import until


@pytest.mark.parametrize("key", list(SEEN))
def test_the_page_shows_a_key_its_patients_alone(scoped: Served, key: str) -> None:
    console = client_of(scoped.url, "brumerecords", key=KEYS[key])
    expected = {"none", *SEEN[key]} if key in (KEY.access_key, "AKIDALL") else set(SEEN[key])
    assert [one["Notes"] for one in console.get_console()["Indexes"]] == [len(expected)]
    if not expected:
        with pytest.raises(ClientError, match="AccessDenied"):
            console.search_notes(QueryText="asthma")
        with pytest.raises(ClientError, match="AccessDenied"):
            console.get_note(NoteId="d-p2")
        return
    found = console.search_notes(QueryText="asthma")
    assert shown(json.dumps(found["Notes"], default=str)) == expected
    assert found["Total"] == len(expected)
    assert shown(json.dumps(found["Facets"])) <= expected
    for patient in PATIENTS:
        if patient in expected and key not in DEIDENTIFIED:
            assert WORDS[patient] in console.get_note(NoteId=f"d-{patient}")["Text"]
        else:
            with pytest.raises(ClientError, match="ResourceNotFound"):
                console.get_note(NoteId=f"d-{patient}")
    if key in DEIDENTIFIED:
        notes = [console.get_note(NoteId=one["NoteId"]) for one in found["Notes"]]
        text = json.dumps([found, notes], default=str)
        assert shown(text) == expected
        names = [part for name in NAMES.values() for part in name.split()]
        assert not [part for part in (*names, "2024-03-05", "d-p", "345678") if part in text]


@pytest.fixture(scope="module")
def datastore(scoped: Served) -> str:
    """A data store with a Patient and a Condition of each of the three."""
    owner = client_of(scoped.url, "healthlake")
    identity = str(owner.create_fhir_datastore(DatastoreTypeVersion="R4")["DatastoreId"])
    until(
        lambda: (
            owner.describe_fhir_datastore(DatastoreId=identity)["DatastoreProperties"]["DatastoreStatus"]
            == "ACTIVE"
        )
    )
    for patient in PATIENTS:
        given, family = NAMES[patient].split()
        name = [{"given": [given], "family": family, "text": WORDS[patient]}]
        subject, about = {"reference": f"Patient/{patient}"}, {"text": f"Asthma, {WORDS[patient]}"}
        Client(scoped.url, identity).put(
            {"resourceType": "Patient", "id": patient, "name": name},
            {"resourceType": "Condition", "id": f"c-{patient}", "subject": subject, "code": about},
        )
    inner = {"resourceType": "Patient", "id": "p1", "name": [{"text": WORDS["p2"]}]}
    for patient in PATIENTS:
        member = [{"entity": {"reference": f"Patient/{patient}"}}]
        group = {"resourceType": "Group", "id": f"g-{patient}", "type": "person", "actual": True}
        Client(scoped.url, identity).put(group | {"member": member})
    nurse = {"resourceType": "Practitioner", "id": "nurse", "contained": [inner]}
    Client(scoped.url, identity).put(nurse)
    return identity


@pytest.mark.parametrize("key", list(SEEN))
def test_fhir_shows_a_key_its_patients_alone(scoped: Served, datastore: str, key: str) -> None:
    client = Client(scoped.url, datastore, KEYS[key])
    paths = ["Patient", "Practitioner", "Condition?_include=Condition:subject", "_history"]
    paths += ["Patient?_revinclude=Condition:subject"]
    paths += [f"Condition?subject.name={family.split()[1]}" for family in NAMES.values()]
    for path in paths:
        answer = client.ask("GET", path)
        assert answer.status_code == (403 if key in DEIDENTIFIED else 200), answer.text
        assert shown(answer.text) <= (set() if key in DEIDENTIFIED else SEEN[key])
        if path == "Patient" and key not in DEIDENTIFIED:
            assert shown(answer.text) == SEEN[key]
    for patient in PATIENTS:
        for path in (f"Patient/{patient}", f"Condition/c-{patient}", f"Patient/{patient}/$everything"):
            expected = 403 if key in DEIDENTIFIED else 200 if patient in SEEN[key] else 404
            assert client.ask("GET", path).status_code == expected
    if key != KEY.access_key:
        made = client.ask("PUT", "Patient/p1", {"resourceType": "Patient", "id": "p1"})
        assert made.status_code == 403


EXPORT = {
    "OutputDataConfig": {
        "S3Configuration": {"S3Uri": "s3://bucket/", "KmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/1"}
    },
    "DataAccessRoleArn": "arn:aws:iam::123456789012:role/export",
}


def test_an_export_is_there_for_the_key_that_began_it_alone(scoped: Served, datastore: str) -> None:
    client = Client(scoped.url, datastore, KEYS["AKIDWARD"])
    address = f"export/{client.ask('POST', '$export', EXPORT).json()['jobId']}"
    for key in ("AKIDTWO", "AKIDSTUDY", "AKIDSTRANGER"):
        other, names = (
            Client(scoped.url, datastore, KEYS[key]),
            client_of(scoped.url, "healthlake", key=KEYS[key]),
        )
        assert [other.ask(method, address).status_code for method in ("GET", "DELETE")] == [404, 404]
        with pytest.raises(ClientError, match="ResourceNotFound"):
            names.describe_fhir_export_job(DatastoreId=datastore, JobId=address.partition("/")[2])
    until(lambda: client.ask("GET", address).status_code == 200)
    assert Client(scoped.url, datastore, KEYS["AKIDOFFICE"]).ask("GET", address).status_code == 200
    assert client.ask("GET", address).json()["exportJobProperties"]["jobStatus"] == "COMPLETED"
    own = client.ask("POST", "Group/g-p1/$export", EXPORT)
    assert own.status_code == 202
    until(lambda: client.ask("GET", f"export/{own.json()['jobId']}").status_code == 200)


def test_emergency_access_opens_all_and_is_written_down(scoped: Served, datastore: str) -> None:
    store = Store("", scoped.folder / "data", SCHEMA)
    audit, emergencies = Audit(store), Emergencies(store)
    scopes = Scopes(read_rights(str(scoped.folder / "rights.json")), emergencies)
    call = Call("r", KEY.account, "eu-west-1", "AKIDWARD", "brumerecords", "BeginEmergencyAccess")
    ward = Client(scoped.url, datastore, KEYS["AKIDWARD"])
    identity, _ = emergencies.begin(scopes, audit, call, "unconscious in the emergency room", 30)
    try:
        found = scoped.kendra("AKIDWARD").query(IndexId=scoped.index, QueryText="asthma")
        assert shown(json.dumps(found, default=str)) == {"p1", "p2", "p3", "none"}
        assert shown(scoped.sparql("AKIDWARD", query="SELECT * {?s ?p ?o}").text) >= {"p1", "p2", "p3"}
        assert ward.ask("GET", "Patient/p2").status_code == 200
        assert {row.emergency for row in scoped.audit()[-3:]} == {identity}
        assert scoped.sparql("AKIDWARD", update="CLEAR ALL").status_code == 403
    finally:
        emergencies.end(audit, scopes, call)
        store.close()
    assert ward.ask("GET", "Patient/p2").status_code == 404


@pytest.mark.parametrize("key", [KEY.access_key, "AKIDOFFICE", "AKIDWARD"])
def test_the_command_shows_and_checks_the_audit(
    scoped: Served, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    scoped.kendra("AKIDWARD").query(IndexId=scoped.index, QueryText="asthma")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BRUMERECORDS", scoped.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[key].access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[key].secret)
    shell = CliRunner()
    listed = shell.invoke(records, ["audit", "--document", "d-p1", "--most", "2"])
    checked = shell.invoke(records, ["audit", "--verify"])
    if key == "AKIDWARD":
        assert listed.exit_code == checked.exit_code == 1
        assert "stewards" in listed.output + checked.output or "needs the role" in listed.output
        return
    assert (listed.exit_code, checked.exit_code) == (0, 0), listed.output + checked.output
    assert "kendra:Query" in listed.output and "AKIDWARD" in listed.output
    last = checked.output.split()[-1]
    again = shell.invoke(records, ["audit", "--verify", "--since", last])
    assert again.exit_code == 0, again.output
    none = "0" * 64
    for wrong, named in ((f"1:{none}", "row 1 has another hash"), (f"999999:{none}", "it ends at row")):
        refused = shell.invoke(records, ["audit", "--verify", "--since", wrong])
        assert refused.exit_code == 1 and named in refused.output
    assert shell.invoke(records, ["audit", "--verify", "--since", "12"]).exit_code == 1


def test_each_answer_is_in_the_audit_with_its_documents(scoped: Served) -> None:
    before = len(scoped.audit())
    ward, asked = scoped.kendra("AKIDWARD"), {"IndexId": scoped.index, "QueryText": "asthma"}
    ward.query(**asked, UserContext={"UserId": "ann"})
    scoped.kendra("AKIDSTUDY").retrieve(IndexId=scoped.index, QueryText="asthma")
    scoped.sparql("AKIDWARD", query="DESCRIBE <urn:brume:document:d-p1>")
    scoped.sparql("AKIDTWO", query="SELECT ?s {?s <urn:brume:records:text> ?o}")
    with pytest.raises(ClientError):
        ward.query(**asked, UserContext={"UserId": "bob"})
    rows = scoped.audit()[before:]
    assert [(row.key, row.user, row.operation, row.outcome) for row in rows] == [
        ("AKIDWARD", "ann", "kendra:Query", "ANSWERED"),
        ("AKIDSTUDY", "", "kendra:Retrieve", "ANSWERED"),
        ("AKIDWARD", "", "neptune-db:Sparql", "ANSWERED"),  # what was asked, then what the result shows
        ("AKIDWARD", "", "neptune-db:Sparql", "ANSWERED"),
        ("AKIDTWO", "", "neptune-db:Sparql", "ANSWERED"),
        ("AKIDTWO", "", "neptune-db:Sparql", "ANSWERED"),
        ("AKIDWARD", "bob", "kendra:Query", "DENIED"),
    ]
    shown = [sorted(row.documents) for row in rows]
    assert shown == [["d-p1"], ["d-p2"], ["d-p1"], ["Patient/p1"], [], ["d-p1", "d-p3"], []]
    assert all(re.fullmatch("[0-9a-f]{64}", row.query) for row in rows[:6])


def test_what_is_refused_and_what_is_hidden_is_in_the_audit(scoped: Served, datastore: str) -> None:
    before = len(scoped.audit())
    ward, study = (client_of(scoped.url, "brumerecords", key=KEYS[key]) for key in ("AKIDWARD", "AKIDSTUDY"))
    fhir = Client(scoped.url, datastore, KEYS["AKIDWARD"])
    get = {"method": "GET", "url": "Condition/c-p2"}
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": get}]}
    with pytest.raises(ClientError, match="AccessDenied"):
        study.judge_note(NoteId="d-p2", QueryId="q", Relevance="RELEVANT")
    for identity in ("d-p2", "nothing"):
        with pytest.raises(ClientError, match="ResourceNotFound"):
            ward.get_note(NoteId=identity)
    assert [fhir.ask("GET", path).status_code for path in ("Patient/p2", "Patient/nobody")] == [404, 404]
    assert fhir.ask("POST", "", batch).status_code == 200
    assert fhir.ask("DELETE", "Patient/p2").status_code == 403
    exports = [fhir.ask("POST", f"Group/{name}/$export", EXPORT) for name in ("g-p2", "nothing")]
    assert [one.status_code for one in exports] == [404, 404]
    assert exports[0].json() == exports[1].json()
    with pytest.raises(ClientError, match="AccessDenied"):
        ward.list_jobs()
    assert scoped.sparql("AKIDWARD", query="SELECT * {SERVICE <http://x> {?s ?p ?o}}").status_code == 403
    assert [(row.operation, row.outcome, row.documents) for row in scoped.audit()[before:]] == [
        ("brumerecords:JudgeNote", "DENIED", []),
        ("brumerecords:GetNote", "DENIED", ["d-p2"]),
        ("brumerecords:GetNote", "DENIED", []),  # as long as for one that is there
        ("healthlake:FhirRead", "DENIED", ["Patient/p2"]),
        ("healthlake:FhirRead", "DENIED", []),
        ("healthlake:FhirBundle", "DENIED", ["Condition/c-p2"]),
        ("healthlake:FhirDelete", "DENIED", []),
        ("healthlake:StartFHIRExportJobWithPost", "DENIED", ["Group/g-p2"]),
        ("healthlake:StartFHIRExportJobWithPost", "DENIED", []),
        ("brumerecords:ListJobs", "DENIED", []),
        ("neptune-db:Sparql", "DENIED", []),
    ]


@given(cuts=st.lists(st.integers(0, 80), max_size=6))
def test_documents_of_a_result_are_noted_however_it_is_cut(cuts: list[int]) -> None:
    result = (
        b'"urn:brume:document:a%20b","x"\n<urn:brume:document:Note/2>,urn:brume:document:a%20b'
        b"<urn:brume:graph:patient:p%2F1>,urn:brume:patient:p%2F1"
    )
    places = sorted({0, *cuts, len(result)})
    parts = (result[begin:end] for begin, end in itertools.pairwise(places))
    noted: list[str] = []
    assert b"".join(shown_documents.noted((one for one in parts), ["z"], noted.extend)) == result
    assert noted == ["a b", "Note/2", "Patient/p/1"]


def test_no_name_and_no_query_is_in_logs_or_metrics(scoped: Served, logged: list[str]) -> None:
    for key in (KEY.access_key, "AKIDSTUDY"):
        kendra = scoped.kendra(key)
        for text in (NAMES["p1"], WORDS["p2"]):
            kendra.query(IndexId=scoped.index, QueryText=text)
            with pytest.raises(ClientError):
                kendra.query(IndexId=scoped.index, QueryText=text, PageSize=1000)
            scoped.sparql(key, query=f'SELECT * {{?s ?p "{text}"}}')
            scoped.sparql(key, query=f"SELECT * {{?s ?p {text}")
    metrics = requests.get(f"{scoped.url}/metrics", timeout=60).text
    assert "brume_sparql_total" in metrics
    assert logged, "no log was kept"
    written = "\n".join([*logged, metrics])
    for text in (*NAMES.values(), *WORDS.values()):
        for part in text.split():
            assert part not in written
