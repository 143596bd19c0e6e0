"""Clients of FHIR that know nothing of this project: fhirpy and SMART's fhirclient, signed by botocore."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.aws import environments
from tests.aws.serving import KEY
from tests.components.records.fhir import REGION, Client

CLIENTS = Path(__file__).parents[1] / "clients"
pytestmark = pytest.mark.slow


def asked(full: Client, program: str) -> dict[str, Any]:
    """Run a client in the environment of these clients; returns what it found."""
    python = environments.python(CLIENTS / "fhir-clients.txt")
    keys = {"AWS_ACCESS_KEY_ID": KEY.access_key, "AWS_SECRET_ACCESS_KEY": KEY.secret}
    made = subprocess.run(
        [str(python), "-W", "ignore", str(CLIENTS / program)],
        input=json.dumps({"url": full.base.rstrip("/")}),
        env={**os.environ, **keys, "AWS_DEFAULT_REGION": REGION},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return dict(json.loads(made.stdout))


def test_fhirpy(full: Client) -> None:
    found = asked(full, "fhirpy_client.py")
    errors = found.pop("errors")
    assert found == {
        "searched": ["Condition/c1"],
        "sorted": ["Condition/c3", "Condition/c2", "Condition/c1"],
        "pages": ["Condition/c1", "Condition/c2", "Condition/c3"],
        "first": "c1",
        "included": ["Condition/c1", "Patient/p1"],
        "reverse": ["Patient/p1", "Condition/c1", "Condition/c2"],
        "chained": ["Condition/c3"],
        "counted": 3,
        "count": 3,
        "resolved": ["Zoë"],
        "changed": ["2", "2024-05"],
    }
    assert errors["deleted"] == ["ResourceNotFound", "deleted", "this Condition was deleted"]
    for name, words in (("parameter", "colour"), ("patch", "PATCH"), ("condition", "If-None-Exist")):
        kind, code, text = errors[name]
        assert (kind, code) == ("OperationOutcome", "not-supported") and words in text


def test_fhirclient(full: Client) -> None:
    """Its models of R4 take no answer with an element that is not there or of another type."""
    found = asked(full, "fhirclient_client.py")
    assert {"Patient", "Condition", "DocumentReference"} <= set(found.pop("states"))
    assert found == {
        "read": "1970-02-03",
        "searched": ["Condition/c1"],
        "pages": ["Condition/c1", "Condition/c2", "Condition/c3"],
        "included": ["Condition/c1", "Patient/p1"],
        "changed": "2",
        "errors": [404, 410, 400],
    }
