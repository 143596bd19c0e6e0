"""The text of a generated note, with the facts that were planted in it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from brume.records.demo.truth import Fact
from brume.records.demo.vocabulary import CONDITIONS, DRUGS, SYMPTOMS, Condition, Drug

_FREQUENCIES = ("daily", "twice daily", "at bedtime", "as needed")
_RELATIVES = ("mother", "father", "sister", "brother", "maternal grandmother", "paternal uncle")


@dataclass(frozen=True)
class Person:
    """A patient as notes name them."""

    id: str
    name: str
    sex: str
    born: int  # year
    record: str  # number of the medical record
    phone: str
    email: str
    address: str
    conditions: tuple[Condition, ...]
    drugs: tuple[Drug, ...]


class Writer:
    """A text that grows, and the facts in it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.facts: list[Fact] = []
        self._parts: list[str] = []
        self._length = 0

    @property
    def text(self) -> str:
        """All that was written."""
        return "".join(self._parts)

    def write(self, *parts: str | tuple[str, str, str, str]) -> None:
        """Add texts, and mentions as (text, kind, planted, code)."""
        for part in parts:
            text = part if isinstance(part, str) else part[0]
            if not isinstance(part, str):
                begin, end = self._length, self._length + len(text)
                self.facts.append(Fact(part[1], text, begin, end, part[2], part[3]))
            self._parts.append(text)
            self._length += len(text)


Mention = tuple[str, str, str, str]


def write_note(person: Person, date: str, author: str, chance: random.Random) -> Writer:
    """Write a note about a person; equal arguments give equal notes."""
    text = Writer()
    others = [one for one in CONDITIONS if one not in person.conditions]
    absent = chance.sample(SYMPTOMS, 4)
    age = str(int(date[:4]) - person.born)
    text.write("# Chief Complaint\n", _named(absent[0], "symptom", chance), "\n\n")
    text.write("# History of Present Illness\n", (person.name, "personal", "NAME", ""), " is a ")
    text.write((age, "personal", "AGE", ""), f" year old {person.sex} seen on ")
    text.write((date, "personal", "DATE", ""), ".\n")
    present = list(person.conditions)
    for condition in present:
        text.write(chance.choice(("Known ", "Follow-up for ", "History and exam fit ")))
        text.write(_named(condition, "condition", chance), ".\n")
    text.write("Denies ", _as(absent[1], "symptom", "negated"), " and ")
    text.write(_as(absent[2], "symptom", "negated"), ".\n")
    text.write("No evidence of ", _as(others[chance.randrange(len(others))], "condition", "negated"), ".\n")
    _history(text, others, chance)
    text.write("\n# Medications\n")
    for drug in person.drugs or (chance.choice(DRUGS),):
        text.write("- ", _drug(drug, chance), f" {chance.choice(drug.doses)} ")
        text.write(chance.choice(_FREQUENCIES), "\n")
    text.write("\n# Plan\n", chance.choice(("Possible ", "Suspected ", "Cannot exclude ")))
    text.write(_as(chance.choice(others), "condition", "possible"), "; further tests were ordered.\n")
    text.write("Return if ", _as(absent[3], "symptom", "hypothetical"), " develops.\n")
    text.write("MRN ", (person.record, "personal", "ID", ""), ", phone ")
    text.write((person.phone, "personal", "PHONE", ""), ", ")
    text.write((person.email, "personal", "EMAIL", ""), ".\nLives at ")
    text.write((person.address, "personal", "ADDRESS", ""), ".\n\nSigned by ")
    text.write((author, "personal", "NAME", ""), "\n")
    return text


def _history(text: Writer, others: list[Condition], chance: random.Random) -> None:
    past, family = chance.sample(others, 2)
    text.write("\n# Past Medical History\n- ", _as(past, "condition", "historical"))
    text.write(f" ({chance.randrange(1998, 2015)})\n\n# Family History\n")
    text.write(f"{chance.choice(_RELATIVES).capitalize()} had ", _as(family, "condition", "family"), ".\n")


def _named(one: Condition, kind: str, chance: random.Random) -> Mention:
    """Return a mention of something that is there, now and then by an abbreviation or in other words."""
    if one.short and chance.random() < 0.3:
        return chance.choice(one.short), kind, "abbreviation", one.code
    return chance.choice((one.name, *one.words)), kind, "plain", one.code


def _as(one: Condition, kind: str, planted: str) -> Mention:
    return one.name, kind, planted, one.code


def _drug(drug: Drug, chance: random.Random) -> Mention:
    if chance.random() < 0.3:
        return chance.choice(drug.misspelt), "drug", "misspelt", drug.code
    return drug.name, "drug", "plain", drug.code
