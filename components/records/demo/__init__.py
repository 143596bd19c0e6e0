"""Generated exports of FHIR resources whose facts and faults are known."""

from brume.records.demo.generate import EXPORT, FEWEST, PATIENTS, TRUTH, generate
from brume.records.demo.truth import Fact, NoteTruth, Truth

__all__ = ["EXPORT", "FEWEST", "PATIENTS", "TRUTH", "Fact", "NoteTruth", "Truth", "generate"]
