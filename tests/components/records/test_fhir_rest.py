"""FHIR's REST of a data store over HTTP, with signed requests: reads, changes, searches, bundles."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from brume.aws.engine.store import Store
from brume.records.engine.access.audit import Audit
from brume.records.model.fhir import times
from brume.records.model.fhir.parameters import parameters
from brume.records.model.nlp import healthlake
from tests.aws.serving import KEY, OTHER, client_of
from tests.components.records.fhir import STUDY, WARD, Client, listed, serve_fhir
from tests.components.records.healthlake import make_datastore

NPI, RECORD, ICD = "http://npi", "http://record", "http://icd"


def patient(identity: str, family: str, **members: Any) -> dict[str, Any]:
    identifier = [{"system": RECORD, "value": f"record-{identity}"}]
    name = [{"family": family, "given": ["Zoë"]}]
    return {"resourceType": "Patient", "id": identity, "identifier": identifier, "name": name, **members}


def condition(
    identity: str, subject: str, code: str, onset: str = "2020-05", **members: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": identity,
        "subject": {"reference": subject},
        "code": {"coding": [{"system": ICD, "code": code}]},
        "onsetDateTime": onset,
        **members,
    }


DOCTOR = {"reference": f"Practitioner?identifier={NPI}|1"}
ACTIVE = {"coding": [{"code": "active"}]}
FOUND = {"Id": 0, "Text": "Strep throat", "BeginOffset": 0, "EndOffset": 12, "Score": 0.9}
FOUND |= {"Category": "MEDICAL_CONDITION", "Type": "DX_NAME"}
LINKED = {**FOUND, "ICD10CMConcepts": [{"Code": "J02.0", "Description": "Streptococcal", "Score": 0.7}]}
RESOURCES = [
    patient("p1", "Ruiz", birthDate="1970-02-03", generalPractitioner=[{"reference": "Practitioner/d1"}]),
    patient("p2", "Ruizdael", birthDate="1980"),
    {
        "resourceType": "Practitioner",
        "id": "d1",
        "identifier": [{"system": NPI, "value": "1"}],
        "name": [{"family": "Okafor"}],
    },
    condition("c1", "Patient/p1", "E11.9", "2019-03-01", asserter=DOCTOR),
    condition("c2", f"Patient?identifier={RECORD}|record-p1", "I10", "2020"),
    condition("c3", "Patient/p2", "E11.9", "2021-06-30T10:00:00+02:00", clinicalStatus=ACTIVE),
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"code": "glucose"}]},
        "subject": {"reference": "Patient/p1"},
        "valueQuantity": {"value": 5.4, "unit": "mmol/L", "system": "http://ucum", "code": "mmol/L"},
        "effectivePeriod": {"start": "2022-01-01"},
    },
    {
        "resourceType": "DocumentReference",
        "id": "n1",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain", "data": "U3RyZXA="}}],
        "extension": [
            healthlake.extension({"Entities": [LINKED]}, {"Entities": []}, {"Entities": [FOUND]}, "1")
        ],
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Store]]:
    with serve_fhir(tmp_path_factory.mktemp("fhir")) as served:
        yield served


@pytest.fixture(scope="module")
def full(served: tuple[str, Store]) -> Client:
    """A data store with the resources above, which tests leave as they are."""
    client = Client(served[0], make_datastore(client_of(served[0], "healthlake")))
    client.put(*RESOURCES)
    return client


@pytest.fixture
def client(served: tuple[str, Store]) -> Client:
    """An empty data store."""
    return Client(served[0], make_datastore(client_of(served[0], "healthlake")))


def issue(answer: requests.Response) -> tuple[int, str]:
    """Return status and text of a refusal, which is an OperationOutcome."""
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome", outcome
    assert answer.headers["content-type"].startswith("application/fhir+json")
    return answer.status_code, json.dumps(outcome["issue"])


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
    found, text = issue(full.ask(method, path, body, **headers))
    assert found == status and words in text, text


def test_a_search_has_a_size(full: Client) -> None:
    assert "Condition/c1" in full.found("Condition?code=" + 499 * f"{ICD}|a," + f"{ICD}|E11.9")
    assert full.found("Patient?birthdate=" + ",".join(map(str, range(1000, 1500)))) == []
    assert full.found("Patient?" + "&".join(100 * ["birthdate=1000,1001,1002,1003,1004"])) == []
    assert full.found("Patient?_sort=" + ",".join(8 * ["name"])) == full.found("Patient?_sort=name")
    for path, words in (
        ("Condition?code=" + 500 * "a," + "a", "code: at most 500 values"),
        ("Condition?" + "&".join(2 * ["code=" + 299 * "a," + "a"]), "at most 500 values"),
        ("Patient?" + "&".join(101 * ["name=a"]), "at most 100 parameters"),
        ("Patient?" + "&".join(21 * ["_revinclude=Condition:subject"]), "at most 20 are taken"),
        ("Patient?_sort=" + 8 * "name," + "name", "at most 8 parameters"),
        ("Observation?value-quantity=1e999999999", "a number is expected"),
    ):
        status, text = issue(full.ask("GET", path))
        assert status == 400 and words in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Condition?code=E11.9", "c1 c3"),
        (f"Condition?code={ICD}|E11.9&patient=p1", "c1"),
        (f"Condition?code={ICD}|", "c1 c2 c3"),
        ("Condition?code=|E11.9", ""),
        ("Condition?code=E11.9,I10", "c1 c2 c3"),
        ("Condition?code:not=E11.9", "c2"),
        ("Condition?patient=p1", "c1 c2"),
        ("Condition?subject=Patient/p1", "c1 c2"),
        ("Condition?subject:Patient=p2", "c3"),
        (f"Condition?subject:identifier={RECORD}|record-p1", "c2"),
        ("Condition?patient.name=ruiz", "c1 c2 c3"),
        ("Condition?patient.family:exact=Ruiz", "c1 c2"),
        (f"Condition?subject:Patient.identifier={RECORD}|record-p1", "c1 c2"),
        (f"Condition?asserter.identifier={NPI}|1", "c1"),
        ("Condition?asserter.name=nobody", ""),
        ("Condition?subject._id=p2", "c3"),
        ("Condition?onset-date=2019", "c1"),
        ("Condition?onset-date=ge2020&onset-date=lt2021", "c2"),
        ("Condition?onset-date=gt2020", "c3"),
        ("Condition?onset-date=2021-06-30T08:00:00Z", "c3"),
        ("Condition?onset-date=2021-06-30T10:00:00%2B02:00", "c3"),
        ("Condition?onset-date=sa2019-03-01", "c2 c3"),
        ("Condition?onset-date=eb2020", "c1"),
        ("Condition?onset-date=ne2019", "c2 c3"),
        ("Condition?clinical-status:missing=false", "c3"),
        ("Condition?clinical-status:missing=true", "c1 c2"),
        ("Condition?_id=c1,c3&patient=p1", "c1"),
        ("Condition?_lastUpdated=ge2020&_id=c2", "c2"),
        ("Condition?_lastUpdated=lt2020", ""),
        ("Condition?_sort=-onset-date", "c3 c2 c1"),
        ("Condition?_sort=clinical-status,-_id", "c3 c2 c1"),
        ("Condition?_sort=code,onset-date", "c1 c3 c2"),
        ("Patient?name:contains=izd", "p2"),
        ("Patient?given=zoe&family=ruizd", "p2"),
        ("Patient?name=%25", ""),
        ("Patient?birthdate=lt1975", "p1"),
        ("Patient?birthdate=le1980", "p1 p2"),
        ("Observation?value-quantity=gt5.3", "o1"),
        ("Observation?value-quantity=5.4|http://ucum|mmol/L", "o1"),
        ("Observation?value-quantity=5", "o1"),
        ("Observation?value-quantity=5.40", "o1"),
        ("Observation?value-quantity=5.5", ""),
        ("Observation?value-quantity=5.4||mg", ""),
        ("Observation?date=gt2030", "o1"),
        ("Patient?_has:Condition:patient:code=E11.9", "p1 p2"),
        ("Patient?_has:Condition:subject:code=I10", "p1"),
        ("Patient?_has:Condition:patient:onset-date=gt2020&name=ruiz", "p2"),
        ("DocumentReference?infer-icd10cm-entity-text-concept-score;=strep|0.6", "n1"),
        ("DocumentReference?infer-icd10cm-entity-text-concept-score=strep|0.9", ""),
        ("DocumentReference?infer-icd10cm-entity-concept-code=J02.0&detectEntities-entity-score=ge0.5", "n1"),
        ("DocumentReference?infer-icd10cm-entity-text-concept-code=strep|J02.0", "n1"),
    ],
)  # fmt: skip
def test_searches(full: Client, query: str, found: str) -> None:
    kind = query.partition("?")[0]
    assert full.found(query) == [f"{kind}/{one}" for one in found.split()]
    # As a form, too.
    answer = full.ask(
        "POST",
        f"{kind}/_search",
        query.partition("?")[2].encode(),
        content_type="application/x-www-form-urlencoded",
    )
    assert listed(answer.json()) == [f"{kind}/{one}" for one in found.split()]


def test_what_comes_with_the_matches(full: Client) -> None:
    assert full.found("Condition?code=I10&_include=Condition:patient") == ["Condition/c2", "Patient/p1"]
    assert full.found("Condition?_id=c1&_include=Condition:asserter&_include=Condition:subject:Patient") == [
        "Condition/c1",
        "Patient/p1",
        "Practitioner/d1",
    ]
    answer = full.ask("GET", "Patient?_id=p1&_revinclude=Condition:subject&_revinclude=Observation:subject")
    modes = [(one["search"]["mode"], one["resource"]["id"]) for one in answer.json()["entry"]]
    assert modes == [("match", "p1"), ("include", "c1"), ("include", "c2"), ("include", "o1")]
    assert answer.json()["total"] == 1


def test_a_count_shows_nothing(full: Client) -> None:
    for query in ("_summary=count", "_count=0"):
        found = full.ask("GET", f"Condition?patient=p1&{query}").json()
        assert (found["total"], "entry" in found) == (2, False)
    assert "total" not in full.ask("GET", "Condition?_total=none").json()


def test_chosen_elements_are_shown_with_a_mark(full: Client) -> None:
    answer = full.ask("GET", "Condition?_id=c1&_elements=code").json()
    (shown,) = [one["resource"] for one in answer["entry"]]
    assert set(shown) == {"resourceType", "id", "meta", "code"}
    assert shown["meta"]["tag"][0]["code"] == "SUBSETTED"


ONSETS = ("2019", "2020", "2020-02", "2020-02-29", "2020-02-29T10:00:00Z", "2020-03-01", "2021")


@pytest.fixture(scope="module")
def dated(served: tuple[str, Store]) -> Client:
    """A data store with a condition for each of some dates."""
    client = Client(served[0], make_datastore(client_of(served[0], "healthlake")))
    client.put(*(condition(f"c{place}", "Patient/p", "x", onset) for place, onset in enumerate(ONSETS)))
    return client


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]),
    st.sampled_from([*ONSETS, "2020-02-28", "2020-02-29T10:00Z", "2022"]),
)
def test_dates_compare_as_the_ranges_that_they_are(dated: Client, prefix: str, text: str) -> None:
    first, last = times.of_text(text)
    holds = {
        "eq": lambda low, high: first <= low and high <= last,
        "ne": lambda low, high: not (first <= low and high <= last),
        "gt": lambda low, high: high > last,
        "lt": lambda low, high: low < first,
        "ge": lambda low, high: high > last or (first <= low and high <= last),
        "le": lambda low, high: low < first or (first <= low and high <= last),
        "sa": lambda low, high: low > last,
        "eb": lambda low, high: high < first,
    }[prefix]
    expected = [f"Condition/c{place}" for place, one in enumerate(ONSETS) if holds(*times.of_text(one))]
    assert dated.found(f"Condition?onset-date={prefix}{text}") == expected


def test_a_lenient_search_says_what_it_left_out(full: Client) -> None:
    answer = full.ask("GET", "Condition?colour=red&patient=p2", prefer="handling=lenient").json()
    assert listed(answer) == ["Condition/c3", "OperationOutcome/"]
    assert "colour" in json.dumps(answer["entry"][1]) and "colour" not in answer["link"][0]["url"]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(1, 3), min_size=4, max_size=4),
    st.sampled_from(
        ["", "&_sort=-code", "&_sort=onset-date", "&_sort=_lastUpdated,code", "&_sort=clinical-status"]
    ),
)
def test_pages_of_any_sizes_are_the_whole_in_its_order(full: Client, sizes: list[int], order: str) -> None:
    whole = full.found(f"Condition?_id=c1,c2,c3{order}")
    path, found = f"Condition?_id=c1,c2,c3{order}&_count={sizes[0]}", []
    for size in [*sizes[1:], 3]:
        page = full.ask("GET", path).json()
        found += listed(page)
        following = [one["url"] for one in page["link"] if one["relation"] == "next"]
        if not following:
            break
        path = following[0].removeprefix(full.base)
        path = path.replace("_count=1", f"_count={size}").replace("_count=2", f"_count={size}")
    assert found == whole and len(whole) == 3


def test_a_search_by_post_goes_on_by_get(full: Client) -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    page = full.ask("POST", "Condition/_search", b"_count=2&_sort=onset-date", **form).json()
    links = {one["relation"]: one["url"] for one in page["link"]}
    assert full.found(links["next"].removeprefix(full.base)) == ["Condition/c3"]


def test_a_page_of_another_search_is_refused(full: Client) -> None:
    page = full.ask("GET", "Condition?_count=1").json()
    (following,) = [one["url"] for one in page["link"] if one["relation"] == "next"]
    path = following.removeprefix(full.base).replace("Condition?", "Condition?patient=p2&")
    assert issue(full.ask("GET", path))[0] == 400


def test_a_search_that_a_bundle_began_is_gone_on_with_by_get(full: Client) -> None:
    entry = [{"request": {"method": "GET", "url": "Condition?_count=2"}}]
    answer = full.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entry}).json()
    links = {one["relation"]: one["url"] for one in answer["entry"][0]["resource"]["link"]}
    assert full.found(links["next"].removeprefix(full.base)) == ["Condition/c3"]


def test_everything_about_a_patient_and_nothing_of_another(full: Client) -> None:
    whole = ["Patient/p1", "Condition/c1", "Condition/c2", "Observation/o1", "Practitioner/d1"]
    assert full.found("Patient/p1/$everything") == whole
    assert full.found("Patient/p1/%24everything?_type=Condition") == whole[1:3]
    path, found = "Patient/p1/$everything?_count=2", []
    while path:
        page = full.ask("GET", path).json()
        found += listed(page)
        path = next((one["url"] for one in page["link"] if one["relation"] == "next"), "")
        path = path.removeprefix(full.base)
    assert found == whole


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


def test_a_key_sees_its_patients_alone_by_any_way(full: Client) -> None:
    ward = Client(full.url, full.datastore, WARD)
    assert ward.found("Condition") == ["Condition/c1", "Condition/c2"]
    assert ward.ask("GET", "Condition?_summary=count").json()["total"] == 2
    assert ward.found("Condition?code=E11.9&_include=Condition:subject") == ["Condition/c1", "Patient/p1"]
    assert ward.found("Patient?name=ruiz&_revinclude=Condition:subject") == [
        "Patient/p1",
        "Condition/c1",
        "Condition/c2",
    ]
    assert ward.found("Practitioner?_revinclude=Patient:general-practitioner") == [
        "Practitioner/d1",
        "Patient/p1",
    ]
    assert ward.found("Condition?patient.name=ruizdael") == []
    assert ward.found("Condition?patient=p2") == []
    assert ward.found("Patient?_has:Condition:patient:code=E11.9") == ["Patient/p1"]
    assert ward.found("DocumentReference") == []
    for path in (
        "Condition/c3",
        "Condition/c3/_history/1",
        "Condition/c3/_history",
        "Patient/p2/$everything",
    ):
        assert issue(ward.ask("GET", path))[0] == 404
    shown = listed(ward.ask("GET", "_history").json())
    assert shown and not {"Patient/p2", "Condition/c3", "DocumentReference/n1"} & set(shown)
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": "Patient/p2"}}],
    }
    assert ward.ask("POST", "", batch).json()["entry"][0]["response"]["status"].startswith("404")
    assert issue(ward.ask("PUT", "Patient/p1", patient("p1", "Ruiz")))[0] == 403
    assert issue(ward.ask("DELETE", "Patient/p1"))[0] == 403
    assert (
        issue(
            ward.ask("POST", "", {**batch, "entry": [{"request": {"method": "DELETE", "url": "Patient/p1"}}]})
        )[0]
        == 403
    )
    study = Client(full.url, full.datastore, STUDY)
    for path in ("Patient/p1", "Patient", "Patient/p1/_history", "Patient/p1/$everything"):
        assert issue(study.ask("GET", path))[0] == 403


REFERENCES = st.sampled_from(
    [
        *(f"Patient/p{number}" for number in (1, 2, 3)),
        f"Patient?identifier={RECORD}|record-p1",
        f"Patient?identifier={RECORD}|record-p2",
        "urn:uuid:p1",
        "Practitioner/d1",
        "Group/none",
    ]
)
PEOPLE = [patient(f"p{number}", "Ruiz") for number in (1, 2, 3)]
PEOPLE[2]["identifier"] = [{"system": RECORD, "value": "record-p1"}, *PEOPLE[2]["identifier"]]  # as p1 has
OTHERS = REFERENCES.filter(lambda one: not one.startswith("urn:"))  # which states no type: a subject's may
OBSERVED = st.fixed_dictionaries(
    {"subject": REFERENCES}, optional={"performer": OTHERS, "focus": OTHERS, "hasMember": OTHERS}
)
LISTS = ("performer", "focus", "hasMember")


@settings(max_examples=4, deadline=None, phases=[Phase.reuse, Phase.generate])
@given(st.lists(OBSERVED, min_size=6, max_size=12))
def test_no_way_shows_a_resource_that_names_another_patient(
    served: tuple[str, Store], drawn: list[dict[str, str]]
) -> None:
    client = Client(served[0], make_datastore(client_of(served[0], "healthlake")))
    resources = [
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "code": {"text": "x"},
            **{
                name: [{"reference": one}] if name in LISTS else {"reference": one}
                for name, one in row.items()
            },
        }
        for number, row in enumerate(drawn)
    ]
    client.put(*PEOPLE, *resources)
    own = ("Patient/p1", "urn:uuid:p1")
    mine = {
        f"Observation/o{number}"
        for number, row in enumerate(drawn)
        if any(one in own for one in row.values())
        and all(one in own or not one.startswith(("Patient", "urn")) for one in row.values())
    }
    allowed = {*mine, "Patient/p1"}
    ward = Client(client.url, client.datastore, WARD)
    assert set(ward.found("Observation?_count=100")) == mine
    for path in (
        "Observation?subject:missing=false&_include=Observation:subject&_include=Observation:performer",
        "Patient?_revinclude=Observation:subject&_revinclude=Observation:performer",
        "Observation?subject.name=ruiz",
        "Observation?patient=p2",
        "Patient?_has:Observation:patient:status=final",
        "Patient/p1/$everything",
        "_history",
    ):
        shown = ward.ask("GET", path).json()
        assert set(listed(shown)) <= allowed, path
        assert shown.get("total", 0) <= len(allowed)


def test_a_data_store_is_its_accounts_alone(full: Client) -> None:
    assert issue(Client(full.url, full.datastore, OTHER).ask("GET", "Patient"))[0] == 404
    assert requests.get(f"{full.base}Patient", timeout=60).status_code == 403


def test_what_is_read_is_in_the_audit(served: tuple[str, Store], full: Client) -> None:
    full.ask("GET", "Condition?patient=p2&_include=Condition:subject")
    audit = Audit(served[1])
    (row,) = audit.rows(KEY.account, most=1)
    assert (row.operation, row.documents) == ("healthlake:FhirSearch", ["Condition/c3", "Patient/p2"])
    assert row.query and not audit.verify().fault


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
