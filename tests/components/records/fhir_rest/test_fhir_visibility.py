"""Who sees what by FHIR's REST."""

from __future__ import annotations

import requests
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from brume.aws.engine.store import Store
from brume.records.engine.access.audit import Audit
from tests.aws.serving import KEY, OTHER, client_of
from tests.components.records.fhir import STUDY, WARD, Client, listed
from tests.components.records.fhir_resources import RECORD, issue, patient
from tests.components.records.healthlake import make_datastore


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
