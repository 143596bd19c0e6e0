"""The operations that answer at once: entities, personal data and codes of one text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brume.aws.engine.errors import Errors
from brume.aws.engine.service import Call
from brume.records.engine.comprehend_medical.analysis import (
    ENTITIES,
    ICD10CM,
    PERSONAL,
    RXNORM,
    Analysis,
    Kind,
)
from brume.records.model.nlp.rxnorm import TerminologyError
from brume.weights import WeightsError

ERRORS = Errors("comprehendmedical")


class Detection:
    """The operations on one text; offsets count code points."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis

    def detect_entities_v2(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return conditions, drugs and personal data."""
        return self._analyse(ENTITIES, request)

    def detect_entities(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return what DetectEntitiesV2 does; AWS keeps this operation for older programs."""
        return self._analyse(ENTITIES, request)

    def detect_phi(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return personal data."""
        return self._analyse(PERSONAL, request)

    def infer_icd10_cm(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return conditions, each with up to five codes."""
        return self._analyse(ICD10CM, request)

    def infer_rx_norm(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return drugs, with the codes that BRUME_RECORDS_RXNORM gives."""
        return self._analyse(RXNORM, request)

    def _analyse(self, kind: Kind, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._analysis.of(kind, request["Text"])
        except (WeightsError, TerminologyError, FileNotFoundError) as error:
            raise ERRORS("ServiceUnavailableException", str(error)) from error
