"""Asks a data store by fhirpy: {url} in, what it gave out.

Searches, pages, what comes with the matches, changes and errors, as its README has them.
"""

import json
import sys

import signing
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

given = json.load(sys.stdin)
client = SyncFHIRClient(given["url"], requests_config={"auth": signing.Signed(), "timeout": 60})
conditions, patients = client.resources("Condition"), client.resources("Patient")


def ids(resources):
    """Return TYPE/ID of resources."""
    return [f"{one['resourceType']}/{one['id']}" for one in resources]


found = {
    "searched": ids(conditions.search(patient="p1", code="http://icd|E11.9").fetch()),
    "sorted": ids(conditions.sort("-onset-date").fetch()),
    "pages": ids(conditions.sort("onset-date").limit(1).fetch_all()),
    "first": conditions.sort("onset-date").first()["id"],
    "included": ids(
        one.resource for one in conditions.search(_id="c1").include("Condition", "patient").fetch_raw().entry
    ),
    "reverse": ids(
        one.resource for one in patients.search(_id="p1").revinclude("Condition", "patient").fetch_raw().entry
    ),
    "chained": ids(conditions.search(patient__name="ruizdael").fetch()),
    "counted": conditions.search(_summary="count").fetch_raw()["total"],
    "resolved": client.reference("Patient", "p1").to_resource()["name"][0]["given"],
}

made = client.resource(
    "Condition",
    subject=client.reference("Patient", "p2").to_reference(),
    code={"coding": [{"system": "http://icd", "code": "J45"}]},
)
made.save()
made["onsetDateTime"] = "2024-05"
made.save()
found["changed"] = [made["meta"]["versionId"], conditions.search(code="J45").get()["onsetDateTime"]]
made.delete()
lenient = SyncFHIRClient(
    given["url"],
    extra_headers={"Prefer": "handling=lenient"},  # it counts with a parameter that FHIR does not have
    requests_config={"auth": signing.Signed(), "timeout": 60},
)
found["count"] = lenient.resources("Condition").count()
# Its condition of a creation is not FHIR's, which is a header.
nobody = client.resource("Patient", name=[{"family": "Nobody"}])
found["errors"] = {}
for name, call in {
    "deleted": lambda: client.get("Condition", made["id"]),
    "parameter": lambda: conditions.search(colour="red").fetch(),
    "patch": lambda: client.patch("Patient", "p1", active=True),
    "condition": lambda: patients.search(identifier="record-p2").get_or_create(nobody),
}.items():
    try:
        call()
    except (OperationOutcome, ResourceNotFound) as error:
        (issue,) = json.loads(str(error))["issue"]
        found["errors"][name] = [type(error).__name__, issue["code"], issue["diagnostics"]]
print(json.dumps(found))
