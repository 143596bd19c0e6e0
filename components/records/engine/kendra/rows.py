"""Documents as rows of the database, and back."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from brume.records.engine.kendra import fields
from brume.records.model.entity import Concept, Entity, Trait
from brume.records.model.search.document import Access, Document, Grant, Principal

PATIENT = "patient"
"""The attribute that names the patient whose record a document is."""


def digest(identity: str) -> str:
    """Return the key of a document's row."""
    return hashlib.sha256(identity.encode()).hexdigest()


def document(
    identity: str,
    text: str,
    title: str,
    attributes: Mapping[str, Any],
    access: Sequence[Sequence[Mapping[str, Any]]],
    entities: Sequence[Mapping[str, Any]],
) -> Document:
    """Return a document from the values of its columns."""
    return Document(
        identity,
        text,
        title,
        fields.read(attributes),
        access_of(access),
        patient_of(attributes),
        tuple(_entity(one) for one in entities),
    )


def patient_of(attributes: Mapping[str, Any]) -> str:
    """Return the patient whose record a document is, by its attributes as they are kept; "" for none."""
    patient = fields.read(attributes).get(PATIENT, "")
    return patient if isinstance(patient, str) else ""


def with_entities(made: Document, entities: Sequence[Entity]) -> Document:
    """Return a document with entities."""
    return dataclasses.replace(made, entities=tuple(entities))


def columns(made: Document) -> dict[str, Any]:
    """Return the columns of a document."""
    return {
        "text": made.text,
        "title": made.title,
        "attributes": fields.kept(made.attributes),
        "access": [
            [
                {
                    "name": grant.principal.name,
                    "group": grant.principal.group,
                    "allow": grant.allow,
                    "source": grant.principal.source,
                }
                for grant in level
            ]
            for level in made.access
        ],
        "entities": [dataclasses.asdict(entity) for entity in made.entities],
    }


def access_of(levels: Sequence[Sequence[Mapping[str, Any]]]) -> Access:
    """Return lists of access from what rows have."""
    return tuple(
        tuple(Grant(Principal(one["name"], one["group"], one["source"]), one["allow"]) for one in level)
        for level in levels
    )


def _entity(kept: Mapping[str, Any]) -> Entity:
    return Entity(
        **{
            **kept,
            "traits": tuple((Trait(name), score) for name, score in kept["traits"]),
            "concepts": tuple(Concept(**one) for one in kept["concepts"]),
            "attributes": tuple(_entity(one) for one in kept["attributes"]),
        }
    )
