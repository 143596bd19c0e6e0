"""How fast FHIR's REST of a data store writes and searches.

Usage: ``python -m bench.records_fhir [--patients 500]``.

Patients with their encounters, conditions, observations and notes are invented. Printed are the resources
written in a CPU second, search keys among them, and for each request over HTTP the median and the 99th
percentile of its seconds, signature, audit and JSON included.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brume.aws.engine.store import Store
from brume.records.engine.healthlake.store import FhirStore
from brume.records.model.fhir.keys import keys
from tests.aws.serving import client_of
from tests.components.records.fhir import Client, serve_fhir
from tests.components.records.healthlake import make_datastore

ASKED = 60  # times each
AT_ONCE = 500  # resources of a transaction
CODES = [f"{letter}{number:02d}" for letter in "ABCDEFGHIJKLMN" for number in range(100)]
REQUESTS = {
    "read": "Patient/PATIENT",
    "of a patient": "Condition?patient=PATIENT",
    "code": "Condition?code=C07&_count=20",
    "dates, sorted": "Encounter?date=ge2021-06&date=lt2021-07&_sort=-date&_count=20",
    "all, sorted": "Observation?_sort=-date&_count=20",
    "quantity": "Observation?code=glucose&value-quantity=gt9.5&_count=20",
    "chain": "Condition?patient.family=family-000&_count=20",
    "has": "Patient?_has:Condition:patient:code=C07&_count=20",
    "include": "Encounter?_count=20&_include=Encounter:patient&_include=Encounter:practitioner",
    "everything": "Patient/PATIENT/$everything?_count=100",
    "count": "Observation?_summary=count",
}


def records(patients: int) -> Iterator[dict[str, Any]]:
    """Yield the resources of invented patients: 41 of each."""
    chance = random.Random(7)  # noqa: S311
    for number in range(20):
        yield {"resourceType": "Practitioner", "id": f"d{number}", "name": [{"family": f"doctor-{number}"}]}
    for number in range(patients):
        subject = {"reference": f"Patient/p{number}"}
        name = [{"family": f"family-{number:05d}", "given": ["Ana"]}]
        yield {"resourceType": "Patient", "id": f"p{number}", "name": name, "birthDate": "1970-01-01"}
        for place in range(40):
            identity = f"p{number}-{place}"
            at = f"202{chance.randrange(5)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
            if place < 8:
                doctor = {"individual": {"reference": f"Practitioner/d{chance.randrange(20)}"}}
                found = {
                    "resourceType": "Encounter",
                    "status": "finished",
                    "period": {"start": at, "end": at},
                }
                yield {**found, "id": identity, "subject": subject, "participant": [doctor]}
            elif place < 16:
                code = {"coding": [{"system": "http://icd", "code": chance.choice(CODES)}]}
                found = {"resourceType": "Condition", "id": identity, "subject": subject, "code": code}
                yield {**found, "onsetDateTime": at}
            else:
                value = {"value": round(chance.uniform(3, 10), 1), "unit": "mmol/L", "code": "mmol/L"}
                found = {"resourceType": "Observation", "id": identity, "status": "final", "subject": subject}
                code = {"coding": [{"code": chance.choice(["glucose", "sodium"])}]}
                yield {**found, "code": code, "valueQuantity": value, "effectiveDateTime": at}


def load(store: Store, datastore: str, resources: list[dict[str, Any]]) -> None:
    """Write resources, and print how fast."""
    fhir, before = FhirStore(store, keys), time.process_time()
    for start in range(0, len(resources), AT_ONCE):
        with fhir.writing(datastore) as writing:
            writing.put_all(resources[start : start + AT_ONCE])
    seconds = time.process_time() - before
    print(f"{len(resources):,} resources; written in a CPU second: {len(resources) / seconds:,.0f}")


def ask(client: Client, name: str, path: str, patients: int) -> None:
    """Print how long a request takes."""
    chance, taken, size = random.Random(3), [], 0  # noqa: S311
    for _ in range(ASKED):
        one = path.replace("PATIENT", f"p{chance.randrange(patients)}")
        began = time.perf_counter()
        answer = client.ask("GET", one)
        taken.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
        size = max(size, len(answer.json().get("entry", ())))
    cuts = statistics.quantiles(taken, n=100)
    print(f"{name:14} p50 {cuts[49] * 1000:6.1f} ms  p99 {cuts[98] * 1000:6.1f} ms  entries {size}")


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=500)
    patients = parser.parse_args().patients
    with tempfile.TemporaryDirectory() as folder, serve_fhir(Path(folder)) as (url, store):
        datastore = make_datastore(client_of(url, "healthlake"))
        load(store, datastore, list(records(patients)))
        client = Client(url, datastore)
        for name, path in REQUESTS.items():
            ask(client, name, path, patients)


if __name__ == "__main__":
    main()
