"""Entities as HealthLake's integrated NLP adds them to a DocumentReference, in its order.

Programs read this extension by position and by the order of its keys: in each part the raw response and the
model's version come first, and `url` comes before the value. Names are those of HealthLake's developer guide,
"Integrated medical NLP"; it shows no entity of detect-entities, whose names here are formed as the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from brume.records.model.entity import CodeSystem, Concept, Entity, Trait
from brume.records.model.nlp import comprehend

BASE = "http://healthlake.amazonaws.com/"
EXTENSION = BASE + "aws-cm/"
GENERATED = BASE + "system-generated-resources/"
_ICD10 = EXTENSION + "infer-icd10/"
_RXNORM = EXTENSION + "infer-rxnorm/"
_ENTITIES = EXTENSION + "detect-entities/"
_TAG = {"tag": [{"display": "SYSTEM_GENERATED"}]}
# What a text states of others, denies or supposes makes no condition of the patient's.
_NOT_THE_PATIENTS = (Trait.NEGATION, Trait.FAMILY, Trait.HYPOTHETICAL, Trait.LOW_CONFIDENCE)


def extension(
    icd10: Mapping[str, Any], rxnorm: Mapping[str, Any], detected: Mapping[str, Any], version: str
) -> dict[str, Any]:
    """Return the extension with three responses of Comprehend Medical (`comprehend`), as FHIR JSON."""
    return {
        "url": EXTENSION,
        "extension": [
            _part(_ICD10, "aws-cm-icd10-entity", icd10, version, ("ICD10CMConcepts", "Concept")),
            _part(_RXNORM, "aws-cm-rxnorm-entity", rxnorm, version, ("RxNormConcepts", "Concepts")),
            _part(_ENTITIES, "aws-cm-detect-entities-entity", detected, version, None),
            {"url": EXTENSION + "status/", "valueString": "SUCCESS"},
            {
                "url": EXTENSION + "message/",
                "valueString": "The Amazon HealthLake integrated medical NLP operation was successful.",
            },
        ],
    }


def _part(
    base: str, name: str, response: Mapping[str, Any], version: str, concepts: tuple[str, str] | None
) -> dict[str, Any]:
    raw = json.dumps({**response, "ModelVersion": version}, ensure_ascii=False)
    return {
        "url": base,
        "extension": [
            {"url": base + "raw-response", "valueString": raw},
            {"url": base + "model-version", "valueString": version},
            *(_entity(base + name, entity, concepts) for entity in response["Entities"]),
        ],
    }


def _entity(name: str, entity: Mapping[str, Any], concepts: tuple[str, str] | None) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"url": f"{name}-id", "valueInteger": entity["Id"]},
        {"url": f"{name}-text", "valueString": entity["Text"]},
        {"url": f"{name}-begin-offset", "valueInteger": entity["BeginOffset"]},
        {"url": f"{name}-end-offset", "valueInteger": entity["EndOffset"]},
        {"url": f"{name}-score", "valueDecimal": entity["Score"]},
    ]
    if concepts is None:
        parts += [
            {"url": f"{name}-{key.lower()}", "valueString": entity[key]} for key in ("Category", "Type")
        ]
    else:
        member, kind = concepts
        listed = [_concept(f"{name}-{kind}", concept) for concept in entity[member]]
        parts.append({"url": f"{name}-ConceptList", "extension": listed})
    return {"url": name, "extension": parts}


def _concept(name: str, concept: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "url": name,
        "extension": [
            {"url": f"{name}-Code", "valueString": concept["Code"]},
            {"url": f"{name}-Description", "valueString": concept["Description"]},
            {"url": f"{name}-Score", "valueDecimal": concept["Score"]},
        ],
    }


def resources(document: str, patient: str, entities: Sequence[Entity]) -> list[dict[str, Any]]:
    """Return the resources that HealthLake generates: Condition, MedicationStatement, and their Linkage.

    There is one for each mention with a code, but for what the text denies, supposes or states of others.
    `document` and `patient` are ids of a DocumentReference and a Patient ("" where the note names none).
    The id of a resource is made of the document's, the place and the code: another run gives the same ones.
    """
    linkage = linkage_id(document)
    found: list[dict[str, Any]] = []
    for entity in entities:
        if not entity.concepts or any(entity.has(trait) for trait in _NOT_THE_PATIENTS):
            continue
        concept = entity.concepts[0]
        made: dict[str, Any]
        number = _id(document, str(entity.begin), str(entity.end), concept.code)
        subject = {"subject": {"reference": f"Patient/{patient}"}} if patient else {}
        if entity.category == "MEDICAL_CONDITION":
            scores = [
                {"url": _ICD10 + "aws-cm-icd10-entity-score", "valueDecimal": entity.score},
                {"url": _ICD10 + "aws-cm-icd10-entity-Concept-Score", "valueDecimal": concept.score},
            ]
            made = {"resourceType": "Condition", "id": number, "meta": _TAG, **subject}
            made["code"] = {**_coding(_ICD10, concept.code, concept.display), "text": concept.display}
        elif concept.system == CodeSystem.RXNORM:
            scores = []
            made = {"resourceType": "MedicationStatement", "id": number, "meta": _TAG, **subject}
            made["status"] = "unknown"
            made["medicationCodeableConcept"] = _coding(_RXNORM, concept.code, concept.display)
        else:
            continue
        made["modifierExtension"] = [*scores, *_origin(linkage, document)]
        found.append(made)
    return [*found, _linkage(linkage, document, found)] if found else []


def annotated(
    document: Mapping[str, Any],
    patient: str,
    first: Sequence[Entity],
    entities: Sequence[Entity],
    version: str,
    link: Callable[[Entity], Sequence[Concept]] = lambda entity: entity.concepts,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a DocumentReference with both extensions, in place of those that it has, and what was made.

    `first` are the entities of its first content, which is all that HealthLake reads; resources are made of
    `entities`, those of all its contents. `version` is the extractor's, `link` gives the codes of conditions.
    """
    # Contents of one document that state the same at the same place make one resource.
    unlike = {(one.begin, one.end, one.concepts[:1]): one for one in entities}
    made = resources(str(document["id"]), patient, list(unlike.values()))
    ours = extension(
        comprehend.icd10cm(first, link), comprehend.rxnorm(first), comprehend.detected(first), version
    )
    others = [one for one in document.get("extension") or () if one.get("url") not in (EXTENSION, GENERATED)]
    extensions = [*others, ours, *([generated(made)] if made else [])]
    return {**document, "extension": extensions}, made


