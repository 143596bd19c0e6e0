"""HealthLake's search parameters for what its NLP found in a DocumentReference.

Source: HealthLake developer guide, "Search parameters for HealthLake integrated NLP". Those of two parts
(`infer-icd10cm-entity-text-concept-score=streptococcal|0.6`) hold within one entity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from brume.records.model.nlp import healthlake

_DETECTED = {"text": "string", "category": "token", "type": "token", "score": "number"}
_LINKED = {
    "text": "string",
    "score": "number",
    "concept-code": "token",
    "concept-description": "string",
    "concept-score": "number",
}
_CONCEPTS = {"infer-icd10cm": "ICD10CMConcepts", "infer-rxnorm": "RxNormConcepts"}
_SECONDS: Mapping[str, Sequence[str]] = {
    "detectEntities": ("category", "type", "score"),
    "infer-icd10cm": ("concept-code", "concept-score"),
    "infer-rxnorm": ("concept-code", "concept-score"),
}
_MEMBERS = {"detectEntities": _DETECTED, "infer-icd10cm": _LINKED, "infer-rxnorm": _LINKED}

INFERRED: Mapping[str, str] = {
    **{f"{api}-entity-{name}": kind for api, members in _MEMBERS.items() for name, kind in members.items()},
    **{f"{api}-entity-text-{name}": "composite" for api, names in _SECONDS.items() for name in names},
}
"""Kinds of FHIR by the parameter's name."""


def inferred(resource: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Iterate what the extension of a DocumentReference has: (parameter, value, second value or None)."""
    responses = healthlake.responses(resource)
    for api, response in zip(_MEMBERS, responses, strict=False):
        for entity in response["Entities"]:
            for name, value in _named(api, entity):
                yield f"{api}-entity-{name}", value, None
                if name in _SECONDS[api]:
                    yield f"{api}-entity-text-{name}", entity["Text"], value


def _named(api: str, entity: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "text", entity["Text"]
    yield "score", entity["Score"]
    if api == "detectEntities":
        yield "category", entity["Category"]
        yield "type", entity["Type"]
        return
    for concept in entity.get(_CONCEPTS[api]) or ():
        yield "concept-code", concept["Code"]
        yield "concept-description", concept["Description"]
        yield "concept-score", concept["Score"]
