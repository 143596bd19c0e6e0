"""Sentences to classify, and sentences of contracts with the entities in them."""

from __future__ import annotations

import numpy as np

KINDS = ("Collision", "Breakdown", "Obstacle", "Weather")
ENTITIES = ("PARTY", "COURT", "DATE", "STATUTE", "AMOUNT")

_NOTES = {
    "Collision": (
        "A {vehicle} touched the {vehicle2} ahead at the {place}; no one was hurt.",
        "Rear-end collision of two {vehicle}s near the {place}, one lane closed.",
    ),
    "Breakdown": (
        "A {vehicle} with a flat tyre stands on the hard shoulder before the {place}.",
        "Engine trouble: a {vehicle} blocks the right lane at the {place}.",
    ),
    "Obstacle": (
        "Lost cargo of a {vehicle} lies across the middle lane at the {place}.",
        "A branch has come down on the road behind the {place}.",
    ),
    "Weather": (
        "Fog at the {place}, the {vehicle} in front is hard to see.",
        "Standing water at the {place} after heavy rain; traffic is slow.",
    ),
}
_VEHICLES = ("car", "van", "truck", "bus", "motorcycle")
_PLACES = ("east ramp", "toll bridge", "north tunnel", "ring road", "harbour exit", "old quarry")

_CLAUSES = (
    "On {DATE}, {PARTY} and {PARTY} agreed to pay {AMOUNT} under {STATUTE}.",
    "{PARTY} brought the matter before {COURT} on {DATE}.",
    "Under {STATUTE}, {COURT} ordered {PARTY} to return {AMOUNT}.",
    "The lease of {PARTY} ends on {DATE}; a deposit of {AMOUNT} remains with {PARTY}.",
)
_WORDS = {
    "PARTY": (
        "Harrow Logistics Ltd",
        "Brandt & Osei GmbH",
        "Maren Kolb",
        "Lantern Freight SA",
        "Thabo Weber",
    ),
    "COURT": ("the Regional Court of Aldenau", "the Court of Appeal in Marwick", "the Commercial Court"),
    "DATE": ("4 March 2025", "17 November 2024", "1 June 2025", "30 January 2026"),
    "STATUTE": ("section 12 of the Carriage Act", "article 7(2) of the Road Code", "section 433"),
    "AMOUNT": ("EUR 12,400", "EUR 860.50", "GBP 1.2 million", "EUR 75,000"),
}

Entity = tuple[int, int, str]  # start and end in characters, label


def note(rng: np.random.Generator) -> tuple[str, int]:
    """Return a note of an incident and the number of its kind."""
    kind = int(rng.integers(len(KINDS)))
    forms = _NOTES[KINDS[kind]]
    vehicle, other = (_VEHICLES[number] for number in rng.permutation(len(_VEHICLES))[:2])
    place = _PLACES[rng.integers(len(_PLACES))]
    return forms[rng.integers(len(forms))].format(vehicle=vehicle, vehicle2=other, place=place), kind


def clause(rng: np.random.Generator) -> tuple[str, list[Entity]]:
    """Return one or two sentences of a contract and the entities in them, in order."""
    text, entities = "", list[Entity]()
    for form in rng.permutation(len(_CLAUSES))[: rng.integers(1, 3)]:
        text += " " if text else ""
        for number, part in enumerate(_CLAUSES[form].replace("{", "}").split("}")):
            if number % 2:
                words = _WORDS[part]
                word = words[rng.integers(len(words))]
                entities.append((len(text), len(text) + len(word), part))
                text += word
            else:
                text += part
    return text, entities
