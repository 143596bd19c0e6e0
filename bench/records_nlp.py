"""Measures what is found in notes, on labelled sets that no rule was changed for, and how fast.

python -m bench.records_nlp [PREFIX...] [--faults]

PREFIX: held, second, third, fourth and fifth (each by an author of its own), tuned (sentences alone). By
default the first five.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from brume import weights
from brume.records.model.entity import Entity, Trait
from brume.records.model.nlp.local import LocalExtractor
from brume.records.model.note import Note
from tests.components.records.planted import HELD, TUNED, planted_notes

LABELLED = Path(__file__).parents[1] / "tests/components/records/labelled"
STATED = {
    "negated": Trait.NEGATION,
    "past": Trait.PAST_HISTORY,
    "family": Trait.FAMILY,
    "possible": Trait.LOW_CONFIDENCE,
    "hypothetical": Trait.HYPOTHETICAL,
}
SENTENCES = {"held": HELD, "tuned": TUNED}  # that personal data is planted in
TARGETS = {"negated": 0.96, "past": 0.75, "family": 0.95}


@dataclass
class Counted:
    """Right, superfluous and missing answers."""

    right: int = 0
    superfluous: int = 0
    missing: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of the answers that are right."""
        return self.right / max(self.right + self.superfluous, 1)

    @property
    def recall(self) -> float:
        """Share of what is to be found that is."""
        return self.right / max(self.right + self.missing, 1)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.right / max(2 * self.right + self.superfluous + self.missing, 1)


def context(extractor: LocalExtractor, prefix: str) -> dict[str, Counted]:
    """Return what is stated of mentions, right and wrong, by trait."""
    found = {name: Counted() for name in STATED}
    for line in (LABELLED / f"{prefix}-context.tsv").read_text(encoding="utf-8").splitlines():
        sentence, section, mention, stated = line.split("\t")
        text = f"{section.upper()}:\n{sentence}" if section else sentence
        begin = text.index(mention)
        here = [
            entity
            for entity in extractor.extract(Note("", "", text))
            if entity.begin < begin + len(mention) and begin < entity.end
        ]
        wanted = set() if stated == "none" else set(stated.split("+"))
        got = {name for name, trait in STATED.items() if any(entity.has(trait) for entity in here)}
        for name, counted in found.items():
            _count(counted, name in wanted, name in got, f"{name}: {mention!r} in {sentence}")
    return found


def _count(counted: Counted, wanted: bool, got: bool, fault: str) -> None:
    counted.right += wanted and got
    counted.superfluous += got and not wanted
    counted.missing += wanted and not got
    if wanted != got:
        counted.faults.append(f"{'missing' if wanted else 'superfluous'} {fault}")


def phrases(extractor: LocalExtractor, prefix: str) -> Counted:
    """Return for how many phrases the first code is of the right category."""
    found = Counted()
    for line in (LABELLED / f"{prefix}-phrases.tsv").read_text(encoding="utf-8").splitlines():
        phrase, category = line.split("\t")
        codes = extractor.linker.link(phrase, 1)
        got = codes[0].code[:3] if codes else ""
        found.right += got == category
        found.missing += got != category
        if got != category:
            found.faults.append(f"{phrase}: {got or 'none'}, not {category}")
    return found


def notes(extractor: LocalExtractor, prefix: str) -> Counted:
    """Return the categories of conditions in whole notes, each counted once a note."""
    found = Counted()
    for part in (LABELLED / f"{prefix}-notes.txt").read_text(encoding="utf-8").split("=== ")[1:]:
        head, _, text = part.partition("\n")
        wanted = {each.rpartition("=")[2].strip() for each in head.split("|")}
        got = {
            entity.concepts[0].code[:3]: entity.text
            for entity in extractor.extract(Note("", "", text))
            if entity.category == "MEDICAL_CONDITION" and entity.concepts
        }
        found.right += len(wanted & set(got))
        found.missing += len(wanted - set(got))
        found.superfluous += len(set(got) - wanted)
        found.faults += [f"missing {code} in {text[:40]!r}" for code in sorted(wanted - set(got))]
        found.faults += [f"superfluous {code} ({got[code]})" for code in sorted(set(got) - wanted)]
    return found


