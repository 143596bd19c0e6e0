"""The server of FHIR's REST: what it refuses, and what it states that it does."""

from __future__ import annotations

from typing import Any

import pytest

from brume.records.model.fhir.parameters import parameters
from tests.components.records.fhir import Client
from tests.components.records.fhir_resources import issue


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "words"),
    [
        ("POST", "Patient", b'{"resourceType":\n "Patient",}', {}, 400, "line 2, column"),
        ("POST", "Patient", {"resourceType": "Condition"}, {}, 400, "the address names Patient"),
        ("PUT", "Patient/a", {"resourceType": "Patient", "id": "b"}, {}, 400, "Patient.id"),
        ("PUT", "Patient/a", {"resourceType": "Patient"}, {}, 400, "Patient.id"),
        ("GET", "patient/a", None, {}, 404, "case-sensitive"),
        ("GET", "Patient/absent", None, {}, 404, "no such Patient"),
        ("GET", "Patient/a/_history/first", None, {}, 404, "no such Patient"),
        ("GET", "Patient/a%20b", None, {}, 400, "1 to 64"),
        ("PATCH", "Patient/a", b"[]", {}, 405, "PATCH is not done"),
        ("GET", "Patient/a/b/c/d", None, {}, 404, "metadata"),
        ("GET", "Patient", None, {"accept": "application/fhir+xml"}, 406, "application/fhir+json alone"),
        ("POST", "Patient?identifier=a", {"resourceType": "Patient"}, {}, 400, "header If-None-Exist"),
        ("PUT", "Patient/p1?name=a", {"resourceType": "Patient", "id": "p1"}, {}, 400, "leave out the id"),
        ("DELETE", "Patient/p1?identifier=a", None, {}, 400, "leave out the id to delete"),
        ("POST", "Patient", b"<Patient/>", {"content_type": "application/fhir+xml"}, 415, "reads appl"),
        ("POST", "", {"resourceType": "Patient"}, {}, 400, "send a Bundle"),
        ("GET", "Patient?colour=red", None, {}, 400, "not a search parameter of Patient"),
        ("GET", "Patient?page=made-up", None, {}, 400, "not a token"),
        ("GET", "Patient/p1/$everything?start=2020", None, {}, 400, "_count, _since, _type"),
        ("POST", "Patient/_search", {"name": "x"}, {}, 415, "x-www-form-urlencoded"),
    ],
)  # fmt: skip
def test_what_is_not_done_is_refused_with_its_place(
    full: Client, method: str, path: str, body: Any, headers: dict[str, str], status: int, words: str
) -> None:
    """With awslabs/mcp#3335: status and diagnostics are what a client can state to its user."""
    found, text = issue(full.ask(method, path, body, **headers))
    assert found == status and words in text, text


def test_the_server_states_exactly_what_it_does(full: Client) -> None:
    stated = full.ask("GET", "metadata").json()
    (rest,) = stated["rest"]
    assert stated["implementation"]["url"] + "/" == full.base
    for one in rest["resource"]:
        assert [each["name"] for each in one["searchParam"]] == list(parameters(one["type"]))
    known = {one["type"]: one for one in rest["resource"]}
    examples = {"token": "a", "reference": "a", "date": "2020", "string": "a", "uri": "a", "number": "1",
                "quantity": "1", "composite": "a|1"}  # fmt: skip
    # All parameters and includes of a type in one request: each is understood.
    for kind in ("DocumentReference", "Observation", "Patient", "Linkage"):
        given = [f"{each['name']}={examples[each['type']]}" for each in known[kind]["searchParam"]]
        given += [f"_include={name}" for name in known[kind].get("searchInclude", ())]
        given += [f"_revinclude={name}" for name in known[kind].get("searchRevInclude", ())]
        for start in range(0, len(given), 20):
            assert full.ask("GET", f"{kind}?{'&'.join(given[start : start + 20])}").status_code == 200
    one = known["Basic"]
    done = {
        "read": full.ask("GET", "Basic/x"),
        "vread": full.ask("GET", "Basic/x/_history/1"),
        "history-instance": full.ask("GET", "Basic/x/_history"),
        "history-type": full.ask("GET", "Basic/_history"),
        "search-type": full.ask("GET", "Basic"),
        "create": full.ask("POST", "Basic", b"{}"),
        "update": full.ask("PUT", "Basic/x", b"{}"),
        "delete": full.ask("DELETE", "Basic/x"),
        "patch": full.ask("PATCH", "Basic/x", b"[]"),
    }
    stated_codes = {each["code"] for each in one["interaction"]}
    assert {code for code, answer in done.items() if answer.status_code != 405} == stated_codes
    assert {each["name"] for each in known["Patient"]["operation"]} == {"everything", "export"}
    for address in ("$export", "Patient/$export", "Group/x/$export"):
        assert full.ask("POST", address, {}).status_code != 405
