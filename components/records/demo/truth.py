"""What is true of a generated export: facts of its notes, and the faults of its files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Fact:
    """Something that a note's text states. `begin` and `end` count code points, `text` is what stands there.

    `kind` is condition, symptom, drug or personal; `code` is of ICD-10-CM or RxNorm, "" for personal ones.
    `planted` is the way it was written: plain, abbreviation, misspelt, negated, family, historical, possible,
    hypothetical; for personal ones NAME, AGE, PHONE, ADDRESS, ID, DATE or EMAIL.
    """

    kind: str
    text: str
    begin: int
    end: int
    planted: str
    code: str = ""


@dataclass(frozen=True)
class NoteTruth:
    """A note: its id, patient, text and facts; `carrier` is how its resource holds it.

    `exact` is whether the text that is read is this one to the character, as it is not of HTML.
    """

    id: str
    patient: str
    text: str
    facts: tuple[Fact, ...]
    carrier: str
    exact: bool = True


@dataclass
class Truth:
    """The whole truth of an export.

    `rejects` are (file, line) of what cannot be used, `repairs` counts by (file, what), `note_rejects` the
    ids of attachments without a note, `deleted` and `replaced` (older versions) are TYPE/ID, `resources`
    counts those that hold by type.
    """

    patients: int
    seed: int
    code: str
    notes: list[NoteTruth] = field(default_factory=list)
    rejects: list[tuple[str, int]] = field(default_factory=list)
    repairs: list[tuple[str, str, int]] = field(default_factory=list)
    note_rejects: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    resources: dict[str, int] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the truth as JSON."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Truth:
        """Read what `save` wrote. Raises `ValueError`, `TypeError` or `KeyError` for anything else."""
        value = json.loads(path.read_text(encoding="utf-8"))
        notes = [
            NoteTruth(**{**note, "facts": tuple(Fact(**fact) for fact in note["facts"])})
            for note in value.pop("notes")
        ]
        for name in ("rejects", "repairs"):
            value[name] = [tuple(one) for one in value[name]]
        return cls(notes=notes, **value)