def personal(extractor: LocalExtractor, prefix: str) -> Counted:
    """Return the personal data planted in notes that is found, and what is found besides."""
    found = Counted()
    for text, planted in planted_notes(SENTENCES[prefix], 200, seed=11):
        entities = extractor.personal(text)
        for begin, end, kind in planted:
            hit = any(one.begin < end and begin < one.end and _covers(one, begin, end) for one in entities)
            found.right += hit
            found.missing += not hit
            if not hit:
                found.faults.append(
                    f"missing {kind} {text[begin:end]!r} in {text[max(0, begin - 30) : end + 10]!r}"
                )
        for one in entities:
            if not any(one.begin < end and begin < one.end for begin, end, _ in planted):
                found.superfluous += 1
                found.faults.append(f"superfluous {one.type} {one.text!r}")
    return found


def _covers(entity: Entity, begin: int, end: int) -> bool:
    """Return whether an entity has all of a planted text, but for what follows its last word."""
    return entity.begin <= begin and end <= entity.end


def speed(extractor: LocalExtractor) -> tuple[float, str]:
    """Return notes a CPU second, and of which notes: Synthea's where they are, else the labelled ones."""
    folder = Path(os.environ.get("BRUME_DATA", "../shared/data")) / "records/fhir-10-patients"
    texts, of = [], "Synthea's"
    for path in sorted(folder.glob("DocumentReference*.ndjson")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                attachment = json.loads(line)["content"][0]["attachment"]
                texts.append(base64.b64decode(attachment["data"]).decode())
    if not texts:
        texts, of = (
            (LABELLED / "held-notes.txt").read_text(encoding="utf-8").split("=== ")[1:] * 20,
            "labelled",
        )
    begin = time.process_time()
    for text in texts:
        extractor.extract(Note("", "", text))
    return len(texts) / (time.process_time() - begin), f"{len(texts)} {of}"


def main() -> None:
    """Print the figures beside the targets."""
    chosen, shown = [word for word in sys.argv[1:] if word != "--faults"], "--faults" in sys.argv
    try:
        extractor = LocalExtractor.load()
    except weights.WeightsError as error:
        raise SystemExit(str(error)) from error
    for prefix in chosen:
        if not (LABELLED / f"{prefix}-context.tsv").exists():
            known = sorted(path.name.removesuffix("-context.tsv") for path in LABELLED.glob("*-context.tsv"))
            raise SystemExit(f"no labelled set is called {prefix}: there are {', '.join(known)}")
    for prefix in chosen or ("held", "second", "third", "fourth", "fifth"):
        faults = measure(extractor, prefix)
        if shown:
            print(*faults, sep="\n")
    rate, of = speed(extractor)
    print(f"{rate:.0f} notes a CPU second ({of} notes), target 150")


def measure(extractor: LocalExtractor, prefix: str) -> list[str]:
    """Print the figures of one set beside the targets, and return its faults."""
    print(f"{prefix}:")
    faults: list[str] = []
    for name, counted in context(extractor, prefix).items():
        target = f", target F1 {TARGETS[name]}" if name in TARGETS else ""
        print(f"{name:13} P {counted.precision:.3f} R {counted.recall:.3f} F1 {counted.f1:.3f}{target}")
        faults += counted.faults
    if (LABELLED / f"{prefix}-phrases.tsv").exists():
        given = phrases(extractor, prefix)
        print(f"code of a phrase, first of the right category: {given.recall:.3f}, target 0.85")
        faults += given.faults
    if (LABELLED / f"{prefix}-notes.txt").exists():
        whole = notes(extractor, prefix)
        print(f"categories in notes: P {whole.precision:.3f} (0.85) R {whole.recall:.3f} (0.75)")
        faults += whole.faults
    if prefix in SENTENCES:
        planted = personal(extractor, prefix)
        print(f"planted personal data: R {planted.recall:.4f} (0.99) P {planted.precision:.3f}")
        faults += planted.faults
    return faults


if __name__ == "__main__":
    main()
