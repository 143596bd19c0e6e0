"""A resource as a request sends it: JSON of FHIR, whose faults have their line."""

from __future__ import annotations

import json
from typing import Any

from brume.records.model.fhir import exact_json
from brume.records.model.fhir.errors import refused


def read(data: bytes) -> dict[str, Any]:
    """Return the object in `data`. Raises `FhirError` (400) with line and column of what is wrong."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refused(400, "structure", f"line {line}: the body is not UTF-8") from None
    if not text.strip():
        raise refused(400, "structure", "the body is empty: send one resource as JSON")
    return of_text(text)


def of_text(text: str) -> dict[str, Any]:
    """Return the object that a text is. Raises `FhirError` (400) with line and column of what is wrong."""
    try:
        value = exact_json.loads(text)
        exact_json.dumps(value)  # half a surrogate pair, or a number of too many digits
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise refused(400, "structure", f"{at}: not JSON: {error.msg}") from None
    except (ValueError, TypeError) as error:
        raise refused(400, "structure", f"the body is not JSON as FHIR has it: {error}") from None
    if not isinstance(value, dict):
        raise refused(400, "structure", "line 1: the body is not one JSON object")
    return value