def linkage_id(document: str) -> str:
    """Return the id of the Linkage of what was made of a DocumentReference, by that one's id."""
    return _id(document, "linkage")


def linked(linkage: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return type and id of the resources that a Linkage names as made, itself among them."""
    named = [
        str((item.get("resource") or {}).get("reference", "")).partition("/")
        for item in linkage.get("item") or ()
        if item.get("type") == "alternate"
    ]
    return [("Linkage", str(linkage["id"])), *((kind, identity) for kind, _, identity in named)]


def generated(made: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the second extension of a document, which names its generated resources (`resources`)."""
    linkage = [one for one in made if one["resourceType"] == "Linkage"]
    others = [one for one in made if one["resourceType"] != "Linkage"]
    return {
        "url": GENERATED,
        "extension": [
            *(_reference("linkage", one) for one in linkage),
            *(_reference("nlp-entity", one) for one in others),
        ],
    }


def _coding(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _origin(linkage: str, document: str) -> list[dict[str, Any]]:
    return [
        {"url": BASE + "system-generated-linkage", "valueReference": {"reference": f"Linkage/{linkage}"}},
        {
            "url": BASE + "source-document-reference",
            "valueReference": {"reference": f"DocumentReference/{document}"},
        },
    ]


def _linkage(number: str, document: str, made: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    items = [("alternate", str(one["resourceType"]), str(one["id"])) for one in made]
    items.append(("source", "DocumentReference", document))
    return {
        "resourceType": "Linkage",
        "id": number,
        "meta": _TAG,
        "active": True,
        "item": [
            {"type": kind, "resource": {"reference": f"{name}/{one}", "type": name}}
            for kind, name, one in items
        ],
    }


def _reference(name: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "url": BASE + name,
        "valueReference": {"reference": f"{resource['resourceType']}/{resource['id']}"},
    }


def _id(*parts: str) -> str:
    """Return an id of FHIR (64 characters at most) that is the same for the same parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def present(resource: Mapping[str, Any]) -> tuple[Entity, ...]:
    """Return the entities that the extension of a DocumentReference has, by their place; () without one."""
    found = responses(resource)
    return comprehend.read(found[0], found[1], found[2]) if found else ()


def responses(resource: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the responses in the extension of a DocumentReference, () without one.

    They are DetectEntities-V2's, InferICD10CM's and InferRxNorm's. The raw responses have most, where they
    are JSON; HealthLake writes some that are not, and then what the entities of the extension have is taken:
    no traits and no attributes.
    """
    for one in resource.get("extension") or ():
        if one.get("url") == EXTENSION:
            parts = {part.get("url"): part.get("extension") or () for part in one.get("extension") or ()}
            return tuple(_response(parts.get(base, ()), base) for base in (_ENTITIES, _ICD10, _RXNORM))
    return ()


def _response(part: Sequence[Mapping[str, Any]], base: str) -> Mapping[str, Any]:
    """Return a part of the extension as the response that it was made of."""
    for one in part:
        if one.get("url") == base + "raw-response":
            try:
                response = json.loads(one.get("valueString") or "")
            except ValueError:
                continue
            if isinstance(response, dict):
                return response
    kind, category, member = {
        _ICD10: ("DX_NAME", "MEDICAL_CONDITION", "ICD10CMConcepts"),
        _RXNORM: ("GENERIC_NAME", "MEDICATION", "RxNormConcepts"),
    }.get(base, ("", "", ""))
    found = []
    for one in part:
        if not str(one.get("url", "")).endswith("-entity"):
            continue
        values = _values(one)
        found.append(
            {
                "BeginOffset": values["begin-offset"],
                "EndOffset": values["end-offset"],
                "Text": values["text"],
                "Score": values["score"],
                "Category": values.get("category", category),
                "Type": values.get("type", kind),
                member: values.get("ConceptList", []),
            }
        )
    return {"Entities": found}


def _values(entity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of an entity of the extension by name, its concepts as a response has them."""
    found: dict[str, Any] = {}
    for one in entity["extension"]:
        name = one["url"].rpartition("-entity-")[2]
        if name == "ConceptList":
            concepts = ({each["url"].rpartition("-")[2]: _value(each) for each in item["extension"]}
                        for item in one["extension"])  # fmt: skip
            found[name] = [{"Description": "", **concept} for concept in concepts]
        else:
            found[name] = _value(one)
    return found


def _value(extension: Mapping[str, Any]) -> Any:
    return next(value for name, value in extension.items() if name.startswith("value"))
