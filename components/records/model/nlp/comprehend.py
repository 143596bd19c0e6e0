"""Entities in the shapes of Amazon Comprehend Medical's responses, as its service model has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from brume.records.model.entity import CodeSystem, Concept, Entity, Trait

_ICD10CM_TRAITS = frozenset(
    {
        Trait.NEGATION,
        Trait.DIAGNOSIS,
        Trait.SIGN,
        Trait.SYMPTOM,
        Trait.FAMILY,
        Trait.HYPOTHETICAL,
        Trait.LOW_CONFIDENCE,
    }
)
_RXNORM_TRAITS = frozenset({Trait.NEGATION, Trait.PAST_HISTORY})
_ALL_TRAITS = frozenset(Trait)


def detected(entities: Iterable[Entity]) -> dict[str, Any]:
    """Return DetectEntitiesV2's entities, numbered by their place, and no unmapped attributes."""
    numbers = _Numbers()
    found = [_entity(entity, numbers, _ALL_TRAITS) for entity in sorted(entities, key=_place)]
    return {"Entities": found, "UnmappedAttributes": []}


def personal(entities: Iterable[Entity]) -> dict[str, Any]:
    """Return DetectPHI's entities."""
    numbers = _Numbers()
    return {"Entities": [_entity(entity, numbers, _ALL_TRAITS) for entity in sorted(entities, key=_place)]}


def icd10cm(entities: Iterable[Entity], link: Callable[[Entity], Sequence[Concept]]) -> dict[str, Any]:
    """Return InferICD10CM's entities, those with a code; `link` gives the codes of one, best first."""
    return _inferred(entities, "MEDICAL_CONDITION", "ICD10CMConcepts", link, _ICD10CM_TRAITS)


def rxnorm(entities: Iterable[Entity]) -> dict[str, Any]:
    """Return InferRxNorm's entities; one without a known code has no concepts."""
    return _inferred(entities, "MEDICATION", "RxNormConcepts", _of_rxnorm, _RXNORM_TRAITS)


def _of_rxnorm(entity: Entity) -> Sequence[Concept]:
    return [concept for concept in entity.concepts if concept.system == CodeSystem.RXNORM]


def _inferred(
    entities: Iterable[Entity],
    category: str,
    member: str,
    link: Callable[[Entity], Sequence[Concept]],
    allowed: frozenset[Trait],
) -> dict[str, Any]:
    numbers, found = _Numbers(), []
    for entity in sorted(entities, key=_place):
        if entity.category == category:
            codes = link(entity)
            if category == "MEDICAL_CONDITION" and not codes:
                continue
            shown = _entity(entity, numbers, allowed)
            shown[member] = [
                {"Description": one.display or one.code, "Code": one.code, "Score": one.score}
                for one in codes
            ]
            if category == "MEDICATION":
                for attribute in shown["Attributes"]:
                    attribute.pop("Category"), attribute.pop("RelationshipType")
            found.append(shown)
    return {"Entities": found}


class _Numbers:
    """The ids of a response: numbers from 0."""

    def __init__(self) -> None:
        self._next = -1

    def __call__(self) -> int:
        self._next += 1
        return self._next


def _entity(entity: Entity, numbers: _Numbers, allowed: frozenset[Trait]) -> dict[str, Any]:
    number = numbers()
    return {
        "Id": number,
        "BeginOffset": entity.begin,
        "EndOffset": entity.end,
        "Score": entity.score,
        "Text": entity.text,
        "Category": entity.category,
        "Type": entity.type,
        "Traits": _traits(entity, allowed),
        "Attributes": [
            {
                "Type": one.type,
                "Score": one.score,
                "RelationshipScore": one.score,
                "RelationshipType": one.type,
                "Id": numbers(),
                "BeginOffset": one.begin,
                "EndOffset": one.end,
                "Text": one.text,
                "Category": one.category,
                "Traits": _traits(one, allowed),
            }
            for one in entity.attributes
        ],
    }


def _traits(entity: Entity, allowed: frozenset[Trait]) -> list[dict[str, Any]]:
    return [{"Name": str(name), "Score": score} for name, score in entity.traits if name in allowed]


def _place(entity: Entity) -> tuple[int, int]:
    return entity.begin, entity.end


def read(
    detected: Mapping[str, Any], icd10: Mapping[str, Any], rxnorm: Mapping[str, Any], offset: int = 0
) -> tuple[Entity, ...]:
    """Return the entities of three responses to one text, by their place; codes go to what they are of.

    `offset` is where the text begins in the note. A trait that is not known here is left out.
    """
    codes: dict[tuple[int, int], tuple[Concept, ...]] = {}
    for response, member, system in (
        (icd10, "ICD10CMConcepts", CodeSystem.ICD10CM),
        (rxnorm, "RxNormConcepts", CodeSystem.RXNORM),
    ):
        for one in response.get("Entities", ()):
            codes[one["BeginOffset"], one["EndOffset"]] = tuple(
                Concept(system, each["Code"], each["Description"], each["Score"])
                for each in one.get(member, ())
            )
    found: dict[tuple[int, int, str], Entity] = {}
    everything = (response.get("Entities", ()) for response in (detected, icd10, rxnorm))
    for one in chain.from_iterable(everything):
        entity = _read(one, codes.get((one["BeginOffset"], one["EndOffset"]), ()), offset)
        found.setdefault((entity.begin, entity.end, entity.category), entity)
    return tuple(sorted(found.values(), key=_place))


def _read(one: Mapping[str, Any], concepts: tuple[Concept, ...], offset: int, category: str = "") -> Entity:
    category = category or one["Category"]
    return Entity(
        one["BeginOffset"] + offset,
        one["EndOffset"] + offset,
        one["Text"],
        category,
        one["Type"],
        one["Score"],
        tuple(
            (Trait(each["Name"]), each["Score"])
            for each in one.get("Traits", ())
            if each["Name"] in set(Trait)
        ),
        concepts,
        attributes=tuple(_read(each, (), offset, category) for each in one.get("Attributes", ())),
    )
