"""What is recognised in a note: entities with offsets, traits and codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from brume.records.model.note import Note


class Trait(StrEnum):
    """What a text states about an entity; the first four names are those of Comprehend Medical."""

    NEGATION = "NEGATION"
    PAST_HISTORY = "PAST_HISTORY"
    FAMILY = "PERTAINS_TO_FAMILY"
    HYPOTHETICAL = "HYPOTHETICAL"
    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    DIAGNOSIS = "DIAGNOSIS"
    SYMPTOM = "SYMPTOM"
    SIGN = "SIGN"


class CodeSystem(StrEnum):
    """Systems of codes, by their FHIR addresses."""

    ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
    RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
    SNOMED = "http://snomed.info/sct"


@dataclass(frozen=True)
class Concept:
    """A code that an entity may be linked to, with a score from 0 to 1."""

    system: str
    code: str
    display: str
    score: float = 1.0


@dataclass(frozen=True)
class Entity:
    """A mention. `begin` and `end` count code points of the note's text, which has `text` between them.

    `category` and `type` are Comprehend Medical's (MEDICAL_CONDITION and DX_NAME, MEDICATION and
    GENERIC_NAME, PROTECTED_HEALTH_INFORMATION and NAME, ...). `concepts` come best first.
    `attributes` are entities that belong to this one, such as a drug's dosage.
    """

    begin: int
    end: int
    text: str
    category: str
    type: str
    score: float
    traits: tuple[tuple[Trait, float], ...] = ()
    concepts: tuple[Concept, ...] = ()
    section: str = ""  # the heading's normal name, such as "past medical history"
    attributes: tuple[Entity, ...] = field(default=())

    def has(self, trait: Trait) -> bool:
        """Return whether the text states this about it."""
        return any(name == trait for name, _ in self.traits)


class Extractor(Protocol):
    """What finds entities in notes: the local one, Comprehend Medical, a model of the user's own."""

    name: str
    version: str  # changes whenever another result is possible

    def extract(self, note: Note) -> tuple[Entity, ...]:
        """Return the entities of a note, by their place."""
