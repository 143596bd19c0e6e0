"""Changes by FHIR's REST: one at a time, under a condition, and whole transactions."""

from __future__ import annotations

import uuid
from typing import Any

from tests.components.records.fhir import Client, listed
from tests.components.records.fhir_resources import NPI, RECORD, condition, issue, patient


def test_a_resource_lives_from_its_creation_to_its_deletion(client: Client) -> None:
    text = b'{"resourceType":"Observation","status":"final","valueQuantity":{"value":1.00}}'
    made = client.ask("POST", "Observation", text)
    assert made.status_code == 201, made.text
    identity = made.json()["id"]
    assert made.headers["location"] == f"{client.base}Observation/{identity}/_history/1"
    assert made.headers["etag"] == 'W/"1"' and made.headers["last-modified"].endswith("GMT")
    assert b'"value":1.00' in client.ask("GET", f"Observation/{identity}").content
    changed = {**made.json(), "status": "amended"}
    kept = client.ask("PUT", f"Observation/{identity}", changed, if_match='W/"1"')
    assert (kept.status_code, kept.json()["meta"]["versionId"]) == (200, "2")
    assert issue(client.ask("PUT", f"Observation/{identity}", changed, if_match='W/"1"'))[0] == 412
    assert client.ask("GET", f"Observation/{identity}", if_none_match='W/"2"').status_code == 304
    assert client.ask("GET", f"Observation/{identity}/_history/1").json()["status"] == "final"
    assert client.ask("DELETE", f"Observation/{identity}").status_code == 204
    assert client.ask("DELETE", f"Observation/{identity}").status_code == 204
    assert issue(client.ask("GET", f"Observation/{identity}"))[0] == 410
    assert issue(client.ask("GET", f"Observation/{identity}/_history/3"))[0] == 410
    assert client.found("Observation") == []
    past = client.ask("GET", f"Observation/{identity}/_history").json()
    assert [one["request"]["method"] for one in past["entry"]] == ["DELETE", "PUT", "POST"]
    again = client.ask("PUT", f"Observation/{identity}", changed)
    assert (again.status_code, again.json()["meta"]["versionId"]) == (201, "4")
    first = client.ask("GET", "_history?_count=3").json()
    following = next(one["url"] for one in first["link"] if one["relation"] == "next")
    rest = client.ask("GET", following.removeprefix(client.base)).json()
    statuses = [one["response"]["status"][:3] for one in first["entry"] + rest["entry"]]
    assert statuses == ["200", "204", "200", "201"]


def test_an_answer_to_a_change_has_what_is_preferred(client: Client) -> None:
    made = client.ask("POST", "Patient", {"resourceType": "Patient"}, prefer="return=minimal")
    assert (made.status_code, made.content) == (201, b"")
    shown = client.ask("POST", "Patient", {"resourceType": "Patient"}, prefer="return=OperationOutcome")
    assert shown.json()["issue"][0]["severity"] == "information"


def test_changes_under_a_condition(client: Client) -> None:
    record = f"identifier={RECORD}|record-p1"
    resource = {**patient("x", "A"), "identifier": [{"system": RECORD, "value": "record-p1"}]}
    del resource["id"]
    made = client.ask("POST", "Patient", resource, if_none_exist=record)
    again = client.ask("POST", "Patient", resource, if_none_exist=record)
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == made.json()["id"]
    assert client.ask("PUT", f"Patient?{record}", {**resource, "active": True}).status_code == 200
    assert client.ask("GET", f"Patient/{made.json()['id']}").json()["active"] is True
    client.ask("POST", "Patient", resource)
    for method, body in (("PUT", resource), ("DELETE", None)):
        assert issue(client.ask(method, f"Patient?{record}", body))[0] == 412
    assert issue(client.ask("POST", "Patient", resource, if_none_exist=record))[0] == 412
    assert issue(client.ask("DELETE", "Patient"))[0] == 412
    assert issue(client.ask("DELETE", "Patient?identifier=absent"))[0] == 404


def test_a_transaction_is_done_whole_with_its_references(client: Client) -> None:
    urn = f"urn:uuid:{uuid.uuid4()}"
    named = patient("x", "Moreau", identifier=[{"system": "urn:ietf:rfc:3986", "value": urn}])
    client.put({"resourceType": "Practitioner", "id": "d1", "identifier": [{"system": NPI, "value": "1"}]})
    entry = [
        {"request": {"method": "GET", "url": "Condition?code=I10"}},
        {
            "fullUrl": "urn:uuid:0",
            "resource": {
                **condition("x", urn, "I10"),
                "asserter": {"reference": f"Practitioner?identifier={NPI}|1"},
            },
            "request": {"method": "POST", "url": "Condition"},
        },
        {"fullUrl": urn, "resource": named, "request": {"method": "POST", "url": "Patient"}},
    ]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction", "entry": entry}
    answer = client.ask("POST", "", bundle).json()
    assert [one["response"]["status"][:3] for one in answer["entry"]] == ["200", "201", "201"]
    (made,) = [one["resource"] for one in answer["entry"][0]["resource"]["entry"]]
    assert made["subject"]["reference"] == "/".join(
        answer["entry"][2]["response"]["location"].split("/")[-4:-2]
    )
    assert made["asserter"]["reference"] == "Practitioner/d1"
    (kept,) = client.ask("GET", f"Patient?identifier={urn}").json()["entry"]
    assert kept["resource"]["identifier"] == named["identifier"]
    # A part that fails leaves nothing of the rest.
    before = client.ask("GET", "_history").json()
    for wrong, at in (
        ({"resource": {"resourceType": "Patient", "birthDate": "May"},
          "request": {"method": "POST", "url": "Patient"}}, "Bundle.entry[3].resource.Patient.birthDate"),
        ({"resource": condition("x", f"Patient?identifier={RECORD}|absent", "I10"),
          "request": {"method": "POST", "url": "Condition"}}, "Bundle.entry[3]"),
        ({"request": {"method": "DELETE", "url": "Practitioner/d1", "ifMatch": 'W/"9"'}}, "Bundle.entry[3]"),
        ({"request": {"method": "GET", "url": "Patient/absent"}}, "Bundle.entry[3]"),
    ):  # fmt: skip
        refused = client.ask("POST", "", {**bundle, "entry": [*entry, wrong]})
        assert at in issue(refused)[1]
    twice = {"request": {"method": "DELETE", "url": "Practitioner/d1"}}
    assert "same resource" in issue(client.ask("POST", "", {**bundle, "entry": [twice, twice]}))[1]
    assert listed(client.ask("GET", "_history").json()) == listed(before)
    # In a batch it is on its own.
    batch = client.ask(
        "POST",
        "",
        {
            **bundle,
            "type": "batch",
            "entry": [twice, {"request": {"method": "GET", "url": "Patient/absent"}}, entry[0]],
        },
    )
    assert [one["response"]["status"][:3] for one in batch.json()["entry"]] == ["204", "404", "200"]
    assert batch.json()["entry"][1]["response"]["outcome"]["issue"][0]["code"] == "not-found"
