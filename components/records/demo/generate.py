"""Generate an export of FHIR resources with notes, whose facts and faults are known."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from brume.records.demo import carriers, people
from brume.records.demo.carriers import CARRIERS, Setting
from brume.records.demo.faults import break_files
from brume.records.demo.note_text import Person, write_note
from brume.records.demo.truth import NoteTruth, Truth
from brume.run.generated import digest_of, filled

EXPORT, TRUTH = "export", "truth.json"
PATIENTS = 40
FEWEST = 2  # patients among whom the planted faults have their places
_PARTS = 3  # files of each type of resources that hold notes
Resource = dict[str, Any]


@dataclass
class Studio:
    """What is being made: resources by file, files of attachments, and the truth."""

    truth: Truth
    files: dict[str, list[Resource]] = field(default_factory=dict)
    attachments: dict[str, bytes] = field(default_factory=dict)

    def add(self, resource: Resource, part: int = 0) -> None:
        """Add a resource to a file of its type."""
        name = f"{resource['resourceType']}-{part}.ndjson"
        self.files.setdefault(name, []).append(resource)


def generate(folder: Path, patients: int = PATIENTS, seed: int = 0) -> Truth:
    """Write FOLDER/export and FOLDER/truth.json; return what is true of the export.

    Equal arguments give equal bytes on every machine. A folder that the same generator filled with the same
    arguments is taken over as it is, one that it filled with others is replaced. The folder appears whole or
    not at all. Raises `FileExistsError` when it holds something else.
    """
    code = digest_of(__file__)
    return filled(
        folder,
        lambda known: Truth.load(known / TRUTH),
        lambda truth: (truth.patients, truth.seed, truth.code) == (patients, seed, code),
        lambda partial: _write(partial, Truth(patients, seed, code)),
        what="export",
        files=(TRUTH, EXPORT),
    )


def _write(folder: Path, truth: Truth) -> Truth:
    studio = Studio(truth)
    for resource in people.practitioners():
        studio.add(resource)
    for number in range(truth.patients):
        person = people.person(truth.seed, number)
        for resource in (people.patient(person), *people.conditions(person), *people.medications(person)):
            studio.add(resource)
        _add_notes(studio, person, number)
    truth.resources = dict(Counter(one["resourceType"] for some in studio.files.values() for one in some))
    lines = {
        name: [orjson.dumps(resource) + b"\n" for resource in some] for name, some in studio.files.items()
    }
    for name, data in (break_files(lines, truth) | studio.attachments).items():
        path = folder / EXPORT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    truth.save(folder / TRUTH)
    return truth


def _add_notes(studio: Studio, person: Person, number: int) -> None:
    chance = random.Random(f"{studio.truth.seed}/notes/{number}")  # noqa: S311 - has to be the same again
    for count in range(chance.randrange(4, 8)):
        date = f"20{chance.randrange(18, 25)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
        author = chance.randrange(len(people.CLINICIANS))
        written = write_note(person, date, people.clinician(author), chance)
        carry = CARRIERS[(number * 7 + count) % len(CARRIERS)]
        identity = people.identity(person.id, "note", count)
        held = carry(Setting(identity, person, written.text, date, author))
        studio.add(held.resource, (number + count) % _PARTS)
        for binary in held.binaries:
            studio.add(binary)
        studio.attachments |= held.files
        reference = f"{held.resource['resourceType']}/{identity}"
        exact = carry is not carriers.page
        studio.truth.notes.append(
            NoteTruth(f"{reference}/0", person.id, written.text, tuple(written.facts), carry.__name__, exact)
        )
        if carry is carriers.two:
            studio.truth.notes.append(NoteTruth(f"{reference}/1", person.id, carriers.ADDENDUM, (), "two"))
