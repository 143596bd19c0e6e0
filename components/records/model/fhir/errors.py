"""What is wrong with a FHIR request, and the OperationOutcome that states it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: FHIR's code of it, a sentence, and the FHIRPath of the element, if any."""

    code: str  # of hl7.org/fhir/R4/valueset-issue-type.html
    text: str
    expression: str = ""


class FhirError(ValueError):
    """A request that is refused with an HTTP status and what is wrong with it."""

    def __init__(self, status: int, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.text for fault in faults))
        self.status, self.faults = status, tuple(faults)

    def outcome(self) -> dict[str, Any]:
        """Return the OperationOutcome."""
        return outcome(self.faults)


def refused(status: int, code: str, text: str, expression: str = "") -> FhirError:
    """Return the error of one fault."""
    return FhirError(status, [Fault(code, text, expression)])


def outcome(faults: Sequence[Fault], severity: str = "error") -> dict[str, Any]:
    """Return an OperationOutcome with these issues."""
    issues: list[dict[str, Any]] = []
    for fault in faults:
        issue: dict[str, Any] = {"severity": severity, "code": fault.code, "diagnostics": fault.text}
        if fault.expression:
            issue["expression"] = [fault.expression]
        issues.append(issue)
    return {"resourceType": "OperationOutcome", "issue": issues}
