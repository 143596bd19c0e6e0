"""Asks a data store by SMART's fhirclient, whose models check what they read: {url} in, what it gave out."""

import json
import sys

import signing
from fhirclient.client import FHIRClient
from fhirclient.models.condition import Condition
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException
from requests import HTTPError

given = json.load(sys.stdin)
client = FHIRClient(settings={"app_id": "brume", "api_base": given["url"]})
client.server.session.auth = signing.Signed()
client.prepare()
server = client.server


def ids(resources):
    """Return TYPE/ID of resources."""
    return [f"{one.resource_type}/{one.id}" for one in resources]


found = {
    "states": [one.type for one in server.capabilityStatement.rest[0].resource],
    "read": Patient.read("p1", server).birthDate.isostring,
    "searched": ids(Condition.where({"patient": "p1", "code": "E11.9"}).perform_resources_iter(server)),
    "pages": ids(Condition.where({"_count": "1", "_sort": "onset-date"}).perform_resources_iter(server)),
    "included": ids(Condition.where({"_id": "c1"}).include("subject").perform_resources_iter(server)),
}
made = Condition({"resourceType": "Condition", "subject": {"reference": "Patient/p2"}})
created = made.create(server)
made.id = created["id"]
made.recorder = FHIRReference({"reference": "Practitioner/d1"})
found["changed"] = made.update(server)["meta"]["versionId"]
made.delete(server)
found["errors"] = []
for call in (
    lambda: Patient.read("absent", server),
    lambda: Condition.read(made.id, server),
    lambda: list(Condition.where({"colour": "red"}).perform_resources_iter(server)),
):
    try:
        call()
    except FHIRNotFoundException:
        found["errors"].append(404)
    except HTTPError as error:
        found["errors"].append(error.response.status_code)
print(json.dumps(found))
